#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "signalbox/db/detail/awaiting.hpp"
#include "signalbox/db/detail/reader_pace.hpp"
#include "signalbox/db/row_stream.hpp"
#include "signalbox/db/statement.hpp"

namespace signalbox::db {

class StreamExecution;

/// Bytes that readers have yet to take of streams that are over. Any thread.
class LeftOver {
  public:
    explicit LeftOver(std::size_t limit) : limit_(limit) {}
    /// False when there is no room for so many more.
    bool add(std::size_t bytes) noexcept {
        if (bytes_.fetch_add(bytes) + bytes <= limit_) return true;
        taken(bytes);
        return false;
    }
    void taken(std::size_t bytes) noexcept { bytes_ -= bytes; }

  private:
    const std::size_t limit_;
    std::atomic<std::size_t> bytes_{0};
};

/// One who reads a stream. Guarded by its execution's mutex, but for the first group: that is set
/// once, as it joins, or by its loop.
struct StreamReader {
    explicit StreamReader(std::chrono::milliseconds grace) : pace(grace) {}

    std::shared_ptr<StreamExecution> execution;
    bool shares = false;  ///< it has joined what another one asked for
    asio::io_context* loop = nullptr;
    std::function<void()> on_left_behind{};  ///< of its loop alone

    std::shared_ptr<Awaiting> waiter;  ///< for the next batch; null while it has one in hand
    std::uint64_t next = 0;            ///< the number of that batch
    ReaderPace pace;
    bool reads = false;        ///< the execution counts on it
    std::exception_ptr ended;  ///< to be thrown to it when it comes back
};
using StreamReaders = std::vector<std::shared_ptr<StreamReader>>;

/// One execution of a query for all who asked for it before it began: a thread of the pool pushes
/// batches, and each reader takes all of them. The window holds those that the slowest reader has
/// not taken; when it is full the thread waits. When all is in the window, which a result may fit
/// into as a whole, the thread is done as soon as that is no more than may be left over.
///
/// Threads: any. The pool may call it with its own mutex; it calls nobody who takes that one.
class StreamExecution {
  public:
    /// `key` is of those who may share it; empty: nobody. `window` in bytes.
    StreamExecution(Statement statement, std::string key, std::size_t window)
        : statement_(std::move(statement)), key_(std::move(key)), window_(window) {}

    [[nodiscard]] const Statement& statement() const noexcept { return statement_; }
    [[nodiscard]] const std::string& key() const noexcept { return key_; }

    /// Before it begins: one more who reads, and waits for the first batch.
    void join(const std::shared_ptr<StreamReader>& reader, const std::shared_ptr<Awaiting>& waiter);
    /// Those who wait, as it begins now.
    Waiters begin(Clock::time_point now);
    /// While it has not begun: takes out those whose deadline has passed.
    Waiters leave_expired(Clock::time_point now);
    Waiters leave_all();
    [[nodiscard]] Clock::time_point next_deadline() const;
    /// Since when its first reader waits; time_point::max() when it has none.
    [[nodiscard]] Clock::time_point since() const;

    /// The reader wants its next batch: what there is already, or nothing, and the waiter is told.
    /// Throws what ended it for this reader.
    std::optional<detail::StreamBatch> take(StreamReader& reader,
                                            const std::shared_ptr<Awaiting>& waiter);
    /// It reads no more, if it did. Whoever waited for it, to be told.
    std::shared_ptr<Awaiting> leave(StreamReader& reader);

    /// Ends those who are too slow, if somebody waits for this window, or `wanted` says that others
    /// wait for a stream's connection.
    void end_slow(Clock::time_point now, bool wanted);

    /// Nobody reads it any more.
    [[nodiscard]] bool deserted() const;
    /// Something has been pushed.
    [[nodiscard]] bool has_pushed() const;

    enum class Room : std::uint8_t { yes, not_yet, unwanted };
    /// On the thread that pushes: waits for room in the window, for so long at most. `unwanted`:
    /// nobody reads any more, or it was told to stop.
    Room wait_for_room(std::chrono::milliseconds timeout);
    void push(detail::StreamBatch batch);
    /// On the same thread, when all was pushed: waits for room for what readers have yet to take,
    /// which counts there until they have. False when there is none within this time.
    bool leave_rest(const std::shared_ptr<LeftOver>& left_over, std::chrono::milliseconds timeout);
    /// There is no more to come. Those who still wait get the error; it must not be null then.
    void end(const std::exception_ptr& error);
    /// The pool is being disconnected.
    void stop();

    /// Of what is known before the first batch, guarded by the pool's mutex: when it lost its
    /// connection, after which it is tried once more, on a newer one, and how often it failed by
    /// what others did.
    std::optional<Clock::time_point> broke{};
    unsigned conflicts = 0;

  private:
    /// One that somebody has yet to take.
    struct Kept {
        detail::StreamBatch batch;
        std::size_t readers;  ///< who have yet to
    };

    [[nodiscard]] bool is_full() const noexcept { return bytes_ >= window_; }
    [[nodiscard]] std::uint64_t end_of_kept() const noexcept { return first_ + kept_.size(); }
    std::shared_ptr<Awaiting> remove(StreamReader& reader);
    void drop_taken();

    const Statement statement_;
    const std::string key_;
    const std::size_t window_;

    mutable std::mutex mutex_;
    std::condition_variable room_;
    /// Guarded by mutex_.
    StreamReaders readers_;
    std::deque<Kept> kept_;
    std::uint64_t first_ = 0;              ///< the number of the first that is kept
    std::size_t bytes_ = 0;                ///< of those that are kept
    bool leaves_ = false;                  ///< the thread waits until they are fewer
    std::shared_ptr<LeftOver> left_over_;  ///< where they count
    std::size_t waiting_ = 0;              ///< readers who wait for the next batch
    Clock::time_point started_{};
    bool stopping_ = false;
    bool ended_ = false;
    std::exception_ptr error_;
};

}  // namespace signalbox::db
