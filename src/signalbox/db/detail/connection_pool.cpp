#include "signalbox/db/detail/connection_pool.hpp"

#include <asio/error.hpp>
#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <stdexcept>
#include <utility>

#include "signalbox/config/database_url.hpp"
#include "signalbox/config/units.hpp"
#include "signalbox/db/detail/backoff.hpp"
#include "signalbox/db/detail/cancellation.hpp"
#include "signalbox/db/detail/execution.hpp"
#include "signalbox/observe/database_observer.hpp"
#include "signalbox/random.hpp"

namespace signalbox::db {

namespace {

/// How long an idle connection goes unwatched, and PostgreSQL unheard.
constexpr std::chrono::seconds idle_check{1};

/// How long PostgreSQL may take to answer that it is there.
constexpr std::chrono::seconds ping_timeout{2};

/// Below the five seconds within which a database that is back is to be in full use: an attempt may
/// hang that was made just before.
constexpr std::chrono::seconds connect_timeout{4};

/// How much longer than --database-query-timeout a read may hold its thread: PostgreSQL ends the
/// statement by itself at the timeout, unless it is frozen or cut off.
constexpr std::chrono::seconds frozen_grace{1};

/// So that connections made together do not all end together.
std::chrono::milliseconds jittered(std::chrono::milliseconds lifetime) {
    const auto tenth = static_cast<std::uint64_t>(lifetime.count() / 10 + 1);
    return lifetime - std::chrono::milliseconds(random_number() % tenth);
}

}  // namespace

/// A thread's place in the pool.
struct ConnectionPool::Slot {
    explicit Slot(std::size_t its_number) : number(its_number) {}

    const std::size_t number;

    /// The thread's own.
    Backoff backoff;
    Clock::time_point connected_at{};
    Clock::time_point expires = Clock::time_point::max();
    Clock::time_point idle_since{};

    /// Guarded by the pool's mutex. Only the thread changes `connection`, and uses it without the
    /// mutex while `running` is set.
    std::shared_ptr<Connection> connection;
    /// A duplicate of its descriptor: libpq closes its own when it likes, and the number
    /// may be somebody else's by the time the watchdog uses it.
    int control = -1;
    std::shared_ptr<Read> running;
    /// When the watchdog frees the thread from a server that does not answer.
    Clock::time_point answer_due = Clock::time_point::max();
    bool cut = false;
    std::shared_ptr<Cancellation> cancellation;  ///< of what is running
    Clock::time_point cancel_again{};
    Backoff cancelling;
    bool settling = false;  ///< what was running has ended, and is not to be cancelled any more

    void drop_control() {
        if (control < 0) return;
        // A cancellation under way keeps the connection, and so would keep the session in
        // PostgreSQL.
        if (cut) ::shutdown(control, SHUT_RDWR);
        ::close(std::exchange(control, -1));
    }
};

ConnectionPool::ConnectionPool(PoolOptions options)
    : options_(std::move(options)),
      queue_(options_.share_reads, options_.max_queue),
      allowed_(options_.size_at_first == 0 ? options_.size
                                           : std::min(options_.size_at_first, options_.size)),
      working_(options_.size) {
    for (std::size_t i = 0; i < options_.size; ++i)
        slots_.push_back(std::make_unique<Slot>(i));
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
            work(*slots_[i]);
        });
    }
    std::string last_error;
    {
        std::unique_lock lock(mutex_);
        if (changed_.wait_until(lock, stop, deadline, [this] { return connected_ > 0; })) return;
        last_error = last_error_;
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
        waiting = queue_.leave_all_waiting();
    }
    Awaiting::deliver(waiting,
                      unavailable("the service is shutting down", Unavailable::Reason::stopping));
    changed_.notify_all();
    read_ready_.notify_all();
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
        slots_.begin(), slots_.end(), [](const auto& slot) { return slot->running != nullptr; }));
    return {.idle = connected_ - used, .used = used, .waiting = queue_.waiting()};
}

