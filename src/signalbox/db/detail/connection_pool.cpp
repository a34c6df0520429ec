#include "signalbox/db/detail/connection_pool.hpp"

#include <asio/error.hpp>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <exception>
#include <optional>
#include <utility>

#include "signalbox/config/database_url.hpp"
#include "signalbox/config/units.hpp"
#include "signalbox/db/detail/answer_deadline.hpp"
#include "signalbox/db/detail/cancellation.hpp"
#include "signalbox/db/detail/cancelling.hpp"
#include "signalbox/db/detail/execution.hpp"
#include "signalbox/db/detail/failure.hpp"
#include "signalbox/db/detail/parameters.hpp"
#include "signalbox/db/detail/socket_handle.hpp"
#include "signalbox/db/detail/stream_cursor.hpp"
#include "signalbox/db/detail/stream_execution.hpp"
#include "signalbox/observe/database_observer.hpp"
#include "signalbox/process/stderr_capture.hpp"

namespace signalbox::db {

namespace {

/// Below the five seconds within which a database that is back is to be in full use: an attempt may
/// hang that was made just before.
constexpr std::chrono::seconds connect_timeout{4};

/// A transaction that is idle is ended by us, unless this process does nothing at all any more.
constexpr std::chrono::seconds frozen_process{5};

/// Of a read, or the beginning of a stream, that others are in the way of.
constexpr unsigned most_tries = 3;

/// Statements of which is remembered that they have many rows. They are few in a program, unless it
/// writes values into them.
constexpr std::size_t most_large = 256;

/// How often one who reads a stream is looked at, while others may wait for him.
constexpr std::chrono::milliseconds between_looks{500};

/// While nobody reads on, PostgreSQL hears of a stream so often. It ends a session that is silent
/// in a transaction, after more than `frozen_process`.
constexpr std::chrono::seconds keep_alive{2};

/// Between two lines of the log about that.
constexpr std::chrono::seconds between_conflicts{1};

Outcome away() {
    return unavailable("the database is away", Unavailable::Reason::unreachable);
}

}  // namespace

/// A thread's place in the pool. Guarded by the mutex; but nobody else changes the second group, so
/// that the thread reads it without.
struct ConnectionPool::Slot {
    Slot(std::size_t its_number, std::chrono::milliseconds max_lifetime)
        : number(its_number), life(max_lifetime) {}

    const std::size_t number;
    SlotLife life;
    std::condition_variable wake;  ///< its thread, but for Action::wait_for_change
    bool woken = false;            ///< and it has not looked yet

    std::shared_ptr<Connection> connection;
    std::shared_ptr<Connection> dropped;  ///< to be closed
    std::shared_ptr<Read> running;
    std::optional<LeaseQueue::Taken> lending;  ///< to be delivered
    std::shared_ptr<StreamExecution> streaming;
    bool fetching = false;  ///< for the stream, which may be cancelled

    /// By which others interfere while the thread waits for PostgreSQL.
    SocketHandle control;
    AnswerDeadline answer;
    Cancelling cancelling;
    /// The last attempt; others change it only while something is running.
    std::shared_ptr<Cancellation> cancellation;
};

ConnectionPool::ConnectionPool(PoolOptions options)
    : options_(std::move(options)),
      left_over_(std::make_shared<LeftOver>(options_.streams_left_over)),
      queue_(options_.share_reads, options_.max_queue),
      leases_(options_.size, options_.max_queue, options_.max_streams),
      streams_(options_.share_reads, options_.max_queue, options_.stream_window),
      allowed_(options_.size_at_first == 0 ? options_.size
                                           : std::min(options_.size_at_first, options_.size)),
      working_(options_.size),
      listening_(options_) {
    for (std::size_t i = 0; i < options_.size; ++i)
        slots_.push_back(std::make_unique<Slot>(i, options_.max_lifetime));
}

ConnectionPool::~ConnectionPool() {
    disconnect();
}

void ConnectionPool::connect(std::stop_token stop) {
    const auto deadline = Clock::now() + options_.startup_timeout;
    watching_ = true;
    watchdog_ = std::thread([this] { watch(); });
    for (std::size_t i = 0; i < slots_.size(); ++i) {
        threads_.emplace_back([this, i] {
            pthread_setname_np(pthread_self(), fmt::format("db-{}", i).c_str());
            std::optional<process::StderrCapture> notices;
            if (options_.on_notice) notices.emplace(options_.on_notice);
            work(*slots_[i]);
        });
    }
    std::string last_error;
    {
        std::unique_lock lock(mutex_);
        if (changed_.wait_until(lock, stop, deadline,
                                [this] { return reachability_.connections() > 0; }))
            return;
        last_error = reachability_.last_error();
    }
    disconnect();
    if (stop.stop_requested()) throw Unavailable("stopped before the database answered");
    if (last_error.empty()) last_error = config::redact_url(options_.url) + " does not answer";
    throw Unavailable(
        fmt::format("{}; gave up after {}: check DATABASE_URL, or wait longer with "
                    "--database-startup-timeout",
                    last_error, config::format_duration(options_.startup_timeout)));
}

void ConnectionPool::disconnect() {
    Waiters waiting;
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        waiting = leave_all_waiting();
        for (const auto& slot : slots_) {
            if (slot->streaming) slot->streaming->stop();
        }
    }
    Awaiting::deliver(waiting,
                      unavailable("the service is shutting down", Unavailable::Reason::stopping));
    changed_.notify_all();
    for (auto& slot : slots_)
        slot->wake.notify_all();
    listening_.stop();
    for (auto& thread : threads_)
        thread.join();
    threads_.clear();
    {
        const std::lock_guard lock(mutex_);
        watching_ = false;
    }
    watch_.notify_all();
    if (watchdog_.joinable()) watchdog_.join();
}

