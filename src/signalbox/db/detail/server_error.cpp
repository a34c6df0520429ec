#include "signalbox/db/detail/server_error.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "signalbox/db/detail/sqlstate.hpp"
#include "signalbox/fast/json_string.hpp"

namespace signalbox::db {

namespace {

bool is_constraint_violation(std::string_view sqlstate) {
    return sqlstate.starts_with("23");
}

/// What was said before the client's encoding was agreed on, or where the database has none, is in
/// any.
std::string utf8(std::string_view text) {
    std::string result;
    append_utf8(result, text);
    return result;
}

std::string field(const PGresult* failed, int code) {
    const char* const value = PQresultErrorField(failed, code);
    return value != nullptr ? utf8(value) : "";
}

/// Of 22P05, "character … in encoding "X" has no equivalent in encoding "Y"": whether it stands in
/// the database, for what we send is UTF-8.
bool is_in_the_database(std::string_view message) {
    const std::size_t begin = message.find('"');
    const std::size_t end = message.find('"', begin + 1);
    if (end == std::string_view::npos) return false;
    return message.substr(begin + 1, end - begin - 1) != "UTF8";
}

template <class Kind>
[[noreturn]] void throw_as(ServerError error) {
    throw Kind(error.message, std::move(error.details));
}

}  // namespace

std::string in_one_line(std::string_view text) {
    std::string line;
    for (const char c : utf8(text)) {
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
    if (state == "22P05" && is_in_the_database(error.message)) throw_as<Error>(std::move(error));
    // Of class 22 those that a parameter's text can cause: not a division by zero.
    constexpr std::array<std::string_view, 7> of_data{"22001", "22003", "22007", "22008",
                                                      "22021", "22P02", "22P05"};
    if (std::find(of_data.begin(), of_data.end(), state) != of_data.end())
        throw_as<InvalidData>(std::move(error));
    throw_as<Error>(std::move(error));
}

}  // namespace signalbox::db
