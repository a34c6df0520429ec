#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace signalbox::db {

/// What a failed connect or read means for the one who asked.
enum class ErrorKind {
    connection,            ///< no connection, or it broke; a read may be tried again on a new one
    server_shutdown,       ///< PostgreSQL stops, starts or ended the session, and could still say
                           ///< so: as `connection`, which libpqxx 6.4 makes of most of these
    too_many_connections,  ///< PostgreSQL or its pooler has no place for one more
    cancelled,             ///< statement_timeout, or somebody cancelled the statement
    statement,             ///< PostgreSQL refused the statement; the session is fine
};

/// The message is for the log: it can hold SQL and data, so it is not for clients. It never holds
/// the database password.
class Error : public std::runtime_error {
  public:
    Error(ErrorKind kind, const std::string& message, std::string sqlstate = {})
        : std::runtime_error(message), kind_(kind), sqlstate_(std::move(sqlstate)) {}

    [[nodiscard]] ErrorKind kind() const noexcept { return kind_; }
    /// PostgreSQL's five letters, such as `42P01`; empty when it did not say.
    [[nodiscard]] const std::string& sqlstate() const noexcept { return sqlstate_; }
    /// Whether the session is of no more use.
    [[nodiscard]] bool session_lost() const noexcept {
        return kind_ != ErrorKind::cancelled && kind_ != ErrorKind::statement;
    }

  private:
    ErrorKind kind_;
    std::string sqlstate_;
};

/// A session could not be opened. The message names the database and its hosts.
class ConnectError : public Error {
  public:
    using Error::Error;
};

/// What an SQLSTATE stands for; `statement` for those of no special meaning to us.
[[nodiscard]] ErrorKind error_kind(std::string_view sqlstate) noexcept;

}  // namespace signalbox::db
