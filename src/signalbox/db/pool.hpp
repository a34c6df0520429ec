#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <vector>

#include "signalbox/async/task.hpp"
#include "signalbox/context/request_context.hpp"
#include "signalbox/db/detail/knocking.hpp"
#include "signalbox/db/detail/read_queue.hpp"
#include "signalbox/db/unavailable.hpp"
#include "signalbox/json.hpp"
#include "signalbox/observe/database_metrics.hpp"

namespace signalbox::db {

struct Outcome;

enum class Event { connected, lost, cannot_connect };

struct PoolOptions {
    std::string url;
    /// Read again for each new connection, so that a rotated password needs no restart; empty when
    /// the URL came from elsewhere.
    std::filesystem::path url_file{};
    std::size_t size = 10;
    /// Connections that it may have before allow() gives it more; 0: all.
    std::size_t size_at_first = 0;
    std::size_t max_queue = 1024;  ///< reads waiting for a connection
    std::chrono::milliseconds startup_timeout{30000};
    std::chrono::milliseconds query_timeout{5000};           ///< waiting for a connection included
    std::chrono::milliseconds max_lifetime{30 * 60 * 1000};  ///< of a connection; 0: unlimited
    bool prepare = true;
    bool share_reads = true;
    /// Told of connections found and lost, on the pool's threads, which hold the pool's lock: it
    /// must not block or call the pool. The text holds no password.
    std::function<void(Event, std::string_view)> on_event = [](Event, std::string_view) {};
    observe::DatabaseMetrics* metrics = nullptr;  ///< outlives the pool; null: nothing is counted
};

/// A parameter of a statement as text; PostgreSQL converts it.
template <class T>
std::optional<std::string> to_parameter(const T& value) {
    if constexpr (std::is_same_v<T, std::nullopt_t>) {
        return std::nullopt;
    } else if constexpr (std::is_same_v<T, bool>) {
        return value ? "true" : "false";
    } else if constexpr (std::is_arithmetic_v<T>) {
        return std::to_string(value);
    } else if constexpr (std::is_convertible_v<const T&, std::string_view>) {
        return std::string(std::string_view(value));
    } else {
        return value ? to_parameter(*value) : std::nullopt;
    }
}

/// Connections to PostgreSQL, each owned by a thread of its own, because libpqxx blocks. A
/// coroutine only ever awaits: while it does, it holds neither a thread nor a connection.
///
/// Every wait ends: a read that has no answer after `query_timeout` fails with Unavailable, and so
/// does one that finds the queue full. A lost connection is replaced, with backoff; reads wait for
/// it meanwhile, up to their deadline. What runs and nobody waits for any more is cancelled in
/// PostgreSQL. When PostgreSQL has said nothing for a second, an idle connection asks it whether it
/// still can.
///
/// Threads: any. Lifetime: disconnect() before the event loops of those who await end.
class Pool {
  public:
    explicit Pool(PoolOptions options);
    ~Pool();  ///< disconnects
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

    /// Start-up: returns once a first connection stands; the others follow by themselves. Throws
    /// Unavailable, naming host and database, after the start-up timeout or when asked to stop.
    void connect(std::stop_token stop = {});

    /// Gives it so many connections more than size_at_first, up to `size`. Any number of times.
    void allow(std::size_t connections);

    /// Gives up its connections to another process: each that no read waits for is closed, and then
    /// `released` called, on the pool's threads. It must not block or call the pool. One connection
    /// stays until disconnect(), for the requests that are still in flight.
    void give_up(std::function<void()> released);

    /// Shutdown: finishes the reads that run, fails those that wait, closes every connection.
    void disconnect();

    /// Runs a query and returns all its rows as a JSON array (see rows_json.hpp). Parameters are
    /// `$1`, `$2`, … in the SQL: `co_await database.fetch_all("… WHERE id = $1", id)`.
    ///
    /// Resumes on the caller's event loop. Throws Unavailable, or Error when PostgreSQL refuses
    /// the statement. With sharing, identical reads that wait together are run once for all.
    template <class... Parameters>
    async::Task<JsonText> fetch_all(std::string_view sql, const Parameters&... parameters) {
        return fetch(Statement{std::string(sql), {to_parameter(parameters)...}});
    }

    /// Whether there is a connection, and PostgreSQL answers on it as far as is known.
    bool reachable() const;

    struct Usage {
        std::size_t idle;     ///< connections
        std::size_t used;     ///< connections
        std::size_t waiting;  ///< reads without a connection; shared ones count once
    };
    Usage usage() const;

  private:
    struct Awaiting;
    struct Slot;

    async::Task<JsonText> fetch(Statement statement);
    void add(Statement statement, const std::shared_ptr<Awaiting>& waiter);
    void cancel(const std::shared_ptr<Awaiting>& waiter);

    /// On the slots' threads, with the mutex held when called and when returning.
    void work(Slot& slot);
    /// Whether the slot's connection is given up, and with it the slot.
    bool retire(Slot& slot, std::unique_lock<std::mutex>& lock);
    /// The last connection stays, or else the last slot, which connects again.
    bool may_retire(const Slot& slot) const;
    void check_idle(Slot& slot, std::unique_lock<std::mutex>& lock);
    void connect_slot(Slot& slot, std::unique_lock<std::mutex>& lock);
    /// Whether PostgreSQL answers on the slot's connection: why not, or nothing.
    std::string ask(Slot& slot, Connection& connection, std::unique_lock<std::mutex>& lock);
    void drop_connection(Slot& slot, std::unique_lock<std::mutex>& lock);
    void run(std::shared_ptr<Read> read, Slot& slot, std::unique_lock<std::mutex>& lock);
    std::unique_ptr<Connection> open_connection() const;
    Outcome execute(Connection& connection, const Read& read) const;
    static void wait_for(const Read& read, context::Waiting waiting);
    bool answers() const noexcept { return connected_ > 0 && !silent_; }
    void heard(Clock::time_point when);

    /// Begins to cancel what runs and nobody waits for, and again when that had no effect. With the
    /// mutex held.
    void cancel_orphans();
    /// On a slot's thread: a cancellation that is under way must not meet the next read.
    void settle_cancellation(Slot& slot, std::unique_lock<std::mutex>& lock);

    /// On the watchdog's thread.
    void watch();
    void count_timeouts(const Waiters& expired) const;
    void cut_frozen(Clock::time_point now);

    const PoolOptions options_;

    mutable std::mutex mutex_;
    std::condition_variable_any changed_;  ///< a connection came, or the pool stops
    std::condition_variable read_ready_;
    std::condition_variable watch_;
    /// Guarded by mutex_.
    ReadQueue queue_;
    std::vector<std::unique_ptr<Slot>> slots_;
    std::size_t allowed_;               ///< slots that may connect: the first ones
    std::size_t working_;               ///< slots that have not retired
    std::function<void()> released_{};  ///< set when the pool gives up its connections
    std::size_t connected_ = 0;
    Clock::time_point heard_{};  ///< when PostgreSQL last answered, on whatever connection
    bool asking_ = false;        ///< an idle connection asks whether it still does
    bool silent_ = false;        ///< it did not
    Knocking knocking_;          ///< while there is no connection, or only silence on them
    bool stopping_ = false;
    bool watching_ = false;
    std::string last_error_;

    std::vector<std::thread> threads_;
    std::thread watchdog_;
};

}  // namespace signalbox::db
