#pragma once

// All that differs between libpqxx 6.4 (Debian 12) and 7.10 (Debian 13).

#include <libpq-fe.h>

#include <optional>
#include <pqxx/pqxx>
#include <string>
#include <vector>

namespace signalbox::db::compat {

/// Text parameters of a statement; an empty one is NULL.
using Parameters = std::vector<std::optional<std::string>>;

#if PQXX_VERSION_MAJOR < 7

/// A connection whose handle is known: transactions drive it by libpq (session.hpp). 7 can be given
/// one that libpq has opened; 6.4 asks a policy to open it.
class Connection final : public pqxx::connection_base {
  public:
    explicit Connection(const std::string& settings)
        : pqxx::connection_base(policy_), policy_(settings) {
        init();
    }
    ~Connection() { close(); }

    [[nodiscard]] PGconn* handle() const noexcept { return policy_.opened; }

  private:
    struct Policy : pqxx::connect_direct {
        using pqxx::connect_direct::connect_direct;
        handle do_startconnect(handle known) override {
            return opened = pqxx::connect_direct::do_startconnect(known);
        }
        handle opened = nullptr;
    };

    Policy policy_;
};

/// 6.4 opens a lost connection again at its next use, without the state of the old one and without
/// a word. The way to forbid it is marked deprecated: 7 forbids it always.
inline void never_reconnect(Connection& connection) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    connection.inhibit_reactivation(true);
#pragma GCC diagnostic pop
}

/// Prepares now. 6.4 would wait for the first use, and keep the name when PostgreSQL refuses.
inline void prepare(Connection& connection, const std::string& name, const std::string& sql) {
    connection.prepare(name, sql);
    try {
        connection.prepare_now(name);
    } catch (...) {
        connection.unprepare(name);
        throw;
    }
}

inline void unprepare(Connection& connection, const std::string& name) {
    connection.unprepare(name);
}

/// For a prepared statement that PostgreSQL has no more. 6.4 still believes in it, and can only be
/// talked out of it by dropping one of that name.
inline void forget_prepared(Connection& connection, const std::string& name) {
    pqxx::nontransaction{connection}.exec("PREPARE " + name + " AS SELECT 1");
    connection.unprepare(name);
}

inline std::vector<const char*> pointers(const Parameters& parameters) {
    std::vector<const char*> result;
    result.reserve(parameters.size());
    for (const auto& parameter : parameters)
        result.push_back(parameter ? parameter->c_str() : nullptr);
    return result;
}

inline pqxx::result exec_prepared(pqxx::transaction_base& transaction, const std::string& name,
                                  const Parameters& parameters) {
    return transaction.exec_prepared(name,
                                     pqxx::prepare::make_dynamic_params(pointers(parameters)));
}

inline pqxx::result exec_unprepared(pqxx::transaction_base& transaction, const std::string& sql,
                                    const Parameters& parameters) {
    return transaction.exec_params(sql, pqxx::prepare::make_dynamic_params(pointers(parameters)));
}

#else

class Connection final : public pqxx::connection {
  public:
    explicit Connection(const std::string& settings) : Connection(open(settings)) {}

    [[nodiscard]] PGconn* handle() const noexcept { return handle_; }

  private:
    explicit Connection(PGconn* opened)
        : pqxx::connection(seize_raw_connection(opened)), handle_(opened) {}

    static PGconn* open(const std::string& settings) {
        PGconn* const opened = PQconnectdb(settings.c_str());
        if (PQstatus(opened) == CONNECTION_OK) return opened;
        const std::string why = PQerrorMessage(opened);
        PQfinish(opened);
        throw pqxx::broken_connection(why);
    }

    PGconn* handle_;
};

inline void never_reconnect(Connection&) {}

inline void prepare(Connection& connection, const std::string& name, const std::string& sql) {
    connection.prepare(name, sql);
}

inline void unprepare(Connection& connection, const std::string& name) {
    connection.unprepare(name);
}

inline void forget_prepared(Connection&, const std::string&) {}

inline pqxx::params params(const Parameters& parameters) {
    pqxx::params result;
    result.reserve(parameters.size());
    for (const auto& parameter : parameters)
        result.append(parameter);
    return result;
}

inline pqxx::result exec_prepared(pqxx::transaction_base& transaction, const std::string& name,
                                  const Parameters& parameters) {
    return transaction.exec(pqxx::prepped{name}, params(parameters));
}

inline pqxx::result exec_unprepared(pqxx::transaction_base& transaction, const std::string& sql,
                                    const Parameters& parameters) {
    return transaction.exec(sql, params(parameters));
}

#endif

/// PostgreSQL's code for an exception of libpqxx; empty when the exception does not tell.
inline std::string sqlstate(const std::exception& error) {
    if (const auto* sql = dynamic_cast<const pqxx::sql_error*>(&error)) return sql->sqlstate();
    // Not an sql_error in 6.4, which leaves only the type to tell.
    if (dynamic_cast<const pqxx::serialization_failure*>(&error) != nullptr) return "40001";
    if (dynamic_cast<const pqxx::deadlock_detected*>(&error) != nullptr) return "40P01";
    if (dynamic_cast<const pqxx::transaction_rollback*>(&error) != nullptr) return "40000";
    return {};
}

}  // namespace signalbox::db::compat
