#include "signalbox/http/server/worker.hpp"

#include <asio/post.hpp>

#include <exception>
#include <future>
#include <utility>

namespace signalbox::http {

namespace {

/// How often it is looked at what the kernel holds for connections that are not read.
constexpr std::chrono::seconds measure_interval{1};

}  // namespace

Worker::Worker(ServerContext& server, std::size_t number)
    : server_(server),
      loop_(server.options.name + "-loop-" + std::to_string(number)),
      observer_(server.make_observer(loop_)),
      transport_(std::make_unique<Transport>(loop_.context())),
      context_{{.server = server, .loop = loop_.context(), .observer = *observer_},
               *transport_,
               server.buffered_requests[number]},
      connections_(context_),
      unread_in_kernel_(server.unread_in_kernel[number]),
      measure_timer_(loop_.context()) {
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

void Worker::give(Accepted accepted) {
    ++connections_given_;
    const std::lock_guard lock(given_mutex_);
    given_.push_back(std::move(accepted));
    if (given_.size() == 1) asio::post(loop_.context(), [this] { take_given(); });
}

std::vector<Accepted> Worker::take_back() {
    std::vector<Accepted> back;
    {
        const std::lock_guard lock(given_mutex_);
        back.swap(given_);
    }
    connections_given_ -= back.size();
    return back;
}

bool Worker::has_untaken() const {
    const std::lock_guard lock(given_mutex_);
    return !given_.empty();
}

void Worker::take_given() {
    std::vector<Accepted> given;
    {
        const std::lock_guard lock(given_mutex_);
        given.swap(given_);
    }
    for (Accepted& accepted : given)
        take(std::move(accepted));
}

void Worker::take(Accepted accepted) {
    const bool room = server_.open_connections <= server_.options.limit_connections ||
                      (server_.options.idle_give_way && connections_.close_an_idle());
    if (room) {
        try {
            connections_.add(accepted.socket, std::move(accepted.peer_address));
            return;
        } catch (const std::exception&) {
            // No memory for it, or the kernel watches no more sockets (epoll_ctl(2), ENOSPC).
        }
    }
    ++connections_ended_;
    ++server_.rejected_connections;
    turn_away(accepted.socket);
    server_.connection_closed();
}

void Worker::measure() {
    unread_in_kernel_.set(connections_.unread_in_kernel());
    measure_timer_.expires_after(measure_interval);
    measure_timer_.async_wait([this](const std::error_code& error) {
        if (!error) measure();
    });
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