Pool::Usage ConnectionPool::usage() const {
    const std::lock_guard lock(mutex_);
    const auto used = static_cast<std::size_t>(std::count_if(
        slots_.begin(), slots_.end(), [](const auto& slot) { return slot->life.used(); }));
    return {.idle = reachability_.connections() - used,
            .used = used,
            .transactions = leases_.transactions(),
            .streams = leases_.streams(),
            .waiting = queue_.waiting() + leases_.waiting() + streams_.waiting(),
            .streams_waiting = streams_.waiting()};
}

bool ConnectionPool::reachable() const {
    const std::lock_guard lock(mutex_);
    return reachability_.answers();
}

async::Task<JsonText> ConnectionPool::fetch(Statement statement) {
    return fetch_part<&Outcome::rows>(std::move(statement));
}

async::Task<std::shared_ptr<const void>> ConnectionPool::fetch_values(Statement statement) {
    return fetch_part<&Outcome::values>(std::move(statement));
}

async::Task<detail::StreamBatch> ConnectionPool::fetch_batch(Statement statement) {
    const std::string told = statement.told;
    detail::StreamBatch batch = co_await fetch_part<&Outcome::batch>(std::move(statement));
    if (!batch.last) {
        const std::lock_guard lock(mutex_);
        if (large_.size() >= most_large) large_.clear();
        large_.insert(told);
    }
    co_return batch;
}

bool ConnectionPool::is_large(const std::string& sql) const {
    const std::lock_guard lock(mutex_);
    return large_.contains(sql);
}

template <auto part>
async::Task<PartOf<part>> ConnectionPool::fetch_part(Statement statement) {
    check_statement(statement);
    const auto begin = [this, &statement](const std::shared_ptr<Awaiting>& waiter) {
        add(std::move(statement), waiter);
    };
    const auto leave = [this](const std::shared_ptr<Awaiting>& waiter) { cancel(waiter); };
    auto outcome = await_outcome<part>(options_.observer, begin, leave);
    PartOf<part> fetched = co_await std::move(outcome);
    co_return fetched;
}

void ConnectionPool::add(Statement statement, const std::shared_ptr<Awaiting>& waiter) {
    waiter->since = Clock::now();
    waiter->deadline = waiter->since + options_.query_timeout;
    waiter->wait_for(context::Waiting::database_queue);
    std::optional<Outcome> refused;
    {
        const std::lock_guard lock(mutex_);
        if (stopping_) {
            refused = unavailable("the service is shutting down", Unavailable::Reason::stopping);
        } else if (waiter->since >= reachability_.hopeless_from()) {
            refused = away();
        } else {
            switch (queue_.add(std::move(statement), waiter)) {
                case ReadQueue::Added::full:
                    refused = unavailable("too many reads wait for the database",
                                          Unavailable::Reason::queue_full);
                    break;
                case ReadQueue::Added::ready:
                    offer();
                    break;
                case ReadQueue::Added::gathering:
                case ReadQueue::Added::joined:
                    break;
            }
        }
    }
    if (refused) Awaiting::deliver({waiter}, std::move(*refused));
}

void ConnectionPool::cancel(const std::shared_ptr<Awaiting>& waiter) {
    {
        const std::lock_guard lock(mutex_);
        const auto read = waiter->read.lock();
        const bool runs = read && read->state == Read::State::running;
        if (!queue_.leave(waiter)) return;  // its outcome is on the way
        if (runs) waiter->began = read->started;
        cancel_orphans(Clock::now());
    }
    Awaiting::deliver(
        {waiter},
        failed(std::make_exception_ptr(asio::system_error(asio::error::operation_aborted))));
}

async::Task<std::shared_ptr<Lease>> ConnectionPool::lend(LeaseFor purpose,
                                                         Clock::time_point newer_than) {
    const async::Executor executor = co_await asio::this_coro::executor;
    std::shared_ptr<Lease> lease;
    // The server may have closed one that was not used for a while.
    while (!lease || lease->hung_up()) {
        lease.reset();
        lease = lend_idle(purpose, newer_than);
        if (lease) continue;
        const auto begin = [this, purpose, newer_than](const std::shared_ptr<Awaiting>& waiter) {
            wait_for_lease(purpose, newer_than, waiter);
        };
        const auto leave = [this](const std::shared_ptr<Awaiting>& waiter) {
            give_up_waiting(waiter);
        };
        auto waiting = await_outcome<&Outcome::lease>(options_.observer, begin, leave);
        lease = co_await std::move(waiting);
    }
    lease->begin(executor);
    co_return lease;
}

std::shared_ptr<Lease> ConnectionPool::lend_idle(LeaseFor purpose, Clock::time_point newer_than) {
    const std::lock_guard lock(mutex_);
    if (stopping_ || anybody_waits() || !leases_.may_lend(purpose)) return nullptr;
    const auto now = Clock::now();
    const auto idle =
        std::find_if(slots_.begin(), slots_.end(), [now, newer_than](const auto& slot) {
            return slot->life.can_be_lent(now) && newer_than < slot->life.connected_at();
        });
    if (idle == slots_.end()) return nullptr;
    (*idle)->life.begin_lease();
    leases_.lent(purpose);
    return make_lease(**idle, purpose);
}

