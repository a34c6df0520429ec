#include "signalbox/db/error.hpp"

namespace signalbox::db {

// https://www.postgresql.org/docs/current/errcodes-appendix.html
ErrorKind error_kind(std::string_view sqlstate) noexcept {
    if (sqlstate == "57014") return ErrorKind::cancelled;
    if (sqlstate == "53300") return ErrorKind::too_many_connections;
    if (sqlstate.starts_with("57P")) return ErrorKind::server_shutdown;
    if (sqlstate.starts_with("08")) return ErrorKind::connection;
    return ErrorKind::statement;
}

}  // namespace signalbox::db
