#pragma once

#include <libpq-fe.h>

#include <string>
#include <string_view>

#include "signalbox/db/error.hpp"

// Why PostgreSQL refused a statement, by whichever library it was run, and the exception for it.
// Texts are UTF-8 whatever the server's are: what is not becomes U+FFFD.

namespace signalbox::db {

struct ServerError {
    std::string message;  ///< for the log, in one line
    Error::Details details;
};

/// Of a result that is an error.
[[nodiscard]] ServerError server_error(const PGresult* failed);

/// Of all that libpqxx passes on, which is enough for reads: they violate no constraint.
[[nodiscard]] ServerError server_error(std::string_view text, std::string sqlstate);

/// libpq's messages have several lines; a line of the log is one, in UTF-8.
[[nodiscard]] std::string in_one_line(std::string_view text);

/// Throws the Error of the SQLSTATE, or Unavailable where unavailable_reason() has one for it.
/// `writes`: whether the statement was meant to.
[[noreturn]] void throw_error(ServerError error, bool writes);

}  // namespace signalbox::db
