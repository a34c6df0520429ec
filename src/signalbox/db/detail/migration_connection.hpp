#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "signalbox/db/detail/connect_attempt.hpp"
#include "signalbox/db/detail/stop_event.hpp"
#include "signalbox/db/error.hpp"
#include "signalbox/db/migrations.hpp"

namespace signalbox::db {

/// PostgreSQL refused a statement of a text.
class StatementError : public Error {
  public:
    StatementError(const std::string& message, std::string sqlstate,
                   std::optional<std::size_t> position, bool counts_bytes, std::size_t statement)
        : Error(message, std::move(sqlstate)),
          position_(position),
          counts_bytes_(counts_bytes),
          statement_(statement) {}

    /// The character of the text, from 1, that PostgreSQL points at; it does so for errors of
    /// syntax and names, not for those that come up while a statement runs.
    std::optional<std::size_t> position() const { return position_; }
    /// It is the byte, as the database knows no other characters.
    bool counts_bytes() const { return counts_bytes_; }
    /// Which statement of the text failed, from 1.
    std::size_t statement() const { return statement_; }

  private:
    std::optional<std::size_t> position_;
    bool counts_bytes_;
    std::size_t statement_;
};

/// A blocking connection for migrations, straight on libpq. Everything else uses libpqxx, but that
/// tells neither where in a text an error is, which is the first thing the author of a migration
/// wants to know, nor that version 6 silently reconnected, which would lose an open transaction
/// with the lock in it. For one thread.
///
/// Hears the target's `stop` wherever it waits, and then throws Unavailable, `stopping`. A
/// statement that runs is cancelled in PostgreSQL first, which would go on with it otherwise; what
/// is done in spite of that is no error.
class MigrationConnection {
  public:
    /// Tries again with growing pauses, each time with a report, until the target's `patience` has
    /// passed. What a server refuses for good, as a wrong password, is not tried again. Texts are
    /// UTF-8 whatever the database is, but for one without an encoding (SQL_ASCII), which takes
    /// them as they are. Throws Unavailable.
    explicit MigrationConnection(const MigrationTarget& target);

    /// BEGIN, with `mode` behind it, and with what sessions have set in transactions (see
    /// connection_settings.hpp): behind a pooler there is no other place for it.
    void begin(const std::string& mode = "");

    /// Any number of statements in one text. Throws StatementError, or Unavailable when the
    /// connection is lost.
    void execute(const std::string& sql);

    /// The first column of the rows, null as "". Throws StatementError, or Unavailable when the
    /// connection is lost.
    std::vector<std::string> column(const std::string& sql,
                                    const std::vector<std::string>& parameters = {});

    bool in_transaction() const;

    /// From here on `stop` is not heard: for what must not be left out behind what is done.
    void finish() noexcept { finishing_ = true; }

  private:
    using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;

    void connect(const MigrationTarget& target);
    /// Throws when it is time to stop.
    void check_stop() const;
    Result next_result();
    void cancel();
    [[noreturn]] void fail(const PGresult* result, std::size_t statement) const;

    StopEvent stop_;
    bool finishing_ = false;
    bool cancelled_ = false;  ///< what runs
    bool sql_ascii_ = false;
    ConnectionHandle connection_;
};

}  // namespace signalbox::db
