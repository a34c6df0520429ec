#include "signalbox/http/server/server.hpp"

#include <asio/post.hpp>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <mutex>
#include <string>
#include <utility>

#include "signalbox/http/server/exchange.hpp"

namespace signalbox::http {

namespace {

/// After the drain's time is up: for cancelled requests to get their 503 out.
constexpr std::chrono::seconds last_words{2};

/// Answers a connection that there is no room for without ever making it one.
void turn_away(int socket) {
    const Response response = service_unavailable();
    const std::string bytes = serialize_head(response, choose_request_id({}), {}, false, 1) +
                              std::string(response.body.view());
    ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    ::shutdown(socket, SHUT_WR);
    // Unread input would make the close a reset, and the client might lose the answer.
    char ignored[4096];
    while (::recv(socket, ignored, sizeof ignored, MSG_DONTWAIT) > 0) {
    }
    ::close(socket);
}

}  // namespace

Server::Server(ServerOptions options, std::vector<Route> routes, MakeRequestObserver make_observer)
    : context_{.options = std::move(options),
               .router = Router(std::move(routes)),
               .make_observer = std::move(make_observer)} {
    for (std::size_t i = 0; i < context_.options.workers; ++i) {
        workers_.push_back(std::make_unique<Worker>(context_, std::to_string(i)));
    }
}

Server::~Server() {
    // First what makes connections, then the loops that own them.
    if (acceptor_) {
        std::promise<void> stopped;
        asio::post(workers_.front()->loop(), [&] {
            acceptor_->stop();
            stopped.set_value();
        });
        stopped.get_future().wait();
    }
    for (auto& worker : workers_)
        worker->stop();
    acceptor_.reset();
}

void Server::listen() {
    auto accepted = [this, next = std::size_t{0}](int socket, std::string peer_address) mutable {
        const bool room = context_.open_connections < context_.options.limit_connections ||
                          (context_.options.idle_give_way && workers_.front()->close_an_idle());
        if (room && workers_[next++ % workers_.size()]->add(socket, std::move(peer_address))) {
            return;
        }
        ++context_.rejected_connections;
        turn_away(socket);
    };
    acceptor_ = std::make_unique<Acceptor>(workers_.front()->loop(), context_.options.host,
                                           context_.options.port, std::move(accepted));
    port_ = acceptor_->port();
    asio::post(workers_.front()->loop(), [this] { acceptor_->start(); });
}

Server::Drained Server::drain(std::chrono::milliseconds timeout) {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    stop_accepting(deadline);
    if (wait_until_closed(deadline)) {
        flush();
        return {.answered = context_.answered_while_draining,
                .cancelled = context_.cancelled_while_draining};
    }
    for (auto& worker : workers_)
        worker->cancel_all(observe::Cancelled::shutdown);
    if (!wait_until_closed(std::chrono::steady_clock::now() + last_words)) {
        for (auto& worker : workers_)
            worker->close_all();
    }
    flush();
    // What is in flight even now does not heed its cancellation.
    return {.answered = context_.answered_while_draining,
            .cancelled = context_.cancelled_while_draining + context_.requests_in_flight};
}

void Server::stop_accepting(std::chrono::steady_clock::time_point deadline) {
    std::promise<void> stopped;
    const auto done = stopped.get_future();
    asio::post(workers_.front()->loop(), [this, stopped = std::move(stopped)]() mutable {
        // First the loops hear of it, then of the last connections.
        for (auto& worker : workers_)
            worker->drain();
        if (acceptor_) acceptor_->stop();
        stopped.set_value();
    });
    // What the kernel had accepted is a connection, and counts as open, only from then on. A loop
    // that is blocked must not hold up the end.
    done.wait_until(deadline);
}

std::string Server::url() const {
    const std::string& host = context_.options.host;
    const bool v6 = host.find(':') != std::string::npos;
    return "http://" + (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port_);
}

Server::SinceTurn Server::longest_since_turn() const {
    SinceTurn longest{};
    for (const auto& worker : workers_) {
        const async::EventLoop& loop = worker->event_loop();
        if (const auto since = loop.since_turn(); since >= longest.duration) {
            longest = {loop.name(), since};
        }
    }
    return longest;
}

Server::Connections Server::connections() const {
    const std::size_t open = context_.open_connections;
    const std::size_t active = std::min<std::size_t>(open, context_.requests_in_flight);
    return {.active = active, .idle = open - active, .rejected = context_.rejected_connections};
}

Server::Buffered Server::buffered() const {
    return {.requests = context_.buffered_requests, .responses = context_.unsent.bytes()};
}

void Server::flush() {
    for (auto& worker : workers_)
        worker->flush(last_words);
}

bool Server::wait_until_closed(std::chrono::steady_clock::time_point deadline) {
    std::unique_lock lock(context_.closed_mutex);
    return context_.all_closed.wait_until(lock, deadline,
                                          [this] { return context_.open_connections == 0; });
}

}  // namespace signalbox::http