std::shared_ptr<Lease> ConnectionPool::make_lease(Slot& slot, LeaseFor purpose) {
    return std::make_shared<Lease>(
        slot.connection, options_,
        [this, &slot, purpose](bool usable) { take_back(slot, purpose, usable); },
        [this](const std::exception_ptr& error) { return explain(error); });
}

std::exception_ptr ConnectionPool::explain(const std::exception_ptr& error) {
    if (!names_what_is_missing(error)) return error;
    const std::lock_guard lock(mutex_);
    // It is on an event loop, which cannot wait for the look: only what comes next is explained.
    if (schema_.begin_explaining(Clock::now())) {
        schema_.look_now();
        wake_idle();
    }
    return schema_.explain(error);
}

/// Has it wait for a connection, by `add`, unless it is known that there is none to come.
template <class Add>
std::optional<Outcome> ConnectionPool::queue(const Awaiting& waiter, const char* full, Add add) {
    const std::lock_guard lock(mutex_);
    if (stopping_)
        return unavailable("the service is shutting down", Unavailable::Reason::stopping);
    if (waiter.since >= reachability_.hopeless_from()) return away();
    if (!add()) return unavailable(full, Unavailable::Reason::queue_full);
    offer();
    return std::nullopt;
}

void ConnectionPool::wait_for_lease(LeaseFor purpose, Clock::time_point newer_than,
                                    const std::shared_ptr<Awaiting>& waiter) {
    waiter->since = Clock::now();
    waiter->deadline = waiter->since + options_.query_timeout;
    waiter->wait_for(context::Waiting::database_queue);
    auto refused = queue(*waiter, "too many statements wait for the database",
                         [&] { return leases_.add(purpose, waiter, newer_than); });
    if (refused) Awaiting::deliver({waiter}, std::move(*refused));
}

void ConnectionPool::give_up_waiting(const std::shared_ptr<Awaiting>& waiter) {
    {
        const std::lock_guard lock(mutex_);
        if (!leases_.leave(waiter)) return;  // its outcome is on the way
    }
    Awaiting::deliver(
        {waiter},
        failed(std::make_exception_ptr(asio::system_error(asio::error::operation_aborted))));
}

async::Task<detail::StreamBatch> ConnectionPool::next_batch(const Statement& statement,
                                                            std::shared_ptr<StreamReader> reader) {
    const auto begin = [&](const std::shared_ptr<Awaiting>& waiter) {
        read_on(statement, reader, waiter);
    };
    const auto leave = [this, reader](const std::shared_ptr<Awaiting>&) { leave_stream(*reader); };
    auto waiting = await_outcome<&Outcome::batch>(nullptr, begin, leave);
    detail::StreamBatch batch = co_await std::move(waiting);
    co_return batch;
}

void ConnectionPool::read_on(const Statement& statement,
                             const std::shared_ptr<StreamReader>& reader,
                             const std::shared_ptr<Awaiting>& waiter) {
    waiter->since = Clock::now();
    waiter->shared = reader->shares;
    if (!reader->execution) return begin_stream(statement, reader, waiter);
    waiter->wait_for(context::Waiting::database);
    Outcome outcome;
    try {
        auto batch = reader->execution->take(*reader, waiter);
        if (!batch) return;
        outcome.batch = *std::move(batch);
    } catch (...) {
        outcome.error = std::current_exception();
    }
    outcome.started = outcome.finished = waiter->since;
    Awaiting::deliver({waiter}, std::move(outcome));
}

void ConnectionPool::begin_stream(const Statement& statement,
                                  const std::shared_ptr<StreamReader>& reader,
                                  const std::shared_ptr<Awaiting>& waiter) {
    waiter->deadline = waiter->since + options_.query_timeout;
    waiter->wait_for(context::Waiting::database_queue);
    auto refused = queue(*waiter, "too many streams wait for the database",
                         [&] { return streams_.add(statement, reader, waiter); });
    if (refused) {
        Awaiting::deliver({waiter}, std::move(*refused));
    } else if (reader->shares && options_.observer != nullptr) {
        options_.observer->shared_a_read();
    }
}

void ConnectionPool::leave_stream(StreamReader& reader) {
    if (!reader.execution) return;
    std::shared_ptr<Awaiting> waiter;
    {
        const std::lock_guard lock(mutex_);
        waiter = reader.execution->leave(reader);
        streams_.drop_deserted(*reader.execution);
        cancel_orphans(Clock::now());
    }
    if (!waiter) return;
    Awaiting::deliver(
        {waiter},
        failed(std::make_exception_ptr(asio::system_error(asio::error::operation_aborted))));
}

