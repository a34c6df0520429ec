#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

#include "signalbox/async/task.hpp"
#include "signalbox/db/detail/awaiting.hpp"
#include "signalbox/db/detail/lease.hpp"
#include "signalbox/db/detail/lease_queue.hpp"
#include "signalbox/db/detail/listening.hpp"
#include "signalbox/db/detail/reachability.hpp"
#include "signalbox/db/detail/read_queue.hpp"
#include "signalbox/db/detail/schema_watch.hpp"
#include "signalbox/db/detail/slot_life.hpp"
#include "signalbox/db/detail/stream_queue.hpp"
#include "signalbox/db/pool.hpp"
#include "signalbox/db/pool_options.hpp"

namespace signalbox::db {

/// What a Pool is: the threads, each with its connection, and what waits for them. Its public part
/// is the Pool's.
///
/// It decides nothing by itself: reads wait in a ReadQueue, coroutines that want a connection for
/// themselves in a LeaseQueue, streams in a StreamQueue, a thread does what its SlotLife says,
/// Reachability knows whether PostgreSQL answers, SchemaWatch whether it lacks migrations,
/// Cancelling and AnswerDeadline when somebody has to interfere with what a thread does. One mutex
/// guards all of them. Nobody waits for PostgreSQL while holding it; the longest thing done is to
/// start the thread of a Cancellation.
class ConnectionPool {
  public:
    explicit ConnectionPool(PoolOptions options);
    ~ConnectionPool();
    ConnectionPool(const ConnectionPool&) = delete;
    ConnectionPool& operator=(const ConnectionPool&) = delete;

    void connect(std::stop_token stop);
    void expect(std::vector<Migration> migrations, bool known_applied);
    void allow(std::size_t connections);
    void give_up(std::function<void()> released);
    void close_idle();
    void disconnect();
    async::Task<JsonText> fetch(Statement statement);
    async::Task<std::shared_ptr<const void>> fetch_values(Statement statement);
    /// The beginning of a stream: see Statement::first_rows.
    async::Task<detail::StreamBatch> fetch_batch(Statement statement);
    /// The next batch of a stream; of one that has none yet it begins an execution, or joins one.
    async::Task<detail::StreamBatch> next_batch(const Statement& statement,
                                                std::shared_ptr<StreamReader> reader);
    void leave_stream(StreamReader& reader);
    /// Whether the statement had more rows the last time than a read has.
    bool is_large(const std::string& sql) const;
    /// Lends a connection to the coroutine that awaits this, for as long as it has the Lease; one
    /// that was made later than `newer_than`.
    async::Task<std::shared_ptr<Lease>> lend(
        LeaseFor purpose, Clock::time_point newer_than = Clock::time_point::min());
    std::shared_ptr<detail::Subscriber> listen(std::string channel) {
        return listening_.subscribe(std::move(channel));
    }
    bool reachable() const;
    Pool::Migrations migrations() const;
    Pool::Usage usage() const;
    const PoolOptions& options() const noexcept { return options_; }

  private:
    struct Slot;

    /// On the event loops.
    template <auto part>
    async::Task<PartOf<part>> fetch_part(Statement statement);
    void add(Statement statement, const std::shared_ptr<Awaiting>& waiter);
    void cancel(const std::shared_ptr<Awaiting>& waiter);
    std::shared_ptr<Lease> lend_idle(LeaseFor purpose, Clock::time_point newer_than);
    void wait_for_lease(LeaseFor purpose, Clock::time_point newer_than,
                        const std::shared_ptr<Awaiting>& waiter);
    void give_up_waiting(const std::shared_ptr<Awaiting>& waiter);
    void read_on(const Statement& statement, const std::shared_ptr<StreamReader>& reader,
                 const std::shared_ptr<Awaiting>& waiter);
    void begin_stream(const Statement& statement, const std::shared_ptr<StreamReader>& reader,
                      const std::shared_ptr<Awaiting>& waiter);
    void take_back(Slot& slot, LeaseFor purpose, bool usable);
    std::shared_ptr<Lease> make_lease(Slot& slot, LeaseFor purpose);
    static void deliver(const std::shared_ptr<Waiter>& waiter, std::shared_ptr<Lease> lease);
    std::exception_ptr explain(const std::exception_ptr& error);

