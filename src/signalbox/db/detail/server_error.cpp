#include "signalbox/db/detail/server_error.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "signalbox/db/detail/sqlstate.hpp"

namespace signalbox::db {

namespace {

bool is_constraint_violation(std::string_view sqlstate) {
    return sqlstate.starts_with("23");
}

std::string field(const PGresult* failed, int code) {
    const char* const value = PQresultErrorField(failed, code);
    return value != nullptr ? value : "";
}

template <class Kind>
[[noreturn]] void throw_as(ServerError error) {
    throw Kind(error.message, std::move(error.details));
}

}  // namespace

std::string in_one_line(std::string_view text) {
    std::string line;
    for (const char c : text) {
        if (c == '\n') line += "; ";
        if (c != '\n' && c != '\t') line += c;
    }
    while (line.ends_with("; "))
        line.resize(line.size() - 2);
    return line;
}

ServerError server_error(const PGresult* failed) {
    return {.message = in_one_line(PQresultErrorMessage(failed)),
            .details = {.sqlstate = field(failed, PG_DIAG_SQLSTATE),
                        .constraint = field(failed, PG_DIAG_CONSTRAINT_NAME),
                        .table = field(failed, PG_DIAG_TABLE_NAME),
                        .column = field(failed, PG_DIAG_COLUMN_NAME)}};
}

ServerError server_error(std::string_view text, std::string sqlstate) {
    return {.message = in_one_line(text), .details = {.sqlstate = std::move(sqlstate)}};
}

// https://www.postgresql.org/docs/current/errcodes-appendix.html
void throw_error(ServerError error, bool writes) {
    const std::string state = error.details.sqlstate;
    if (const auto reason = unavailable_reason(state))
        throw Unavailable(error.message, *reason, state);
    if (state == "23505") throw_as<UniqueViolation>(std::move(error));
    if (state == "23P01") throw_as<ExclusionViolation>(std::move(error));
    // 23001 is RESTRICT's, from PostgreSQL 18 on.
    if (state == "23503" || state == "23001") throw_as<ForeignKeyViolation>(std::move(error));
    if (state == "23514") throw_as<CheckViolation>(std::move(error));
    if (state == "23502") throw_as<NotNullViolation>(std::move(error));
    if (is_constraint_violation(state)) throw_as<ConstraintViolation>(std::move(error));
    if (state == "40001") throw_as<SerializationFailure>(std::move(error));
    if (state == "40P01") throw_as<DeadlockDetected>(std::move(error));
    if (state == "55P03") throw_as<LockNotAvailable>(std::move(error));
    if (state == "25006") {
        if (writes) throw_as<ReadOnly>(std::move(error));
        error.message += " (it was called as a read: what writes is called by execute…)";
    }
    // Of class 22 those that a parameter's text can cause: not a division by zero.
    constexpr std::array<std::string_view, 7> of_data{"22001", "22003", "22007", "22008",
                                                      "22021", "22P02", "22P05"};
    if (std::find(of_data.begin(), of_data.end(), state) != of_data.end())
        throw_as<InvalidData>(std::move(error));
    throw_as<Error>(std::move(error));
}

}  // namespace signalbox::db
