#pragma once

#include <stdexcept>
#include <string>
#include <utility>

// What goes wrong with the database, by what the one who asked can do about it. There are these
// four:
//
//   Error        PostgreSQL refused the statement, and would again. A handler that knows the
//                SQLSTATE may answer it, as 23505 with 409; else the client gets 500
//   Unavailable  it is not the statement's fault, and later it may work: 503 with Retry-After,
//                without a handler's help
//   UnknownOutcome
//                a statement that writes was done, or was not: 503 that says so
//   ResultMismatch
//                the statement ran, but its rows are not what the program reads them as: 500
//
// Messages are for the log, not for clients: they can hold SQL and data, never the password.

namespace signalbox::db {

class Error : public std::runtime_error {
  public:
    explicit Error(const std::string& message, std::string sqlstate = {})
        : std::runtime_error(message), sqlstate_(std::move(sqlstate)) {}

    /// PostgreSQL's five letters, such as `42P01` (its manual, appendix A); empty when it did not
    /// say.
    [[nodiscard]] const std::string& sqlstate() const noexcept { return sqlstate_; }

  private:
    std::string sqlstate_;
};

class Unavailable : public std::runtime_error {
  public:
    enum class Reason {
        unreachable,  ///< no connection, or it broke
        queue_full,   ///< too many reads wait already
        timeout,      ///< the answer did not come in time, or somebody cancelled the statement
        stopping,     ///< the pool is being disconnected
    };

    explicit Unavailable(const std::string& message, Reason reason = Reason::unreachable,
                         std::string sqlstate = {})
        : std::runtime_error(message), reason_(reason), sqlstate_(std::move(sqlstate)) {}

    [[nodiscard]] Reason reason() const noexcept { return reason_; }
    /// As an Error's; mostly empty.
    [[nodiscard]] const std::string& sqlstate() const noexcept { return sqlstate_; }

  private:
    Reason reason_;
    std::string sqlstate_;
};

/// A statement that writes was sent, and its connection broke before the answer: it was done, or
/// it was not. 503 without Retry-After, with a detail that says so.
class UnknownOutcome : public std::runtime_error {
  public:
    UnknownOutcome()
        : std::runtime_error(
              "the connection to the database broke: whether the statement was done "
              "is unknown") {}
};

/// It names the type and the column.
class ResultMismatch : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

}  // namespace signalbox::db
