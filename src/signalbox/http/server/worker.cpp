#include "signalbox/http/server/worker.hpp"

#include <asio/post.hpp>

#include <exception>
#include <future>
#include <new>
#include <utility>

#include "signalbox/async/memory_reserve.hpp"

namespace signalbox::http {

namespace {

/// How often it is looked at what the kernel holds for connections.
constexpr std::chrono::seconds measure_interval{1};

/// Until it is looked again whether one that all have something to do has room for another: the
/// loop has its turns meanwhile.
constexpr std::chrono::milliseconds room_interval{1};

}  // namespace

Worker::Worker(ServerContext& server, std::size_t number)
    : server_(server),
      loop_(server.options.name + "-loop-" + std::to_string(number)),
      observer_(server.make_observer(loop_)),
      transport_(std::make_unique<Transport>(loop_.context())),
      context_{{.server = server,
                .loop = loop_.context(),
                .observer = *observer_,
                .held = server.memory.of_loop(number)},
               *transport_},
      connections_(context_),
      measure_timer_(loop_.context()),
      room_timer_(loop_.context()) {
    context_.closed = [this, remove = std::move(context_.closed)](Connection& connection) {
        ++connections_ended_;
        remove(connection);
    };
    transport_->start();
    asio::post(loop_.context(), [this] { measure(); });
}

Worker::~Worker() {
    stop();
}

void Worker::stop() {
    if (!transport_) return;
    std::promise<void> closed;
    asio::post(loop_.context(), [&] {
        connections_.close_all();
        closed.set_value();
    });
    closed.get_future().wait();
    loop_.stop();
    // What was the loop's is this thread's to destroy, once it has ended.
    connections_.clear();
    for (const Accepted& accepted : take_back())
        turn_away(accepted.socket);
    transport_.reset();
}

void Worker::give(Accepted accepted) noexcept {
    try {
        const std::lock_guard lock(given_mutex_);
        if (given_.empty()) asio::post(loop_.context(), [this] { take_given(); });
        given_.push_back(std::move(accepted));
        ++connections_given_;
    } catch (const std::bad_alloc&) {  // and so it was not moved
        reject(accepted, server_.rejected_without_resources);
    }
}

std::list<Accepted> Worker::take_back() {
    std::list<Accepted> back;
    {
        const std::lock_guard lock(given_mutex_);
        back.swap(given_);
    }
    connections_given_ -= back.size();
    return back;
}

std::size_t Worker::untaken() const {
    const std::lock_guard lock(given_mutex_);
    return given_.size();
}

void Worker::take_given() {
    std::list<Accepted> given;
    {
        const std::lock_guard lock(given_mutex_);
        given.swap(given_);
    }
    for (; !given.empty(); given.pop_front()) {
        if (take(given.front())) continue;
        take_later(std::move(given));
        return;
    }
}

void Worker::take_later(std::list<Accepted> rest) {
    {
        const std::lock_guard lock(given_mutex_);
        given_.splice(given_.begin(), rest);
    }
    const async::MemoryReserve::Use use;
    room_timer_.expires_after(room_interval);
    room_timer_.async_wait(async::with_memory(room_memory_, [this](const std::error_code& error) {
        if (!error) take_given();
    }));
}

bool Worker::take(const Accepted& accepted) {
    const ServerOptions& options = server_.options;
    const bool below_limit = options.newest_first
                                 ? connections_.size() < options.limit_connections
                                 : server_.open_connections <= options.limit_connections;
    const bool room = below_limit || connections_.make_room(accepted.network);
    if (!room && options.newest_first) return false;
    auto* rejected = &server_.rejected_at_limit;
    if (room) {
        try {
            connections_.add(accepted.socket, accepted.peer_address, accepted.network);
            return true;
        } catch (const std::exception&) {
            // No memory for it, or the kernel watches no more sockets (epoll_ctl(2), ENOSPC).
            rejected = &server_.rejected_without_resources;
        }
    }
    ++connections_ended_;
    reject(accepted, *rejected);
    return true;
}

void Worker::reject(const Accepted& accepted, std::atomic<std::uint64_t>& count) noexcept {
    ++count;
    turn_away(accepted.socket);
    server_.connection_closed(accepted.network);
}

void Worker::measure() {
    try {
        connections_.measure();
        for (const Cut why : CutCounts<std::size_t>::all) {
            if (const auto count = std::exchange(context_.cut[why], 0); count > 0) {
                observer_->cut(to_string(why), count);
            }
        }
    } catch (const std::exception&) {  // no memory for it: in a second then
    }
    const async::MemoryReserve::Use use;
    measure_timer_.expires_after(measure_interval);
    measure_timer_.async_wait(
        async::with_memory(measure_memory_, [this](const std::error_code& error) {
            if (!error) measure();
        }));
}

void Worker::enter(LoopContext::Phase phase) {
    asio::post(loop_.context(), [this, phase] { connections_.enter(phase); });
}

void Worker::close_all() {
    asio::post(loop_.context(), [this] { connections_.close_all(); });
}

void Worker::cancel_spawned() {
    asio::post(loop_.context(), [this] { loop_.spawned().cancel(); });
}

void Worker::flush(std::chrono::milliseconds timeout) {
    std::promise<void> flushed;
    const auto done = flushed.get_future();
    asio::post(loop_.context(), [this, flushed = std::move(flushed)]() mutable {
        observer_->flush();
        flushed.set_value();
    });
    done.wait_for(timeout);
}

}  // namespace signalbox::http