void ConnectionPool::take_back(Slot& slot, LeaseFor purpose, bool usable) {
    std::optional<LeaseQueue::Taken> next;
    {
        const std::lock_guard lock(mutex_);
        const auto now = Clock::now();
        leases_.returned(purpose);
        if (usable) {
            slot.life.end_lease(now);
            tell(reachability_.heard(now));
            // Who waits for it need not wait for the thread.
            const auto step = slot.life.next(now, surroundings(slot, now));
            if (step.action == SlotLife::Action::lend &&
                !stream_is_next(slot.life.connected_at())) {
                slot.life.begin_lease();
                next = leases_.take(slot.life.connected_at());
            } else if (closing_idle_) {
                slot.wake.notify_one();  // it has to close it
            }
        } else {
            drop_connection(slot);
            slot.wake.notify_all();
        }
        offer();
    }
    if (next) deliver(next->waiter, make_lease(slot, next->purpose));
}

void ConnectionPool::deliver(const std::shared_ptr<Waiter>& waiter, std::shared_ptr<Lease> lease) {
    const auto now = Clock::now();
    Awaiting::deliver({waiter}, {.lease = std::move(lease), .started = now, .finished = now});
}

ConnectionPool::Slot* ConnectionPool::idle_that_takes() const {
    const auto takes = std::find_if(slots_.begin(), slots_.end(), [this](const auto& slot) {
        const auto connected_at = slot->life.connected_at();
        return slot->life.state() == SlotLife::State::idle && !slot->woken &&
               (queue_.has_ready_for(connected_at) || leases_.has_ready(connected_at) ||
                stream_ready(connected_at));
    });
    return takes == slots_.end() ? nullptr : takes->get();
}

void ConnectionPool::offer() {
    if (!anybody_waits()) return;
    if (Slot* const slot = idle_that_takes()) {
        slot->woken = true;
        slot->wake.notify_one();
    } else if (closing_idle_) {
        changed_.notify_all();
    }
    // Else who becomes idle looks for itself.
}

void ConnectionPool::close_idle() {
    {
        const std::lock_guard lock(mutex_);
        closing_idle_ = true;
    }
    for (auto& slot : slots_)
        slot->wake.notify_all();
}

void ConnectionPool::expect(std::vector<Migration> migrations, bool known_applied) {
    const std::lock_guard lock(mutex_);
    schema_.expect(std::move(migrations), known_applied);
    if (schema_.expects_any()) wake_idle();
}

Pool::Migrations ConnectionPool::migrations() const {
    const std::lock_guard lock(mutex_);
    return schema_.state();
}

void ConnectionPool::wake_idle() {
    const auto idle = std::find_if(slots_.begin(), slots_.end(), [](const auto& slot) {
        return slot->life.state() == SlotLife::State::idle && !slot->woken;
    });
    if (idle == slots_.end()) return;  // who becomes idle looks for itself
    (*idle)->woken = true;
    (*idle)->wake.notify_one();
}

void ConnectionPool::allow(std::size_t connections) {
    {
        const std::lock_guard lock(mutex_);
        allowed_ = std::min(allowed_ + std::min(connections, options_.size), options_.size);
    }
    changed_.notify_all();
}

void ConnectionPool::give_up(std::function<void()> released) {
    {
        const std::lock_guard lock(mutex_);
        released_ = std::move(released);
    }
    changed_.notify_all();
    for (auto& slot : slots_)
        slot->wake.notify_all();
}

void ConnectionPool::work(Slot& slot) {
    using Action = SlotLife::Action;
    for (;;) {
        const auto step = next_step(slot);
        switch (step.action) {
            case Action::wait_for_change:
            case Action::wait_for_read:
            case Action::wait_for_return:
            case Action::replace:
                break;
            case Action::connect:
                connect_slot(slot, step.knock);
                break;
            case Action::run:
                run(slot, step.look_first);
                break;
            case Action::lend:
                if (slot.streaming)
                    stream(slot);
                else
                    lend(slot);
                break;
            case Action::settle:
                settle(slot);
                break;
            case Action::check:
                check(slot);
                break;
            case Action::retire:
                close_dropped(slot);
                tell_released(slot);
                return;
            case Action::stop:
                close_dropped(slot);
                return;
        }
    }
}

SlotLife::Step ConnectionPool::next_step(Slot& slot) {
    std::unique_lock lock(mutex_);
    // With the mutex: an event loop may be giving back what was lent to it.
    if (slot.dropped) {
        auto dropped = std::move(slot.dropped);
        lock.unlock();
        tell_lost(*dropped);
        dropped.reset();  // closes it
        lock.lock();
    }
    slot.woken = false;
    const auto now = Clock::now();
    const auto step = slot.life.next(now, surroundings(slot, now));
    if (step.action == SlotLife::Action::wait_for_change) {
        changed_.wait_until(lock, step.until);
    } else if (step.action == SlotLife::Action::wait_for_read) {
        slot.wake.wait_until(lock, step.until);
    } else if (step.action == SlotLife::Action::wait_for_return) {
        offer();  // what this thread may have been woken for
        slot.wake.wait_until(lock, now + SlotLife::idle_check);
    } else {
        begin(slot, step, now);
    }
    return step;
}

