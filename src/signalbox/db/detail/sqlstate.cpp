#include "signalbox/db/detail/sqlstate.hpp"

namespace signalbox::db {

// https://www.postgresql.org/docs/current/errcodes-appendix.html
std::optional<Unavailable::Reason> unavailable_reason(std::string_view sqlstate) noexcept {
    if (sqlstate == "57014") return Unavailable::Reason::timeout;
    // No place for one more; it stops, starts or ended the session; the connection broke.
    if (sqlstate == "53300" || sqlstate.starts_with("57P") || sqlstate.starts_with("08")) {
        return Unavailable::Reason::unreachable;
    }
    return std::nullopt;
}

bool is_stale_statement(std::string_view sqlstate) noexcept {
    // "cached plan must not change result type"; a name that does not exist.
    return sqlstate == "0A000" || sqlstate == "26000";
}

}  // namespace signalbox::db
