#pragma once

#include <stdexcept>
#include <string>
#include <utility>

// What goes wrong with the database, sorted by what the caller can do about it. There are these
// five:
//
//   Error        PostgreSQL refused the statement, and would again. Its subclasses say why, each
//                with an answer of its own (below); else the client gets 500. Texts are UTF-8
//   Unavailable  it is not the statement's fault, and later it may work: 503 with Retry-After,
//                without a handler's help
//   UnknownOutcome
//                a statement that writes was done, or was not: 503 that says so
//   ResultMismatch
//                the statement ran, but its rows are not what the program reads them as: 500
//   SlowReader   the reader of a stream held up others: its response is cut
//
// Messages are for the log, not for clients: they can hold SQL and data, never the password.
//
// The answer when the handler does not catch them. The body says no more than the sentence here:
// only the handler may tell which constraint it was.
//
// | Error               | SQLSTATE       | status            | because                            |
// |---------------------|----------------|-------------------|------------------------------------|
// | UniqueViolation     | 23505          | 409               | another has the value already      |
// | ExclusionViolation  | 23P01          | 409               | the same, by an EXCLUDE constraint |
// | ForeignKeyViolation | 23503          | 409               | what it names is not there, or     |
// |                     |                |                   | what it deletes is still named     |
// | CheckViolation      | 23514          | 422               | a rule that only the table has     |
// | InvalidData         | 22001, 22003,  | 422               | a value that the type cannot hold, |
// |                     | 22007, 22008,  |                   | or that is none of it: too long,   |
// |                     | 22021, 22P02,  |                   | out of range, no UUID              |
// |                     | 22P05          |                   |                                    |
// | NotNullViolation    | 23502          | 500               | the program lets pass what the     |
// |                     |                |                   | table forbids: it has to be fixed  |
// | SerializationFailure| 40001          | 503, Retry-After  | others were at the same rows, the  |
// | DeadlockDetected    | 40P01          |                   | same transaction can work when     |
// | LockNotAvailable    | 55P03          |                   | begun again; of the first two a    |
// |                     |                |                   | read has been tried three times    |
// | ReadOnly            | 25006          | 503, Retry-After  | a write that met a standby, or one |
// |                     |                |                   | that was told to take none         |
// | MissingMigration    | 42P01, 42703,  | 503, Retry-After  | a table, column or the like is not |
// |                     | 42883, 42704,  |                   | there, and migrations are pending  |
// |                     | 3F000          |                   |                                    |
// | any other           |                | 500               | the statement is wrong             |

namespace signalbox::db {

class Error : public std::runtime_error {
  public:
    /// What PostgreSQL tells beside its message; empty where it tells nothing.
    struct Details {
        std::string sqlstate{};
        std::string constraint{};
        std::string table{};
        std::string column{};
    };

    explicit Error(const std::string& message, std::string sqlstate = {})
        : Error(message, Details{.sqlstate = std::move(sqlstate)}) {}
    Error(const std::string& message, Details details)
        : std::runtime_error(message), details_(std::move(details)) {}

    /// PostgreSQL's five letters, such as `42P01` (its manual, appendix A); empty when it did not
    /// say.
    [[nodiscard]] const std::string& sqlstate() const noexcept { return details_.sqlstate; }

    /// The constraint that was violated, as `books_isbn_key`, and its table; of a
    /// NotNullViolation, the column. Empty for what is no constraint.
    [[nodiscard]] const std::string& constraint() const noexcept { return details_.constraint; }
    [[nodiscard]] const std::string& table() const noexcept { return details_.table; }
    [[nodiscard]] const std::string& column() const noexcept { return details_.column; }

  private:
    Details details_;
};

/// Of one of a table's constraints.
class ConstraintViolation : public Error {
  public:
    using Error::Error;
};
class UniqueViolation : public ConstraintViolation {
  public:
    using ConstraintViolation::ConstraintViolation;
};
class ExclusionViolation : public ConstraintViolation {
  public:
    using ConstraintViolation::ConstraintViolation;
};
class ForeignKeyViolation : public ConstraintViolation {
  public:
    using ConstraintViolation::ConstraintViolation;
};
class CheckViolation : public ConstraintViolation {
  public:
    using ConstraintViolation::ConstraintViolation;
};
class NotNullViolation : public ConstraintViolation {
  public:
    using ConstraintViolation::ConstraintViolation;
};

/// A parameter's text that is no value of its type.
class InvalidData : public Error {
  public:
    using Error::Error;
};

/// It lost against others; the whole transaction, begun again, may win.
class TransactionConflict : public Error {
  public:
    using Error::Error;
};
class SerializationFailure : public TransactionConflict {
  public:
    using TransactionConflict::TransactionConflict;
};
class DeadlockDetected : public TransactionConflict {
  public:
    using TransactionConflict::TransactionConflict;
};
/// By NOWAIT or `lock_timeout`.
class LockNotAvailable : public TransactionConflict {
  public:
    using TransactionConflict::TransactionConflict;
};

/// A statement that writes, where nothing may be written: on a standby, say. When it was called as
/// a read it is a plain Error, since that is the program's mistake.
class ReadOnly : public Error {
  public:
    using Error::Error;
};

/// The statement names something that is not there, and the database lacks migrations that the
/// service was made for (Pool::expect). If none are missing, it is a plain Error of the program.
class MissingMigration : public Error {
  public:
    using Error::Error;
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

/// The reader of a stream that took its rows too slowly, while others waited for them or for the
/// stream's connection. The client is told by a response that is cut.
class SlowReader : public std::runtime_error {
  public:
    SlowReader()
        : std::runtime_error(
              "the stream was read too slowly while others waited for what it "
              "holds") {}
};

/// It names the type and the column.
class ResultMismatch : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

}  // namespace signalbox::db