SlotLife::Surroundings ConnectionPool::surroundings(const Slot& slot, Clock::time_point now) const {
    const bool read_for_it = queue_.has_ready_for(slot.life.connected_at());
    const auto connected_at = slot.life.connected_at();
    const bool stream_first = stream_is_next(connected_at);
    const bool lease_ready = stream_first || leases_.has_ready(connected_at);
    const auto lease_since = [&] {
        return stream_first ? streams_.since(connected_at) : leases_.since(connected_at);
    };
    return {.stopping = stopping_,
            .allowed = slot.number < allowed_,
            .giving_up = released_ != nullptr,
            .closing_idle = closing_idle_,
            .wanted = closing_idle_ && wants_connection(),
            .slots = working_,
            .connections = reachability_.connections(),
            .reads_ready = queue_.has_ready(),
            .read_for_it = read_for_it,
            .lease_ready = lease_ready,
            .lease_first = lease_ready && read_for_it && lease_since() < queue_.since(connected_at),
            .look_due = schema_.due(now),
            .answers = reachability_.answers(),
            .next_knock = reachability_.next_knock()};
}

bool ConnectionPool::wants_connection() const {
    if (!anybody_waits() || idle_that_takes() != nullptr) return false;
    const auto connecting = std::count_if(slots_.begin(), slots_.end(), [](const auto& slot) {
        return slot->life.state() == SlotLife::State::connecting;
    });
    return static_cast<std::size_t>(connecting) <
           queue_.waiting() + leases_.waiting() + streams_.waiting();
}

bool ConnectionPool::stream_ready(Clock::time_point connected_at) const {
    return leases_.may_lend(LeaseFor::stream) && streams_.has_ready(connected_at);
}

bool ConnectionPool::stream_is_next(Clock::time_point connected_at) const {
    if (!stream_ready(connected_at)) return false;
    return !leases_.has_ready(connected_at) ||
           streams_.since(connected_at) < leases_.since(connected_at);
}

bool ConnectionPool::anybody_waits() const {
    return queue_.has_ready() || leases_.has_ready() || stream_ready();
}

void ConnectionPool::begin(Slot& slot, const SlotLife::Step& step, Clock::time_point now) {
    using Action = SlotLife::Action;
    const Action action = step.action;
    if (action == Action::connect) {
        slot.life.begin_connecting();
        if (step.knock) reachability_.begin_knocking(now);
    } else if (action == Action::run) {
        slot.life.begin_run();
        slot.answer.begin(now + options_.query_timeout + AnswerDeadline::grace);
        slot.running = queue_.take(now, slot.life.connected_at());
        Awaiting::wait_for(slot.running->waiters, context::Waiting::database);
    } else if (action == Action::lend && stream_is_next(slot.life.connected_at())) {
        slot.life.begin_run();
        slot.streaming = streams_.take(slot.life.connected_at());
        leases_.lent(LeaseFor::stream);
    } else if (action == Action::lend) {
        slot.life.begin_lease();
        slot.lending = leases_.take(slot.life.connected_at());
    } else if (action == Action::replace || action == Action::retire || action == Action::stop) {
        if (slot.connection) drop_connection(slot);
        if (action != Action::replace) slot.life.retire();
        if (action == Action::retire) --working_;
    }
}

void ConnectionPool::connect_slot(Slot& slot, bool knock) {
    std::shared_ptr<Connection> connection;
    std::string error;
    const auto began = Clock::now();
    try {
        connection = open_connection();
        if (options_.observer != nullptr) options_.observer->connected(Clock::now() - began);
    } catch (const std::exception& refused) {
        error = refused.what();
    }
    if (connection) {
        SocketHandle control(connection->socket());
        {
            const std::lock_guard lock(mutex_);
            slot.control = std::move(control);
            slot.answer.begin(Clock::now() + AnswerDeadline::of_ping);
        }
        // A pooler lets us in whether or not there is a database behind it.
        error = ping(*connection);
        if (error.empty()) error = look_first(slot, *connection);
    }
    const std::lock_guard lock(mutex_);
    const auto now = Clock::now();
    slot.answer.end();
    if (slot.answer.is_cut()) error = "the database does not answer";
    if (connection && error.empty()) {
        slot.connection = std::move(connection);
        slot.life.end_connecting(now);
        tell(reachability_.connected(now));
        changed_.notify_all();
        return;
    }
    end_control(slot);
    slot.life.disconnected();
    const auto pause = knock ? reachability_.knocking_failed(now) : slot.life.pause(now);
    options_.on_event(Event::cannot_connect, fmt::format("{}; trying again in {}", error, pause));
    reachability_.cannot_connect(std::move(error));
}

std::unique_ptr<Connection> ConnectionPool::open_connection() {
    ConnectionOptions connection{.url = options_.url,
                                 .application_name = options_.application_name,
                                 .prepare = options_.prepare};
    connection.connect_timeout = connect_timeout;
    connection.query_timeout = options_.query_timeout;
    connection.idle_in_transaction_timeout = options_.transaction_idle_timeout + frozen_process;
    if (!options_.url_file.empty()) {
        const auto read = config::read_database_url(options_.url_file);
        if (!read) throw Unavailable(read.reason());
        connection.url = *read;
    }
    connection.server_version = server_version_;
    connection.sql_ascii = sql_ascii_;
    auto opened = std::make_unique<Connection>(std::move(connection));
    server_version_ = opened->options().server_version;
    sql_ascii_ = opened->options().sql_ascii;
    return opened;
}