bool ConnectionPool::reachable() const {
    const std::lock_guard lock(mutex_);
    return answers();
}

async::Task<JsonText> ConnectionPool::fetch(Statement statement) {
    return fetch_part<&Outcome::rows>(std::move(statement));
}

async::Task<std::size_t> ConnectionPool::execute(Statement statement) {
    return fetch_part<&Outcome::affected>(std::move(statement));
}

async::Task<std::shared_ptr<const void>> ConnectionPool::fetch_values(Statement statement) {
    return fetch_part<&Outcome::values>(std::move(statement));
}

template <auto part>
async::Task<PartOf<part>> ConnectionPool::fetch_part(Statement statement) {
    for (const auto& parameter : statement.parameters) {
        if (parameter && parameter->find('\0') != std::string::npos) {
            throw std::invalid_argument("PostgreSQL takes no NUL byte in a parameter");
        }
    }
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
        } else {
            switch (queue_.add(std::move(statement), waiter)) {
                case ReadQueue::Added::full:
                    refused = unavailable("too many reads wait for the database",
                                          Unavailable::Reason::queue_full);
                    break;
                case ReadQueue::Added::ready:
                    read_ready_.notify_one();
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
        cancel_orphans();
    }
    Awaiting::deliver(
        {waiter},
        failed(std::make_exception_ptr(asio::system_error(asio::error::operation_aborted))));
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
    read_ready_.notify_all();
}

void ConnectionPool::work(Slot& slot) {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        if (retire(slot, lock)) return;
        if (slot.number >= allowed_) {
            changed_.wait(lock);
        } else if (!slot.connection) {
            connect_slot(slot, lock);
        } else if (auto read = queue_.take(Clock::now(), slot.connected_at)) {
            run(std::move(read), slot, lock);
        } else if (read_ready_.wait_until(lock,
                                          std::min(Clock::now() + idle_check, slot.expires)) ==
                   std::cv_status::timeout) {
            check_idle(slot, lock);
        }
    }
    if (slot.connection) drop_connection(slot, lock);
}

bool ConnectionPool::may_retire(const Slot& slot) const {
    const bool last_connection = slot.connection && connected_ == 1;
    return released_ && working_ > 1 && !last_connection && !queue_.has_ready();
}

bool ConnectionPool::retire(Slot& slot, std::unique_lock<std::mutex>& lock) {
    if (!may_retire(slot)) return false;
    --working_;
    if (slot.connection) drop_connection(slot, lock);
    if (slot.number < allowed_) released_();
    return true;
}

void ConnectionPool::check_idle(Slot& slot, std::unique_lock<std::mutex>& lock) {
    const auto now = Clock::now();
    if (slot.connection->hung_up() || slot.expires <= now) {
        drop_connection(slot, lock);
        return;
    }
    // While PostgreSQL is heard it need not be asked, and one connection is enough to ask. When
    // that got no answer, each has to find out for itself whether it is of any use.
    if (now - heard_ < idle_check || (asking_ && !silent_)) return;
    asking_ = true;
    const auto failure = ask(slot, *slot.connection, lock);
    asking_ = false;
    if (failure.empty()) {
        heard(Clock::now());
    } else {
        drop_connection(slot, lock);
    }
}

std::string ConnectionPool::ask(Slot& slot, Connection& connection,
                                std::unique_lock<std::mutex>& lock) {
    slot.answer_due = Clock::now() + ping_timeout;
    slot.cut = false;
    lock.unlock();
    auto failure = ping(connection);
    lock.lock();
    slot.answer_due = Clock::time_point::max();
    if (slot.cut) failure = "the database does not answer";
    return failure;
}

void ConnectionPool::heard(Clock::time_point when) {
    heard_ = when;
    if (!silent_) return;
    silent_ = false;
    knocking_.succeeded();
    changed_.notify_all();
    if (connected_ > 0) options_.on_event(Event::connected, "the database answers again");
}