    /// On a slot's thread, without the mutex.
    void work(Slot& slot);
    SlotLife::Step next_step(Slot& slot);
    void connect_slot(Slot& slot, bool knock);
    std::unique_ptr<Connection> open_connection();
    void run(Slot& slot, bool look_first);
    void lend(Slot& slot);
    void stream(Slot& slot);
    void push_all(Slot& slot, StreamExecution& execution);
    void ask(Slot& slot, bool cancellable = false);  ///< takes the mutex
    void came(Slot& slot);                           ///< takes the mutex
    void settle(Slot& slot);
    void check(Slot& slot);
    /// Waits for PostgreSQL's answer about its schema. Returns why there was none, or nothing.
    std::string look(Connection& connection);
    std::string look_first(Slot& slot, Connection& connection);
    std::exception_ptr look_and_explain(Slot& slot, const std::exception_ptr& error);
    /// Where nothing is lent.
    void close_dropped(Slot& slot) const;
    void tell_lost(const Connection& connection) const;
    void tell_released(const Slot& slot) const;  ///< takes the mutex

    /// On a slot's thread, or the loop that gives its lease back; with the mutex.
    SlotLife::Surroundings surroundings(const Slot& slot, Clock::time_point now) const;
    /// While idle ones are closed: whether one more would be of use.
    bool wants_connection() const;
    bool stream_ready(Clock::time_point connected_at = Clock::time_point::max()) const;
    /// Of those who wait for a connection for themselves, whether a stream is the next.
    bool stream_is_next(Clock::time_point connected_at) const;
    bool anybody_waits() const;
    void begin(Slot& slot, const SlotLife::Step& step, Clock::time_point now);
    /// The connection is the slot's no more, and waits for close_dropped().
    void drop_connection(Slot& slot);
    static void end_control(Slot& slot);
    /// Those for whom the outcome is; nobody, when the read is to be run once more.
    Waiters end_read(std::shared_ptr<Read> read, Outcome& outcome, bool lost, bool conflict);
    void pause(std::shared_ptr<Read> read, Clock::time_point until, const Outcome& outcome);
    void put_back(std::shared_ptr<Read> read);

    /// On the watchdog's thread, and with the mutex all but the first.
    void watch();
    Waiters leave_expired(Clock::time_point now);
    void count_timeouts(const Waiters& expired) const;
    void cut_frozen(Clock::time_point now);
    void end_slow_readers(Clock::time_point now);
    Clock::time_point next_watch(Clock::time_point now) const;

    /// On any thread, with the mutex.
    void cancel_orphans(Clock::time_point now);
    void tell(const std::optional<Reachability::Notice>& notice);
    Waiters leave_all_waiting();
    template <class Add>
    std::optional<Outcome> queue(const Awaiting& waiter, const char* full, Add add);
    /// Wakes the thread of an idle connection, if there is something for it; of an unconnected one,
    /// if there is none.
    void offer();
    Slot* idle_that_takes() const;
    void wake_idle();

    const PoolOptions options_;
    const std::shared_ptr<LeftOver> left_over_;  ///< of streams; they may outlive the pool

    mutable std::mutex mutex_;
    std::condition_variable_any changed_;  ///< what Action::wait_for_change waits for
    std::condition_variable watch_;
    /// Guarded by mutex_.
    ReadQueue queue_;
    LeaseQueue leases_;
    StreamQueue streams_;
    std::unordered_set<std::string> large_;  ///< statements that had many rows
    Reachability reachability_;
    SchemaWatch schema_;
    std::vector<std::unique_ptr<Slot>> slots_;
    std::size_t allowed_;               ///< slots that may connect: the first ones
    std::size_t working_;               ///< slots that have not retired
    std::function<void()> released_{};  ///< set when the pool gives up its connections
    bool closing_idle_ = false;
    bool stopping_ = false;
    bool watching_ = false;
    Clock::time_point told_of_conflict_{};
    std::size_t conflicts_untold_ = 0;

    /// As the last connection found them.
    std::atomic<int> server_version_ = 0;
    std::atomic<bool> sql_ascii_ = false;

    Listening listening_;
    std::vector<std::thread> threads_;
    std::thread watchdog_;
};

}  // namespace signalbox::db