void ConnectionPool::run(Slot& slot, bool look_first) {
    if (look_first && slot.connection->hung_up()) {
        const std::lock_guard lock(mutex_);
        put_back(std::move(slot.running));
        drop_connection(slot);
        return;
    }
    Outcome outcome = db::execute(*slot.connection, *slot.running, options_.observer);
    if (options_.observer != nullptr) options_.observer->used(outcome.finished - outcome.started);
    const bool conflict = outcome.error && detail::is_worth_another_try(outcome.error);
    if (outcome.error && !slot.connection->lost())
        outcome.error = look_and_explain(slot, outcome.error);
    Waiters waiters;
    {
        const std::lock_guard lock(mutex_);
        auto read = std::move(slot.running);
        slot.cancelling.end();
        const bool lost = slot.connection->lost() || slot.answer.is_cut();
        if (lost) {
            drop_connection(slot);
        } else {
            const bool settles = slot.cancellation != nullptr;
            slot.life.end_run(outcome.finished, settles);
            if (!settles) slot.answer.end();
            tell(reachability_.heard(outcome.finished));
        }
        waiters = end_read(std::move(read), outcome, lost, conflict);
    }
    close_dropped(slot);
    Awaiting::deliver(waiters, std::move(outcome));
}

Waiters ConnectionPool::end_read(std::shared_ptr<Read> read, Outcome& outcome, bool lost,
                                 bool conflict) {
    if (lost && !read->broke && !stopping_) {
        // It only reads, so it may be tried once more; most likely this thread will, as soon as it
        // has a new connection.
        read->broke = outcome.finished;
        if (options_.observer != nullptr && !read->waiters.empty())
            options_.observer->retried(observe::Retry::connection);
        put_back(std::move(read));
        return {};
    }
    if (!lost && conflict && !stopping_ && ++read->conflicts < most_tries &&
        !read->waiters.empty()) {
        const auto until = outcome.finished + detail::pause_after(read->conflicts);
        // The last who came has the most time.
        if (until < read->waiters.back()->deadline) {
            pause(std::move(read), until, outcome);
            return {};
        }
    }
    Waiters waiters = queue_.finish(*read);
    // What had gathered behind it may be taken, and this thread may have to do something else
    // first.
    offer();
    return waiters;
}

void ConnectionPool::pause(std::shared_ptr<Read> read, Clock::time_point until,
                           const Outcome& outcome) {
    if (options_.observer != nullptr) options_.observer->retried(observe::Retry::conflict);
    ++conflicts_untold_;
    if (outcome.finished - told_of_conflict_ >= between_conflicts) {
        told_of_conflict_ = outcome.finished;
        const auto times = std::exchange(conflicts_untold_, 0);
        options_.on_event(
            Event::conflict,
            fmt::format("others are in the way of reads ({}), which are run again: {} since this "
                        "was said last",
                        sqlstate_of(outcome.error), times));
    }
    Awaiting::wait_for(read->waiters, context::Waiting::database_queue);
    queue_.pause(std::move(read), until);
    watch_.notify_one();
}

void ConnectionPool::put_back(std::shared_ptr<Read> read) {
    Awaiting::wait_for(read->waiters, context::Waiting::database_queue);
    queue_.put_back(std::move(read));
}

void ConnectionPool::lend(Slot& slot) {
    const auto lending = *std::exchange(slot.lending, std::nullopt);
    deliver(lending.waiter, make_lease(slot, lending.purpose));
}

void ConnectionPool::stream(Slot& slot) {
    StreamExecution& execution = *slot.streaming;
    const auto started = Clock::now();
    std::exception_ptr error;
    bool lost = slot.connection->hung_up();
    if (lost) {
        error = std::make_exception_ptr(Unavailable("lost the connection"));
    } else {
        const auto since = execution.since();
        if (options_.observer != nullptr && since < started)
            options_.observer->waited(started - since);
        Awaiting::wait_for(execution.begin(started), context::Waiting::database);
        try {
            push_all(slot, execution);
        } catch (...) {
            error = std::current_exception();
        }
        if (options_.observer != nullptr) options_.observer->used(Clock::now() - started);
        if (error && !slot.connection->lost()) error = look_and_explain(slot, error);
        // Its readers may have taken long when it was over.
        if (!error) lost = slot.connection->hung_up();
    }
    std::shared_ptr<StreamExecution> ended;
    std::optional<observe::Retry> again;
    {
        const std::lock_guard lock(mutex_);
        const auto now = Clock::now();
        ended = std::move(slot.streaming);
        slot.fetching = false;
        leases_.returned(LeaseFor::stream);
        slot.cancelling.end();
        lost = lost || slot.connection->lost() || slot.answer.is_cut();
        if (error && !ended->has_pushed() && !stopping_) {
            const bool conflicts = !lost && detail::is_worth_another_try(error);
            if (lost && !ended->broke) {
                ended->broke = now;
                again = observe::Retry::connection;
            } else if (conflicts && ++ended->conflicts < most_tries) {
                again = observe::Retry::conflict;
            }
        }
        if (again) {
            if (options_.observer != nullptr) options_.observer->retried(*again);
            streams_.put_back(std::exchange(ended, nullptr));
        }
        if (lost) {
            drop_connection(slot);
        } else {
            const bool settles = slot.cancellation != nullptr;
            slot.life.end_run(now, settles);
            if (!settles) slot.answer.end();
            tell(reachability_.heard(now));
        }
        offer();
    }
    close_dropped(slot);
    if (ended) ended->end(error);
}