void ConnectionPool::connect_slot(Slot& slot, std::unique_lock<std::mutex>& lock) {
    const bool away = !answers();
    if (away && !knocking_.begin(Clock::now())) {
        changed_.wait_until(lock, knocking_.next(),
                            [&] { return stopping_ || may_retire(slot) || answers(); });
        return;
    }
    lock.unlock();
    std::unique_ptr<Connection> connection;
    std::string error;
    const auto asked = Clock::now();
    try {
        connection = open_connection();
        if (options_.observer != nullptr) options_.observer->connected(Clock::now() - asked);
    } catch (const std::exception& refused) {
        error = refused.what();
    }
    const int control = connection ? ::fcntl(connection->socket(), F_DUPFD_CLOEXEC, 0) : -1;
    lock.lock();
    if (connection) {
        slot.control = control;
        slot.cut = false;
        // A pooler lets us in whether or not there is a database behind it.
        error = ask(slot, *connection, lock);
    }
    const auto now = Clock::now();
    if (connection && error.empty()) {
        slot.connection = std::move(connection);
        slot.backoff.reset();
        slot.connected_at = slot.idle_since = now;
        slot.expires = options_.max_lifetime.count() == 0 ? Clock::time_point::max()
                                                          : now + jittered(options_.max_lifetime);
        if (connected_ == 0) options_.on_event(Event::connected, "connected to the database");
        knocking_.succeeded();
        heard(now);
        ++connected_;
        changed_.notify_all();
        return;
    }
    slot.drop_control();
    connection.reset();
    last_error_ = error;
    const auto pause = away ? knocking_.failed(now) : slot.backoff.next();
    options_.on_event(Event::cannot_connect, fmt::format("{}; trying again in {}", error, pause));
    // While it is away the next knock is whoever's; the thread looks for it above.
    if (!away) changed_.wait_for(lock, pause, [&] { return stopping_ || may_retire(slot); });
}

std::unique_ptr<Connection> ConnectionPool::open_connection() const {
    ConnectionOptions connection{.url = options_.url,
                                 .application_name = options_.application_name,
                                 .prepare = options_.prepare};
    connection.connect_timeout = connect_timeout;
    connection.query_timeout = options_.query_timeout;
    if (!options_.url_file.empty()) {
        const auto read = config::read_database_url(options_.url_file);
        if (!read) throw Unavailable(read.reason());
        connection.url = *read;
    }
    return std::make_unique<Connection>(connection);
}

void ConnectionPool::drop_connection(Slot& slot, std::unique_lock<std::mutex>& lock) {
    auto connection = std::move(slot.connection);
    slot.drop_control();
    --connected_;
    // Somebody else may have to take what this thread was woken for.
    if (queue_.has_ready()) read_ready_.notify_one();
    lock.unlock();  // closing talks to the server
    if (connection->lost()) options_.on_event(Event::lost, "lost a connection to the database");
    connection.reset();
    lock.lock();
}

void ConnectionPool::run(std::shared_ptr<Read> read, Slot& slot,
                         std::unique_lock<std::mutex>& lock) {
    // Asking the kernel costs little, but not nothing: not while it is busy.
    if (read->started - slot.idle_since > idle_check && slot.connection->hung_up()) {
        queue_.put_back(std::move(read));
        drop_connection(slot, lock);
        return;
    }
    Awaiting::wait_for(read->waiters, context::Waiting::database);
    slot.running = read;
    slot.answer_due = read->started + options_.query_timeout + frozen_grace;
    slot.cut = false;
    lock.unlock();
    Outcome outcome = db::execute(*slot.connection, *read, options_.observer);
    lock.lock();
    settle_cancellation(slot, lock);
    slot.running.reset();
    slot.cancellation.reset();
    slot.answer_due = Clock::time_point::max();
    slot.idle_since = outcome.finished;
    if (options_.observer != nullptr) options_.observer->used(outcome.finished - outcome.started);

    const bool lost = slot.connection->lost() || slot.cut;
    if (lost) {
        drop_connection(slot, lock);
    } else {
        heard(outcome.finished);
    }
    if (lost && read->statement.writes && outcome.error) {
        // It may have been done all the same, or may not: a second time could be one too many.
        outcome.error = std::make_exception_ptr(UnknownOutcome());
    } else if (lost && !read->broke && !stopping_) {
        // It only reads, so it may be tried once more; most likely this thread will, as soon as it
        // has a new connection.
        read->broke = outcome.finished;
        if (options_.observer != nullptr && !read->waiters.empty()) options_.observer->retried();
        Awaiting::wait_for(read->waiters, context::Waiting::database_queue);
        queue_.put_back(std::move(read));
        return;
    }
    const Waiters waiters = queue_.finish(*read);
    // What had gathered behind it may be taken, and this thread may have to connect first.
    if (queue_.has_ready()) read_ready_.notify_one();
    lock.unlock();
    Awaiting::deliver(waiters, std::move(outcome));
    lock.lock();
    // Only now, so that no read waits for it.
    if (slot.connection && slot.expires <= slot.idle_since) drop_connection(slot, lock);
}

