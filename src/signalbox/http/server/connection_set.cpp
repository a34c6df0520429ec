#include "signalbox/http/server/connection_set.hpp"

#include <asio/post.hpp>

#include <chrono>
#include <exception>
#include <utility>

namespace signalbox::http {

namespace {

using Waits = EvictionOrder::Waits;

/// What has been idle for so long goes for a new one, whosever it is.
constexpr std::chrono::seconds settled_after{1};

/// Who has more than this part of all connections, a 32nd, and more than the new one's client,
/// hoards them: his go first, also those in the middle of a request or response.
constexpr std::size_t hoard = 32;

/// Those whose clients turn out to have sent something.
constexpr std::size_t most_evictions_tried = 16;

bool evict(Connection& connection) {
    try {
        return connection.evict();
    } catch (...) {
        connection.on_failure(std::current_exception());
        return true;
    }
}

}  // namespace

ConnectionSet::ConnectionSet(LoopContext& loop) : loop_(loop) {
    loop_.closed = [this](Connection& connection) { remove(connection); };
}

void ConnectionSet::add(int socket, std::string peer_address,
                        std::optional<ClientNetwork> network) {
    // Closing takes no memory then.
    if (const std::size_t count = open_.size() + closed_.size() + 1; closed_.capacity() < count) {
        closed_.reserve(std::max(count, 2 * closed_.capacity()));
    }
    // It has its place first: it may find that there is no memory for it, and close.
    auto& place = open_.emplace_back();
    try {
        place = std::make_unique<Connection>(loop_, socket, std::move(peer_address), network);
        place->place = open_.size() - 1;
        place->open();
    } catch (...) {
        open_.pop_back();
        throw;
    }
}

void ConnectionSet::remove(Connection& connection) {
    std::unique_ptr<Connection>& place = open_[connection.place];
    closed_.push_back(std::move(place));
    if (&place != &open_.back()) {
        place = std::move(open_.back());
        place->place = connection.place;
    }
    open_.pop_back();
    if (!std::exchange(clearing_, true)) {
        asio::post(loop_.loop, async::with_memory(clear_memory_, [this](const std::error_code&) {
                       clearing_ = false;
                       closed_.clear();
                   }));
    }
    loop_.server.connection_closed(connection.network());
}

void ConnectionSet::enter(LoopContext::Phase phase) {
    loop_.phase = phase;
    for_each([](Connection& connection) { connection.on_phase(); });
}

void ConnectionSet::close_all() {
    for_each([](Connection& connection) { connection.close(context::error_types::shutdown); });
}

bool ConnectionSet::make_room(std::optional<ClientNetwork> newcomer) {
    const auto* const idle = order().first(Waits::for_request);
    const auto* const waiting = order().first(Waits::for_client);
    const bool busy_one_has_more = waiting != nullptr && idle != nullptr &&
                                   waiting->connections_of_client() > idle->connections_of_client();
    if (busy_one_has_more && evict_waiting(Whose::hoarders, newcomer)) return true;
    if (evict_idle(Whose::hoarders, newcomer) || evict_waiting(Whose::hoarders, newcomer) ||
        evict_idle(Whose::all, newcomer)) {
        return true;
    }
    return loop_.server.options.newest_first && evict_waiting(Whose::all, newcomer);
}

bool ConnectionSet::hoards(const Connection& connection,
                           std::optional<ClientNetwork> newcomer) const noexcept {
    const ServerOptions& options = loop_.server.options;
    const std::size_t has = connection.connections_of_client();
    return has * options.workers * hoard > options.limit_connections &&
           has > order().connections_of(newcomer) + 1;
}

bool ConnectionSet::evict_idle(Whose whose, std::optional<ClientNetwork> newcomer) {
    for (std::size_t tries = 0; tries < most_evictions_tried;) {
        auto* const first = static_cast<Connection*>(order().first(Waits::for_request));
        if (first == nullptr) return false;
        // One that was used since it got its place has waited for less than it seems. Each goes to
        // the back once for its request at most.
        if (first->was_used()) {
            order().to_back(*first);
            continue;
        }
        ++tries;
        const bool settled = loop_.server.options.newest_first ||
                             Connection::Clock::now() - first->free_since() >= settled_after;
        if (!hoards(*first, newcomer) && (whose == Whose::hoarders || !settled)) return false;
        if (evict(*first)) return true;
    }
    return false;
}

bool ConnectionSet::evict_waiting(Whose whose, std::optional<ClientNetwork> newcomer) {
    for (std::size_t tries = 0; tries < most_evictions_tried; ++tries) {
        auto* const first = static_cast<Connection*>(order().first(Waits::for_client));
        if (first == nullptr) return false;
        if (whose == Whose::hoarders && !hoards(*first, newcomer)) return false;
        if (evict(*first)) return true;
    }
    return false;
}

void ConnectionSet::measure() {
    const auto now = loop_.transport.begin_turn();
    for_each([now](Connection& connection) { connection.measure(now); });
}

void ConnectionSet::clear() {
    open_.clear();
    closed_.clear();
}

void ConnectionSet::for_each(const std::function<void(Connection&)>& visit) {
    // A copy, because a connection that closes leaves its place to another.
    std::vector<Connection*> all;
    all.reserve(open_.size());
    for (const auto& connection : open_)
        all.push_back(connection.get());
    for (Connection* connection : all)
        visit(*connection);
}

}  // namespace signalbox::http