void ConnectionPool::push_all(Slot& slot, StreamExecution& execution) {
    const Statement& statement = execution.statement();
    const auto began = Clock::now();
    using Room = StreamExecution::Room;
    std::size_t rows = 0;
    bool counted = false;
    const auto count = [&](std::string_view error) {
        if (options_.observer != nullptr && !std::exchange(counted, true))
            options_.observer->executed(statement.told, Clock::now() - began, error);
    };
    try {
        ask(slot, true);
        StreamCursor cursor(*slot.connection, statement.sql, statement.parameters, statement.form);
        ask(slot, true);
        cursor.ask();
        for (bool more = true; more;) {
            const StreamCursor::Fetched fetched = cursor.take();
            came(slot);
            count("");
            // Nothing is asked meanwhile, or its time would run.
            auto room = execution.wait_for_room(keep_alive);
            for (; room == Room::not_yet; room = execution.wait_for_room(keep_alive)) {
                ask(slot);
                cursor.keep_alive();
                came(slot);
            }
            more = !fetched.last && room == Room::yes;
            ask(slot, more);
            if (room == Room::unwanted)
                throw Unavailable("the service is shutting down", Unavailable::Reason::stopping);
            if (more) cursor.ask();  // PostgreSQL works on it while this one is converted
            detail::StreamBatch batch = cursor.batch_of(fetched);
            rows += batch.count;
            if (options_.observer != nullptr) options_.observer->streamed(batch.count, batch.bytes);
            // Before a reader knows that this was all, and may ask again.
            if (batch.last && rows <= most_rows_of_a_read) {
                const std::lock_guard lock(mutex_);
                large_.erase(statement.told);
            }
            execution.push(std::move(batch));
        }
        ask(slot);
        cursor.close();
        came(slot);
        // Readers of other streams make room as well.
        while (!execution.leave_rest(left_over_, between_looks)) {
        }
    } catch (...) {
        count(error_type(std::current_exception()));
        throw;
    }
}

void ConnectionPool::ask(Slot& slot, bool cancellable) {
    const std::lock_guard lock(mutex_);
    slot.answer.begin(Clock::now() + options_.query_timeout + AnswerDeadline::grace);
    slot.fetching = cancellable;
}

void ConnectionPool::came(Slot& slot) {
    const std::lock_guard lock(mutex_);
    slot.answer.end();
    slot.fetching = false;
    tell(reachability_.heard(Clock::now()));
}

void ConnectionPool::settle(Slot& slot) {
    // PostgreSQL has the request but may not have looked at it: it is to hit the ping, if anything.
    // The watchdog still frees the thread from a server that freezes now.
    const bool settled =
        slot.cancellation->wait_for(AnswerDeadline::grace) && ping(*slot.connection).empty();
    const std::lock_guard lock(mutex_);
    if (settled && !slot.answer.is_cut()) {
        slot.answer.end();
        slot.cancellation.reset();
        slot.life.end_settling(Clock::now());
    } else {
        // A connection whose cancellation is still on its way would be hit in the middle of its
        // next read.
        slot.answer.give_up();
        drop_connection(slot);
    }
}

void ConnectionPool::check(Slot& slot) {
    const bool hung_up = slot.connection->hung_up();
    bool looks = false;
    {
        const std::lock_guard lock(mutex_);
        const auto now = Clock::now();
        slot.life.checked(now);
        if (hung_up) drop_connection(slot);
        if (hung_up) return;
        looks = schema_.due(now);
        if (looks) schema_.begin_looking(now);
        if (!looks && !reachability_.begin_asking(now)) return;
        slot.life.begin_asking();
        slot.answer.begin(now + AnswerDeadline::of_ping);
    }
    const auto failure = looks ? look(*slot.connection) : ping(*slot.connection);
    const std::lock_guard lock(mutex_);
    const auto now = Clock::now();
    slot.answer.end();
    slot.life.end_asking(now);
    if (!looks) reachability_.end_asking();
    if (failure.empty() && !slot.answer.is_cut()) {
        tell(reachability_.heard(now));
    } else {
        drop_connection(slot);
    }
}

std::string ConnectionPool::look(Connection& connection) {
    const auto began = Clock::now();
    const auto found = look_at_schema(connection);
    const std::lock_guard lock(mutex_);
    const auto notice = schema_.looked(began, found);
    if (notice) options_.on_event(notice->event, notice->text);
    return connection.lost() ? found.error : "";
}

// Nothing is read from a database before it is known what it lacks.
std::string ConnectionPool::look_first(Slot& slot, Connection& connection) {
    {
        const std::lock_guard lock(mutex_);
        if (!schema_.expects_any() || slot.answer.is_cut()) return "";
        const auto now = Clock::now();
        schema_.begin_looking(now);
        slot.answer.begin(now + AnswerDeadline::of_ping);
    }
    return look(connection);
}

std::exception_ptr ConnectionPool::look_and_explain(Slot& slot, const std::exception_ptr& error) {
    if (!names_what_is_missing(error)) return error;
    std::unique_lock lock(mutex_);
    const auto now = Clock::now();
    if (!slot.answer.is_cut() && schema_.begin_explaining(now)) {
        slot.answer.begin(now + AnswerDeadline::of_ping);
        lock.unlock();
        look(*slot.connection);
        lock.lock();
    }
    return schema_.explain(error);
}

void ConnectionPool::drop_connection(Slot& slot) {
    slot.dropped = std::move(slot.connection);
    end_control(slot);
    slot.cancelling.end();
    slot.cancellation.reset();
    slot.life.disconnected();
    reachability_.disconnected(Clock::now());
    if (!reachability_.answers()) watch_.notify_one();
    // Somebody else may have to take what this thread was woken for.
    offer();
}

