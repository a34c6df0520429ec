#include "signalbox/http/server/server.hpp"

#include <asio/post.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

#include "signalbox/http/server/listen_on.hpp"
#include "signalbox/http/server/socket_calls.hpp"

namespace signalbox::http {

namespace {

/// After the drain's time is up: for cancelled requests to get their 503 out.
constexpr std::chrono::seconds last_words{2};

/// So many may wait for another connection to make room for them; then no more are accepted for a
/// moment, and beyond twice as many, which a loop that stands still brings about, they are turned
/// away. They are among the descriptors that are set aside.
constexpr std::size_t most_over_limit = 32;

/// Of what a route allows, each request is to fit in, as each of the usual size has to.
void check_body_limits(const ServerOptions& options, const Router& router) {
    for (const Route& route : router.routes()) {
        if (!route.body_limit || *route.body_limit <= options.limits.body) continue;
        const std::size_t besides = options.limits.head + ServerOptions::room_to_arrive;
        const std::size_t room = options.limit_buffered - std::min(options.limit_buffered, besides);
        if (*route.body_limit <= room || route.spools_body) continue;
        throw std::invalid_argument(fmt::format(
            "{} {} takes bodies of {} bytes, which with their heads do not fit in the {} "
            "bytes of --limit-buffered",
            route.method, route.path, *route.body_limit, options.limit_buffered));
    }
}

/// At the start rather than at the first upload.
void check_upload_folder(const ServerContext& context) {
    const auto& routes = context.router.routes();
    if (std::none_of(routes.begin(), routes.end(),
                     [](const Route& route) { return route.spools_body; })) {
        return;
    }
    try {
        context.upload_disk->open();
    } catch (const std::system_error& error) {
        throw std::invalid_argument(std::string("--upload-dir: ") + error.what());
    }
}

}  // namespace

Server::Server(ServerOptions options, std::vector<Route> routes, MakeRequestObserver make_observer)
    : context_{.options = std::move(options),
               .router = Router(std::move(routes)),
               .make_observer = std::move(make_observer)},
      accept_loop_(context_.options.name + "-accept"),
      dealer_(accept_loop_.context(), workers_) {
    check_body_limits(context_.options, context_.router);
    check_upload_folder(context_);
    for (std::size_t i = 0; i < context_.options.workers; ++i) {
        workers_.push_back(std::make_unique<Worker>(context_, i));
    }
}

Server::~Server() {
    // First what makes connections, then the loops that own them.
    stop_accepting(&Acceptor::stop);
    accept_loop_.stop();
    for (auto& worker : workers_)
        worker->stop();
}

void Server::listen() {
    listen(listen_on(context_.options.host, context_.options.port).listeners);
}

void Server::listen(std::vector<Listener> listeners) {
    port_ = listeners.front().port();
    url_ = listeners.front().url();
    for (Listener& listener : listeners) {
        if (context_.receive_buffer > 0) {
            limit_receive_buffer(listener.descriptor(), context_.receive_buffer);
        }
        Acceptor& acceptor = acceptors_.emplace_back(
            accept_loop_.context(), std::move(listener),
            [this](Accepted accepted) { return take(std::move(accepted)); });
        asio::post(accept_loop_.context(), [&acceptor] { acceptor.start(); });
    }
}

void Server::hand_over() {
    for (auto& worker : workers_)
        worker->enter(LoopContext::Phase::draining);
    stop_accepting(&Acceptor::hand_over);
}

bool Server::take(Accepted accepted) {
    const ServerOptions& options = context_.options;
    if (!options.forwarded_allow_ips.contains(accepted.peer_address)) {
        accepted.network = client_network(accepted.peer_address);
    }
    if (accepted.network && options.limit_connections_per_address > 0) {
        try {
            if (!context_.connection_counts.add(*accepted.network,
                                                options.limit_connections_per_address)) {
                ++context_.rejected_at_limit_per_address;
                turn_away(accepted.socket);
                return true;
            }
        } catch (const std::bad_alloc&) {
            ++context_.rejected_without_resources;
            turn_away(accepted.socket);
            return true;
        }
    }
    const std::size_t open = ++context_.open_connections;
    if (options.newest_first) {
        dealer_.deal(std::move(accepted));
        return workers_.front()->untaken() < options.limit_connections;
    }
    if (open <= options.limit_connections) {
        dealer_.deal(std::move(accepted));
        return true;
    }
    if (open <= options.limit_connections + 2 * most_over_limit &&
        dealer_.deal_in_place_of_another(accepted)) {
        return open < options.limit_connections + most_over_limit;
    }
    ++context_.rejected_at_limit;
    turn_away(accepted.socket);
    context_.connection_closed(accepted.network);
    return true;
}

Server::Drained Server::drain(std::chrono::milliseconds timeout) {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    // First the loops hear of it, then of the last connections.
    for (auto& worker : workers_)
        worker->enter(LoopContext::Phase::draining);
    stop_accepting(&Acceptor::stop);
    if (wait_until_closed(deadline)) {
        // Nobody is left who could spawn one, but they themselves.
        const std::size_t cancelled_tasks = end_spawned(deadline);
        flush();
        return {.answered = context_.answered_while_draining,
                .cancelled = context_.cancelled_while_draining + cancelled_tasks};
    }
    const std::size_t late_tasks = wait_for_spawned(Owner::request, deadline);
    for (auto& worker : workers_)
        worker->enter(LoopContext::Phase::turning_away);
    for (auto& worker : workers_)
        worker->cancel_spawned();
    const auto end = std::chrono::steady_clock::now() + last_words;
    if (!wait_until_closed(end)) {
        for (auto& worker : workers_)
            worker->close_all();
    }
    wait_for_spawned(Owner::request, end);
    const std::size_t late_loops = wait_for_spawned(Owner::service, end);
    flush();
    // What is in flight even now does not heed its cancellation.
    return {.answered = context_.answered_while_draining,
            .cancelled = context_.cancelled_while_draining + context_.requests_in_flight +
                         late_tasks + late_loops};
}

std::size_t Server::wait_for_spawned(Owner whose, std::chrono::steady_clock::time_point deadline) {
    std::size_t left = 0;
    for (const auto& worker : workers_) {
        const async::SpawnedTasks& spawned = worker->loop().spawned();
        if (!spawned.wait_until_ended(whose, deadline)) left += spawned.count(whose);
    }
    return left;
}

std::size_t Server::end_spawned(std::chrono::steady_clock::time_point deadline) {
    const std::size_t late = wait_for_spawned(Owner::request, deadline);
    // The service's own loops were there for requests and their tasks, and are told last.
    for (auto& worker : workers_)
        worker->cancel_spawned();
    const auto end = std::chrono::steady_clock::now() + last_words;
    wait_for_spawned(Owner::request, end);
    return late + wait_for_spawned(Owner::service, end);
}

Server::BackgroundTasks Server::background_tasks() const {
    BackgroundTasks sum{};
    for (const auto& worker : workers_) {
        const async::SpawnedTasks& spawned = worker->loop().spawned();
        const auto ended = spawned.ended();
        sum.running += spawned.count(Owner::request);
        sum.ended.completed += ended.completed;
        sum.ended.failed += ended.failed;
        sum.ended.cancelled += ended.cancelled;
    }
    return sum;
}

/// What the kernel had accepted is a connection, and counts as open, when it returns from stop().
void Server::stop_accepting(void (Acceptor::*how)()) {
    if (acceptors_.empty()) return;
    std::promise<void> stopped;
    asio::post(accept_loop_.context(), [&] {
        for (Acceptor& acceptor : acceptors_)
            (acceptor.*how)();
        stopped.set_value();
    });
    stopped.get_future().wait();
}

Server::SinceTurn Server::longest_since_turn() const {
    SinceTurn longest{};
    const auto look_at = [&longest](const async::EventLoop& loop) {
        if (const auto since = loop.since_turn(); since >= longest.duration) {
            longest = {loop.name(), since};
        }
    };
    for (const auto& worker : workers_)
        look_at(worker->loop());
    look_at(accept_loop_);
    return longest;
}

Server::Connections Server::connections() const {
    const std::size_t open = context_.open_connections;
    const std::size_t active = std::min<std::size_t>(open, context_.requests_in_flight);
    return {.active = active, .idle = open - active};
}

Server::Refusals Server::refusals() const {
    return {.at_limit = context_.rejected_at_limit,
            .at_limit_per_address = context_.rejected_at_limit_per_address,
            .without_resources = context_.rejected_without_resources,
            .evicted_idle = context_.evicted_idle,
            .evicted_receiving = context_.evicted_receiving,
            .evicted_sending = context_.evicted_sending};
}

Server::Buffered Server::buffered() const {
    const MemoryBudget& memory = context_.memory;
    return {.requests = memory.requests(),
            .responses = memory.responses(),
            .requests_in_kernel = memory.requests_in_kernel(),
            .responses_in_kernel = memory.responses_in_kernel()};
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
