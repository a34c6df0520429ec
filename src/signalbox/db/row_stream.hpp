#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

#include "signalbox/async/task.hpp"
#include "signalbox/db/row_form.hpp"
#include "signalbox/db/rows.hpp"
#include "signalbox/json.hpp"

namespace signalbox::db {

namespace detail {

/// Some of the rows, in the order of the statement, as the statement's form has them. Any number of
/// readers share one.
struct StreamBatch {
    JsonText rows{};                       ///< a JSON array
    std::shared_ptr<const void> values{};  ///< RowValues, where objects were asked for
    std::size_t count = 0;                 ///< of rows
    std::size_t bytes = 0;                 ///< of the text, or about what the objects take
    bool last = true;                      ///< there are no more
};

/// Where a RowStream's batches come from.
class RowSource {
  public:
    virtual ~RowSource() = default;
    /// The next batch. Not to be called again after the last one, or after it has thrown.
    virtual async::Task<StreamBatch> next() = 0;
    // NOLINTNEXTLINE(performance-unnecessary-value-param): who overrides it keeps it
    virtual void on_left_behind(std::function<void()>) {}
};

/// What RowStreams have in common.
class RowStreamBase {
  public:
    /// Whether the batch that next() returned last has the last rows. True also when next() has
    /// said that there are no more.
    [[nodiscard]] bool complete() const noexcept { return complete_; }

    /// Has this called, once and on the event loop, when the stream has been taken from its reader
    /// for being too slow. The reader, who is busy with a batch then, would otherwise learn of it
    /// by SlowReader when it comes back. Not called any more after the stream has been destroyed.
    void on_left_behind(std::function<void()> call) {
        if (source_) source_->on_left_behind(std::move(call));
    }

  protected:
    explicit RowStreamBase(std::unique_ptr<RowSource> source) : source_(std::move(source)) {}

    async::Task<StreamBatch> next_batch() {
        StreamBatch batch;
        if (complete_) co_return batch;
        if (!source_) throw std::logic_error("a stream that has failed has no further rows");
        try {
            batch = co_await source_->next();
        } catch (...) {
            source_.reset();  // and what it holds
            throw;
        }
        complete_ = batch.last;
        if (complete_) source_.reset();
        co_return batch;
    }

  private:
    std::unique_ptr<RowSource> source_;
    bool complete_ = false;
};

}  // namespace detail

/// The rows of a statement, batch by batch, however many there are: it is made by
/// Queryable::stream() and its like. What it holds of the pool goes back when the last batch has
/// been taken, and when it is destroyed: then the statement is cancelled in PostgreSQL.
///
///     auto rows = database.stream<Item>("SELECT id, name FROM items ORDER BY id");
///     while (const auto batch = co_await rows.next())
///         for (const Item& item : *batch) …
///
/// A batch has some tens of thousands of bytes, or a single row that has more. No batch is empty.
///
/// Threads: one event loop's. One next() at a time. Lifetime: destroyed before its pool, and one of
/// a transaction before that.
template <class T>
class RowStream : public detail::RowStreamBase {
    static_assert(detail::is_row<T>, "rows are described by a struct, a column for each member");

  public:
    explicit RowStream(std::unique_ptr<detail::RowSource> source)
        : RowStreamBase(std::move(source)) {}

    /// The next rows, or null when there are no more. Throws what error.hpp lists: then there are
    /// no further ones.
    async::Task<std::shared_ptr<const RowValues<T>>> next() {
        detail::StreamBatch batch = co_await next_batch();
        if (batch.count == 0) batch.values.reset();
        co_return std::static_pointer_cast<const RowValues<T>>(std::move(batch.values));
    }
};

/// As JSON: each batch is an array, of objects.
template <>
class RowStream<JsonText> : public detail::RowStreamBase {
  public:
    explicit RowStream(std::unique_ptr<detail::RowSource> source)
        : RowStreamBase(std::move(source)) {}

    async::Task<std::optional<JsonText>> next() {
        detail::StreamBatch batch = co_await next_batch();
        if (batch.count == 0) co_return std::nullopt;
        co_return std::move(batch.rows);
    }
};

/// The same, of the columns that T has.
template <class T>
class RowStream<Rows<T>> : public detail::RowStreamBase {
  public:
    explicit RowStream(std::unique_ptr<detail::RowSource> source)
        : RowStreamBase(std::move(source)) {}

    async::Task<std::optional<Rows<T>>> next() {
        detail::StreamBatch batch = co_await next_batch();
        if (batch.count == 0) co_return std::nullopt;
        co_return Rows<T>(std::move(batch.rows));
    }
};

}  // namespace signalbox::db
