#include "signalbox/db/detail/schema_look.hpp"

#include <libpq-fe.h>

#include <memory>
#include <utility>

#include "signalbox/db/detail/failure.hpp"
#include "signalbox/db/detail/server_error.hpp"
#include "signalbox/db/detail/sqlstate.hpp"

namespace signalbox::db {

namespace {

using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;

/// Statements of one text are one transaction, so that this ends with them.
constexpr auto wait_for_locks = "SET LOCAL lock_timeout = '500ms'; ";

/// As migrations name it (migrations.cpp), and whether it is there: PostgreSQL would log an error
/// each time that one asks a table that is not.
constexpr auto find_table =
    "SELECT t.name, to_regclass(t.name) IS NOT NULL FROM (SELECT "
    "quote_ident(coalesce(current_schema(), 'public')) || '.schema_migrations') AS t (name)";

/// Of the last statement, or of the one that failed.
Result run(Connection& connection, const std::string& sql) {
    Result result{PQexec(connection.handle(), (wait_for_locks + sql).c_str()), &PQclear};
    if (PQstatus(connection.handle()) == CONNECTION_BAD) connection.set_lost();
    return result;
}

SchemaLook failed(const Connection& connection, const PGresult* result) {
    if (result == nullptr) return {.error = in_one_line(PQerrorMessage(connection.handle()))};
    return {.error = in_one_line(PQresultErrorMessage(result)),
            .refused = sqlstate_of(*result) == insufficient_privilege};
}

}  // namespace

SchemaLook look_at_schema(Connection& connection) {
    const Result table = run(connection, find_table);
    if (PQresultStatus(table.get()) != PGRES_TUPLES_OK) return failed(connection, table.get());
    if (*PQgetvalue(table.get(), 0, 1) != 't') return {.applied = std::set<std::string>{}};
    const std::string select = "SELECT version FROM ";
    const Result versions = run(connection, select + PQgetvalue(table.get(), 0, 0));
    if (PQresultStatus(versions.get()) != PGRES_TUPLES_OK)
        return failed(connection, versions.get());
    std::set<std::string> applied;
    for (int row = 0; row < PQntuples(versions.get()); ++row)
        applied.emplace(PQgetvalue(versions.get(), row, 0));
    return {.applied = std::move(applied)};
}

}  // namespace signalbox::db
