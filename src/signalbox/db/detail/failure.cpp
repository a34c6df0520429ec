#include "signalbox/db/detail/failure.hpp"

#include <charconv>
#include <utility>

#include "signalbox/db/detail/server_error.hpp"
#include "signalbox/db/error.hpp"

namespace signalbox::db {

std::string_view sqlstate_of(const PGresult& result) {
    const char* const state = PQresultErrorField(&result, PG_DIAG_SQLSTATE);
    return state != nullptr ? state : "";
}

std::exception_ptr failure(const PGresult& result) {
    try {
        throw_error(server_error(&result), true);
    } catch (...) {
        return std::current_exception();
    }
}

std::string sqlstate_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const Error& refused) {
        return refused.sqlstate();
    } catch (const Unavailable& unavailable) {
        return unavailable.sqlstate();
    } catch (...) {
        return {};
    }
}

std::string error_type(const std::exception_ptr& error) {
    if (!error) return {};
    std::string sqlstate = sqlstate_of(error);
    return sqlstate.empty() ? "connection" : std::move(sqlstate);
}

std::size_t affected_rows(const PGresult& result) {
    // libpq takes it as not changed, and does not change it.
    const std::string_view text = PQcmdTuples(const_cast<PGresult*>(&result));
    std::size_t rows = 0;
    std::from_chars(text.data(), text.data() + text.size(), rows);
    return rows;
}

}  // namespace signalbox::db
