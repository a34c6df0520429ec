#pragma once

// All that differs between libpqxx 6.4 (Debian 12) and 7.10 (Debian 13).

#include <optional>
#include <pqxx/pqxx>
#include <string>
#include <vector>

namespace signalbox::db::compat {

/// Text parameters of a statement; an empty one is NULL.
using Parameters = std::vector<std::optional<std::string>>;

#if PQXX_VERSION_MAJOR < 7

/// 6.4 opens a lost connection again at its next use, without the state of the old one and without
/// a word. The way to forbid it is marked deprecated: 7 forbids it always.
inline void never_reconnect(pqxx::connection& connection) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    connection.inhibit_reactivation(true);
#pragma GCC diagnostic pop
}

/// Prepares now. 6.4 would wait for the first use, and keep the name when PostgreSQL refuses.
inline void prepare(pqxx::connection& connection, const std::string& name, const std::string& sql) {
    connection.prepare(name, sql);
    try {
        connection.prepare_now(name);
    } catch (...) {
        connection.unprepare(name);
        throw;
    }
}

inline void unprepare(pqxx::connection& connection, const std::string& name) {
    connection.unprepare(name);
}

/// For a prepared statement that PostgreSQL has no more. 6.4 still believes in it, and can only be
/// talked out of it by dropping one of that name.
inline void forget_prepared(pqxx::connection& connection, const std::string& name) {
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

inline void never_reconnect(pqxx::connection&) {}

inline void prepare(pqxx::connection& connection, const std::string& name, const std::string& sql) {
    connection.prepare(name, sql);
}

inline void unprepare(pqxx::connection& connection, const std::string& name) {
    connection.unprepare(name);
}

inline void forget_prepared(pqxx::connection&, const std::string&) {}

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
