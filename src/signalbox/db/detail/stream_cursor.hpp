#pragma once

#include <libpq-fe.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "signalbox/db/detail/connection.hpp"
#include "signalbox/db/detail/pg_result.hpp"
#include "signalbox/db/row_form.hpp"
#include "signalbox/db/row_stream.hpp"

namespace signalbox::db {

/// How many rows to ask for next, so that a batch has about as many bytes as it should, whatever a
/// row has.
class BatchSize {
  public:
    /// Few rows at first, for a first batch soon, and as nobody knows how wide they are.
    static constexpr std::size_t first = 100;
    static constexpr std::size_t most = 1000;
    static constexpr std::size_t bytes = std::size_t{256} * 1024;

    [[nodiscard]] std::size_t next() const noexcept { return next_; }
    /// Of the batch that was asked for.
    void came(std::size_t rows, std::size_t its_bytes) noexcept;

  private:
    std::size_t next_ = first;
    double width_ = 0;  ///< of a row, in bytes: what to expect of the widest
};

/// A query that is read by a cursor, in a read-only transaction. Each call throws as
/// Connection::read() does.
///
/// On the connection's thread; blocks. The transaction is left when this is destroyed.
class StreamCursor {
  public:
    /// `query`: a plain one (sql_text.hpp); the parameters are bound.
    StreamCursor(Connection& connection, std::string_view query,
                 const std::vector<std::optional<std::string>>& parameters, const RowForm* form);
    ~StreamCursor();
    StreamCursor(const StreamCursor&) = delete;
    StreamCursor& operator=(const StreamCursor&) = delete;

    /// Rows as PostgreSQL sent them.
    struct Fetched {
        PgResult rows;
        bool last;
    };

    /// Has PostgreSQL fetch the next rows, without waiting for them. They have to be taken before
    /// anything else is asked, and soon: PostgreSQL's statement_timeout goes on until they are.
    void ask();
    [[nodiscard]] Fetched take();
    /// What is made of them, which may be done while PostgreSQL fetches the next.
    [[nodiscard]] detail::StreamBatch batch_of(const Fetched& fetched) const;

    /// Asks something, so that PostgreSQL does not take the session for one whose process has
    /// frozen.
    void keep_alive();

    /// Ends the transaction.
    void close();

  private:
    [[nodiscard]] PgResult run(const std::string& sql);
    [[nodiscard]] PgResult answer();
    void check(const PGresult* result);

    Connection& connection_;
    const RowForm* const form_;
    BatchSize size_;
    std::size_t asked_ = 0;  ///< rows that have yet to be taken
};

}  // namespace signalbox::db