void ConnectionPool::cancel_orphans() {
    const auto now = Clock::now();
    for (const auto& slot : slots_) {
        if (!slot->running || !slot->running->waiters.empty()) continue;
        if (slot->cut || slot->settling) continue;
        if (slot->cancellation) {
            if (now < slot->cancel_again) continue;
            // A pooler drops the request while the read waits for a session there, and begins it
            // all the same.
            slot->cancel_again = now + slot->cancelling.next();
            if (!slot->cancellation->wait_for(std::chrono::seconds(0))) continue;
        } else {
            slot->cancelling.reset();
            slot->cancel_again = now + slot->cancelling.next();
            watch_.notify_one();
        }
        try {
            slot->cancellation = Cancellation::of(slot->connection);
        } catch (const std::system_error&) {
            // No thread for it: then the read runs to its end, or to PostgreSQL's
            // statement_timeout.
        }
    }
}

void ConnectionPool::settle_cancellation(Slot& slot, std::unique_lock<std::mutex>& lock) {
    if (!slot.cancellation || slot.cut || slot.connection->lost()) return;
    slot.settling = true;
    lock.unlock();
    // PostgreSQL has the request but may not have looked at it: it is to hit the ping, if anything.
    // The watchdog still frees the thread from a server that freezes now.
    const bool usable = slot.cancellation->wait_for(frozen_grace) && ping(*slot.connection).empty();
    lock.lock();
    slot.settling = false;
    // A connection whose cancellation is still on its way would be hit in the middle of its next
    // read.
    if (!usable) slot.cut = true;
}

void ConnectionPool::watch() {
    pthread_setname_np(pthread_self(), "db-watch");
    std::unique_lock lock(mutex_);
    while (watching_) {
        const auto now = Clock::now();
        if (const Waiters expired = queue_.leave_expired(now); !expired.empty()) {
            count_timeouts(expired);
            lock.unlock();
            Awaiting::deliver(expired, unavailable("the database did not answer in time",
                                                   Unavailable::Reason::timeout));
            lock.lock();
        }
        cancel_orphans();
        cut_frozen(now);
        // What comes while this sleeps has a deadline at least as late.
        auto next = std::min(now + std::min<Clock::duration>(options_.query_timeout, ping_timeout),
                             queue_.next_deadline());
        for (const auto& slot : slots_) {
            if (slot->cut) continue;
            next = std::min(next, slot->answer_due);
            if (slot->cancellation && !slot->settling) next = std::min(next, slot->cancel_again);
        }
        watch_.wait_until(lock, next);
    }
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
        if (slot->cut || slot->answer_due > now) continue;
        // The thread sees its connection break. Nothing else can free it from a frozen server.
        ::shutdown(slot->control, SHUT_RDWR);
        slot->cut = true;
        // Unless others are answered: then it is this connection only.
        if (silent_ || now - heard_ < idle_check + ping_timeout) continue;
        silent_ = true;
        options_.on_event(Event::lost, "the database does not answer");
    }
}

}  // namespace signalbox::db
