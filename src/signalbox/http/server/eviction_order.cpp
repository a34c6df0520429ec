#include "signalbox/http/server/eviction_order.hpp"

#include <algorithm>
#include <utility>

namespace signalbox::http {

namespace {

constexpr std::size_t index_of(EvictionOrder::Waits waits) {
    return static_cast<std::size_t>(waits);
}

}  // namespace

void EvictionOrder::Link::unlink() noexcept {
    previous->next = next;
    next->previous = previous;
    previous = next = this;
}

void EvictionOrder::Link::link_before(Link& other) noexcept {
    previous = other.previous;
    next = &other;
    previous->next = this;
    other.previous = this;
}

EvictionOrder::Client::Client() {
    for (Rank& rank : ranks)
        rank.client = this;
}

void EvictionOrder::enter(Place& place, std::optional<ClientNetwork> network) {
    if (network) {
        place.client_ = &clients_[*network];
        place.client_->network = network;
    } else {
        place.own_ = std::make_unique<Client>();
        place.client_ = place.own_.get();
    }
    ++place.client_->connections;
}

void EvictionOrder::leave(Place& place) noexcept {
    if (place.client_ == nullptr) return;
    if (place.waits_ != Waits::for_nobody) wait(place, Waits::for_nobody);
    Client& client = *std::exchange(place.client_, nullptr);
    if (--client.connections > 0) return;
    if (client.network) {
        clients_.erase(*client.network);
    } else {
        place.own_.reset();
    }
}

void EvictionOrder::wait(Place& place, Waits waits) {
    if (place.client_ == nullptr || place.waits_ == waits) return;
    if (place.waits_ != Waits::for_nobody) {
        place.unlink();
        count(*place.client_, std::exchange(place.waits_, Waits::for_nobody), std::size_t{0} - 1);
    }
    if (waits == Waits::for_nobody) return;
    count(*place.client_, waits, 1);
    place.link_before(place.client_->ranks[index_of(waits)].waiting);
    place.waits_ = waits;
}

void EvictionOrder::to_back(Place& place) noexcept {
    if (place.client_ == nullptr || place.waits_ == Waits::for_nobody) return;
    Rank& rank = place.client_->ranks[index_of(place.waits_)];
    place.unlink();
    place.link_before(rank.waiting);
    rank.unlink();
    rank.link_before(ranked_[index_of(place.waits_)][rank.count]);
}

void EvictionOrder::count(Client& client, Waits waits, std::size_t change) {
    auto& ranked = ranked_[index_of(waits)];
    auto& most = most_[index_of(waits)];
    Rank& rank = client.ranks[index_of(waits)];
    while (ranked.size() <= rank.count + change)
        ranked.emplace_back();
    rank.unlink();
    rank.count += change;
    if (rank.count > 0) rank.link_before(ranked[rank.count]);
    // By one at a time: nobody is left between what was the most and what is.
    std::size_t highest = std::max(most.load(std::memory_order_relaxed), rank.count);
    if (highest > 0 && ranked[highest].alone()) --highest;
    most.store(highest, std::memory_order_relaxed);
}

EvictionOrder::Place* EvictionOrder::first(Waits waits) const noexcept {
    const std::size_t highest = most(waits);
    if (highest == 0) return nullptr;
    const auto& rank = static_cast<const Rank&>(*ranked_[index_of(waits)][highest].next);
    return static_cast<Place*>(rank.waiting.next);
}

std::size_t EvictionOrder::connections_of(std::optional<ClientNetwork> network) const noexcept {
    if (!network) return 0;
    const auto found = clients_.find(*network);
    return found == clients_.end() ? 0 : found->second.connections;
}

std::size_t EvictionOrder::Place::connections_of_client() const noexcept {
    return client_ == nullptr ? 0 : client_->connections;
}

}  // namespace signalbox::http
