#include "signalbox/http/server/memory_budget.hpp"

#include <mutex>
#include <numeric>
#include <utility>

namespace signalbox::http {

void MemoryBudget::hold(BufferHolder& holder, const Holding& holding) {
    enlist(holder, holding.now);
    if (holding.body.data() != holder.body_) share(holder, holding.body);
    EvictionBudget::hold(holder,
                         {.bytes = holding.bytes, .moved = holding.moved, .now = holding.now});
}

std::size_t MemoryBudget::share_of(const BudgetHolder& holder) const {
    const char* const its = static_cast<const BufferHolder&>(holder).body_;
    if (its == nullptr) return 0;
    const Body& body = bodies_.at(its);
    return body.size / body.readers;
}

void MemoryBudget::on_released(BudgetHolder& holder) noexcept {
    unshare(static_cast<BufferHolder&>(holder));
}

void MemoryBudget::share(BufferHolder& holder, std::string_view body) {
    const std::lock_guard lock(mutex());
    unshare(holder);
    if (body.empty()) return;
    Body& counted = bodies_[body.data()];
    holder.body_ = body.data();
    if (counted.readers++ > 0) return;
    counted.size = body.size();
    body_bytes_ += body.size();
}

void MemoryBudget::unshare(BufferHolder& holder) noexcept {
    const auto found = bodies_.find(std::exchange(holder.body_, nullptr));
    if (found == bodies_.end() || --found->second.readers > 0) return;
    body_bytes_ -= found->second.size;
    bodies_.erase(found);
}

std::size_t MemoryBudget::bytes() const noexcept {
    return std::accumulate(loops_.begin(), loops_.end(),
                           body_bytes_.load(std::memory_order_relaxed),
                           [](std::size_t sum, const HeldBytes& loop) { return sum + loop.sum(); });
}

std::size_t MemoryBudget::sum(Tally HeldBytes::*of) const noexcept {
    return std::accumulate(
        loops_.begin(), loops_.end(), std::size_t{0},
        [of](std::size_t sum, const HeldBytes& loop) { return sum + (loop.*of).value(); });
}

}  // namespace signalbox::http
