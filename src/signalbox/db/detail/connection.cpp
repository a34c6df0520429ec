#include "signalbox/db/detail/connection.hpp"

#include <poll.h>

#include <cstddef>
#include <pqxx/pqxx>
#include <utility>

#include "signalbox/config/database_url.hpp"
#include "signalbox/db/detail/pqxx_compat.hpp"
#include "signalbox/db/detail/server_error.hpp"
#include "signalbox/db/detail/sqlstate.hpp"

#if defined(__SANITIZE_ADDRESS__) && PQXX_VERSION_MAJOR < 7
// libpqxx 6.4 leaks a result, some 2 KB, each time a connection is lost in the middle of a
// statement. No way around it but 7; the leak checker shall not end a debug build for it.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() {
    return "leak:libpqxx-6.4.so";
}
extern "C" const char* __lsan_default_options();
extern "C" const char* __lsan_default_options() {
    return "print_suppressions=0";
}
#endif

namespace signalbox::db {

namespace {

// More different statements than this, and the SQL is surely made of data, which would fill the
// memory of PostgreSQL: what comes later is not prepared.
constexpr std::size_t max_prepared = 256;

/// Notes what the server says of itself. Whether the connection would have been opened otherwise,
/// had that been known.
bool learn_from(PGconn* handle, ConnectionOptions& options) {
    const auto before = connection_settings(options);
    const char* const encoding = PQparameterStatus(handle, "server_encoding");
    options.server_version = PQserverVersion(handle);
    options.sql_ascii = encoding != nullptr && std::string_view(encoding) == "SQL_ASCII";
    return connection_settings(options) != before;
}

/// Whether the server was refused something that only newer ones know, and will not be again.
bool learn_from(std::string_view refusal, ConnectionOptions& options) {
    constexpr int before_idle_session_timeout = 130000;
    constexpr int before_transaction_timeout = 160000;
    const auto names = [&](std::string_view setting) {
        return refusal.find(setting) != std::string_view::npos;
    };
    int version = options.server_version;
    if (names("\"transaction_timeout\"")) version = before_transaction_timeout;
    if (names("\"idle_session_timeout\"")) version = before_idle_session_timeout;
    return std::exchange(options.server_version, version) != version;
}

std::unique_ptr<compat::Connection> connect(ConnectionOptions& options) {
    // A URL can name servers that differ: what one of them has told need not hold for the next.
    constexpr int most_tries = 4;
    for (int tries = 1;; ++tries) {
        try {
            auto connection = std::make_unique<compat::Connection>(connection_settings(options));
            compat::never_reconnect(*connection);
            if (learn_from(connection->handle(), options) && tries < most_tries) continue;
            if (is_read_only_by_set(options))
                pqxx::nontransaction{*connection}.exec("SET default_transaction_read_only = on");
            return connection;
        } catch (const pqxx::failure& error) {
            auto message = in_one_line(error.what());
            if (learn_from(message, options) && tries < most_tries) continue;
            if (message.find("unsupported startup parameter") != std::string::npos)
                message += " (a connection pooler refuses `options`: use --database-prepare off)";
            throw Unavailable("cannot connect to " + config::redact_url(options.url) + ": " +
                              message);
        }
    }
}

}  // namespace

Connection::Connection(ConnectionOptions options)
    : options_(std::move(options)),
      connection_(connect(options_)),
      local_settings_(options_.prepare ? std::vector<std::string>() : db::local_settings(options_)),
      begin_read_("BEGIN READ ONLY" + behind_begin(local_settings_)) {}

Connection::~Connection() = default;

pqxx::result Connection::read(const Statement& statement) {
    if (lost_) throw Unavailable("the connection was lost at an earlier read");
    try {
        return options_.prepare ? run_prepared(statement) : run_read_only(statement);
    } catch (const pqxx::failure& error) {
        leave_transaction();
        throw_classified(error);
    }
}

void Connection::leave_transaction() noexcept {
    // A cancellation that comes late can hit it.
    const auto left = [this] { return PQtransactionStatus(handle()) == PQTRANS_IDLE; };
    for (int tries = 0; tries < 3 && !left(); ++tries) {
        try {
            pqxx::nontransaction{*connection_}.exec("ROLLBACK");
        } catch (const std::exception&) {
            // What it has come to is looked at above and below.
        }
    }
    if (!left()) lost_ = true;
}

pqxx::result Connection::run(const Statement& statement) {
    pqxx::nontransaction transaction{*connection_};
    return compat::exec_unprepared(transaction, statement.sql, statement.parameters);
}

pqxx::result Connection::run_read_only(const Statement& statement) {
    // A SET would stay behind in the pooler's session, for whoever has it next: it is LOCAL.
    pqxx::nontransaction transaction{*connection_};
    transaction.exec(begin_read_);
    auto rows = compat::exec_unprepared(transaction, statement.sql, statement.parameters);
    transaction.exec("COMMIT");
    return rows;
}

pqxx::result Connection::run_prepared(const Statement& statement) {
    if (prepared_.size() >= max_prepared && !prepared_.contains(statement.sql))
        return run(statement);
    const auto execute = [&](const std::string& name) {
        pqxx::nontransaction transaction{*connection_};
        return compat::exec_prepared(transaction, name, statement.parameters);
    };
    const auto& name = prepared_name(statement.sql);
    // A statement that failed has changed nothing, so it can be run again.
    try {
        return execute(name);
    } catch (const pqxx::feature_not_supported&) {  // cached plan must not change result type
        compat::unprepare(*connection_, forget(statement.sql));
    } catch (const pqxx::invalid_sql_statement_name&) {  // DISCARD ALL, by a pooler
        compat::forget_prepared(*connection_, forget(statement.sql));
    }
    return execute(prepared_name(statement.sql));
}

const std::string& Connection::prepared_name(const std::string& sql) {
    const auto known = prepared_.find(sql);
    if (known != prepared_.end()) return known->second;
    // A number is never used again: after an error nobody knows what a name stands for.
    auto name = "signalbox_" + std::to_string(++last_name_);
    compat::prepare(*connection_, name, sql);
    return prepared_.emplace(sql, std::move(name)).first->second;
}

std::string Connection::forget(const std::string& sql) {
    return prepared_.extract(sql).mapped();
}

bool Connection::hung_up() const noexcept {
    pollfd connection{.fd = connection_->sock(), .events = POLLRDHUP, .revents = 0};
    return connection.fd < 0 || ::poll(&connection, 1, 0) != 0;
}

int Connection::socket() const noexcept {
    return connection_->sock();
}

void Connection::cancel() {
    try {
        connection_->cancel_query();
    } catch (const std::exception& error) {  // std::bad_alloc is libpqxx's word for a lost one
        throw Unavailable("could not cancel: " + in_one_line(error.what()));
    }
}

PGconn* Connection::handle() const noexcept {
    return connection_->handle();
}

Connection::PreparedName Connection::name_for(std::string_view sql) {
    if (!options_.prepare) return {};
    const auto known = prepared_by_libpq_.find(std::string(sql));
    if (known != prepared_by_libpq_.end()) return {known->second, false};
    if (prepared_by_libpq_.size() >= max_prepared) return {};
    auto name = "signalbox_" + std::to_string(++last_name_);
    return {prepared_by_libpq_.emplace(sql, std::move(name)).first->second, true};
}

void Connection::forget_name_for(std::string_view sql) {
    prepared_by_libpq_.erase(std::string(sql));
}

std::string Connection::quote_name(std::string_view name) const {
    return connection_->quote_name(std::string(name));
}

void Connection::throw_classified(const pqxx::failure& error) {
    auto told = server_error(error.what(), compat::sqlstate(error));
    auto reason = unavailable_reason(told.details.sqlstate);
    if (!reason && (!connection_->is_open() ||
                    dynamic_cast<const pqxx::broken_connection*>(&error) != nullptr))
        reason = Unavailable::Reason::unreachable;
    lost_ = lost_ || reason == Unavailable::Reason::unreachable;
    // Of a lost connection libpqxx can say things like "Could not obtain client encoding".
    if (lost_) {
        throw Unavailable("lost the connection: " + told.message,
                          reason.value_or(Unavailable::Reason::unreachable), told.details.sqlstate);
    }
    throw_error(std::move(told), false);
}

}  // namespace signalbox::db
