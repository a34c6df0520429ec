#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "signalbox/async/task.hpp"
#include "signalbox/db/detail/awaiting.hpp"
#include "signalbox/db/detail/knocking.hpp"
#include "signalbox/db/detail/read_queue.hpp"
#include "signalbox/db/pool.hpp"
#include "signalbox/db/pool_options.hpp"

namespace signalbox::db {

/// What a Pool is: the threads, each with its connection, and what waits for them. Its public part
/// is the Pool's.
class ConnectionPool {
  public:
    explicit ConnectionPool(PoolOptions options);
    ~ConnectionPool();
    ConnectionPool(const ConnectionPool&) = delete;
    ConnectionPool& operator=(const ConnectionPool&) = delete;

    void connect(std::stop_token stop);
    void allow(std::size_t connections);
    void give_up(std::function<void()> released);
    void disconnect();
    async::Task<JsonText> fetch(Statement statement);
    async::Task<std::shared_ptr<const void>> fetch_values(Statement statement);
    async::Task<std::size_t> execute(Statement statement);
    bool reachable() const;
    Pool::Usage usage() const;

  private:
    struct Slot;

    template <auto part>
    async::Task<PartOf<part>> fetch_part(Statement statement);
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
