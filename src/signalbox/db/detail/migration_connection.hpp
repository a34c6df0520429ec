#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "signalbox/db/error.hpp"

namespace signalbox::db {

/// PostgreSQL refused a statement of a text.
class StatementError : public Error {
  public:
    StatementError(const std::string& message, std::string sqlstate,
                   std::optional<std::size_t> position, std::size_t statement)
        : Error(message, std::move(sqlstate)), position_(position), statement_(statement) {}

    /// The character of the text, from 1, that PostgreSQL points at; it does so for errors of
    /// syntax and names, not for those that come up while a statement runs.
    std::optional<std::size_t> position() const { return position_; }
    /// Which statement of the text failed, from 1.
    std::size_t statement() const { return statement_; }

  private:
    std::optional<std::size_t> position_;
    std::size_t statement_;
};

/// A blocking connection for migrations, straight on libpq. Everything else uses libpqxx, but that
/// tells neither where in a text an error is, which is the first thing the author of a migration
/// wants to know, nor that version 6 silently reconnected, which would lose an open transaction
/// with the lock in it. For one thread.
class MigrationConnection {
  public:
    /// Retries with growing pauses while there is no server or it is starting, until
    /// `patience` has passed; a server that refuses us is not asked again. Texts are UTF-8 whatever
    /// the database is. Throws Unavailable.
    MigrationConnection(const std::string& url, std::chrono::milliseconds patience);

    /// Any number of statements in one text. Throws StatementError, or Unavailable when the
    /// connection is lost.
    void execute(const std::string& sql);

    /// The first column of the rows, null as "". Throws StatementError, or Unavailable when the
    /// connection is lost.
    std::vector<std::string> column(const std::string& sql,
                                    const std::vector<std::string>& parameters = {});

    bool in_transaction() const;

  private:
    struct Close {
        void operator()(PGconn* connection) const { PQfinish(connection); }
    };
    std::unique_ptr<PGconn, Close> connection_;
};

}  // namespace signalbox::db