void ConnectionPool::end_control(Slot& slot) {
    // A cancellation under way keeps the connection, and so would keep the session in PostgreSQL.
    if (slot.answer.is_cut()) slot.control.shut_down();
    slot.control = SocketHandle();
    slot.answer = AnswerDeadline();
}

void ConnectionPool::close_dropped(Slot& slot) const {
    if (const auto connection = std::move(slot.dropped)) tell_lost(*connection);
}

void ConnectionPool::tell_lost(const Connection& connection) const {
    if (connection.lost()) options_.on_event(Event::lost, "lost a connection to the database");
}

void ConnectionPool::tell_released(const Slot& slot) const {
    const std::lock_guard lock(mutex_);
    if (slot.number < allowed_) released_();
}

void ConnectionPool::tell(const std::optional<Reachability::Notice>& notice) {
    if (!notice) return;
    options_.on_event(notice->event, notice->text);
    changed_.notify_all();
}

void ConnectionPool::cancel_orphans(Clock::time_point now) {
    for (const auto& slot : slots_) {
        const bool read = slot->running && slot->running->waiters.empty();
        const bool stream = slot->fetching && slot->streaming->deserted();
        if ((!read && !stream) || slot->answer.is_cut()) continue;
        if (!slot->cancelling.begun()) watch_.notify_one();
        const bool hangs =
            slot->cancellation && !slot->cancellation->wait_for(std::chrono::seconds(0));
        if (!slot->cancelling.begin(now, hangs)) continue;
        try {
            slot->cancellation = Cancellation::of(slot->connection);
        } catch (const std::system_error&) {
            // No thread for it: then the read runs to its end, or to PostgreSQL's
            // statement_timeout, unless there is one the next time.
        }
    }
}

void ConnectionPool::watch() {
    pthread_setname_np(pthread_self(), "db-watch");
    for (;;) {
        Waiters expired;
        Waiters hopeless;
        {
            std::unique_lock lock(mutex_);
            if (!watching_) return;
            const auto now = Clock::now();
            expired = leave_expired(now);
            if (now >= reachability_.hopeless_from()) hopeless = leave_all_waiting();
            for (auto ready = queue_.end_pauses(now); ready > 0; --ready)
                offer();
            end_slow_readers(now);
            cancel_orphans(now);
            cut_frozen(now);
            if (expired.empty() && hopeless.empty()) watch_.wait_until(lock, next_watch(now));
        }
        Awaiting::deliver(expired, unavailable("the database did not answer in time",
                                               Unavailable::Reason::timeout));
        Awaiting::deliver(hopeless, away());
    }
}

Waiters ConnectionPool::leave_expired(Clock::time_point now) {
    Waiters expired = queue_.leave_expired(now);
    for (auto& waiter : leases_.leave_expired(now))
        expired.push_back(std::move(waiter));
    for (auto& waiter : streams_.leave_expired(now))
        expired.push_back(std::move(waiter));
    count_timeouts(expired);
    return expired;
}

Waiters ConnectionPool::leave_all_waiting() {
    Waiters waiting = queue_.leave_all_waiting();
    for (auto& waiter : leases_.leave_all())
        waiting.push_back(std::move(waiter));
    for (auto& waiter : streams_.leave_all())
        waiting.push_back(std::move(waiter));
    return waiting;
}

void ConnectionPool::count_timeouts(const Waiters& expired) const {
    for (const auto& waiter : expired) {
        const auto read = waiter->read.lock();
        if (read && read->state == Read::State::running) {
            // It had its connection; what took too long was the execution.
            static_cast<Awaiting&>(*waiter).began = read->started;
        } else if (options_.observer != nullptr) {
            options_.observer->timed_out();
            options_.observer->waited(options_.query_timeout);
        }
    }
}

void ConnectionPool::cut_frozen(Clock::time_point now) {
    for (const auto& slot : slots_) {
        if (!slot->answer.shall_cut(now)) continue;
        // The thread sees its connection break. Nothing else can free it from a frozen server.
        slot->control.shut_down();
        tell(reachability_.unanswered(now));
    }
}

void ConnectionPool::end_slow_readers(Clock::time_point now) {
    const bool wanted = streams_.waiting() > 0;
    for (const auto& slot : slots_) {
        if (slot->streaming) slot->streaming->end_slow(now, wanted);
    }
}

Clock::time_point ConnectionPool::next_watch(Clock::time_point now) const {
    // What comes while the watchdog sleeps has a deadline at least as late.
    const auto soonest = std::min<Clock::duration>(options_.query_timeout, AnswerDeadline::of_ping);
    auto next = std::min({now + soonest, queue_.next_deadline(), queue_.next_due(),
                          leases_.next_deadline(), streams_.next_deadline()});
    if (leases_.streams() > 0) next = std::min<Clock::time_point>(next, now + between_looks);
    if (const auto hopeless = reachability_.hopeless_from(); hopeless > now)
        next = std::min(next, hopeless);
    for (const auto& slot : slots_) {
        if (slot->answer.is_cut()) continue;
        next = std::min({next, slot->answer.next(), slot->cancelling.next()});
    }
    return next;
}

}  // namespace signalbox::db
