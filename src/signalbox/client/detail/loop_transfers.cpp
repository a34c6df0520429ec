#include "signalbox/client/detail/loop_transfers.hpp"

#include <asio/post.hpp>

#include <exception>
#include <utility>

namespace signalbox::client {

asio::execution_context::id LoopTransfers::id;

void Clients::close(const std::shared_ptr<Clients>& clients) {
    clients->resolver.cancel_all();
    const std::lock_guard lock(clients->mutex_);
    clients->closed_ = true;
    // A loop that ends takes the mutex first (shutdown), and is there until then.
    for (LoopTransfers* const loop : std::exchange(clients->loops_, {}))
        asio::post(loop->loop_, [loop, clients] { loop->forget(clients.get()); });
}

std::shared_ptr<Transfers> LoopTransfers::of(asio::io_context& loop,
                                             const std::shared_ptr<Clients>& clients) {
    auto& all = asio::use_service<LoopTransfers>(static_cast<asio::execution_context&>(loop));
    if (const auto known = all.entries_.find(clients.get()); known != all.entries_.end())
        return known->second.transfers;
    auto transfers = std::make_shared<Transfers>(loop, clients->options());
    const std::lock_guard lock(clients->mutex_);
    if (clients->closed_) std::rethrow_exception(cancelled());
    clients->loops_.reserve(clients->loops_.size() + 1);
    all.entries_.emplace(clients.get(), Entry{clients, transfers});
    clients->loops_.push_back(&all);
    return transfers;
}

void LoopTransfers::forget(const Clients* clients) {
    const auto found = entries_.find(clients);
    if (found == entries_.end()) return;
    const Entry entry = std::move(found->second);
    entries_.erase(found);
    entry.transfers->close(false);
}

void LoopTransfers::shutdown() {
    for (auto& [key, entry] : std::exchange(entries_, {})) {
        {
            const std::lock_guard lock(entry.clients->mutex_);
            std::erase(entry.clients->loops_, this);
        }
        entry.clients->resolver.leave(loop_);
        entry.transfers->close(true);
    }
}

}  // namespace signalbox::client
