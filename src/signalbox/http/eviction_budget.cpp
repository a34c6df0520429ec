#include "signalbox/http/eviction_budget.hpp"

#include <asio/post.hpp>

#include <algorithm>
#include <tuple>
#include <utility>

namespace signalbox::http {

namespace {

/// In less time nobody's rate is known: who has just come goes after those who once came with much
/// and then wait. Not longer, or many who come one after the other would all be spared.
constexpr std::chrono::milliseconds shortest_time{50};
constexpr std::uint64_t unknown_rate = std::uint64_t{1} << 62U;  ///< above all that are known

/// Who holds less is spared: too many would have to go. Not the average itself, which those who
/// hold alike can stay below, so that an honest client with more is the only one to go.
constexpr std::size_t part_of_average = 4;

/// Room for one more, growing as a vector does.
template <class T>
void reserve_for(std::vector<T>& vector, std::size_t count) {
    if (vector.capacity() < count) vector.reserve(std::max(count, 2 * vector.capacity()));
}

}  // namespace

void EvictionBudget::enlist(BudgetHolder& holder, Clock::time_point now) {
    if (holder.listed_) return;
    const std::lock_guard lock(mutex_);
    const std::size_t count = holders_.size() + 1;
    reserve_for(holders_, count);
    reserve_for(condemned_holders_, count);
    reserve_for(candidates_, count);
    holder.place_ = holders_.size();
    holder.began_ = now;
    holders_.push_back(&holder);
    holder.listed_ = true;
}

void EvictionBudget::hold(BudgetHolder& holder, const Holding& holding) {
    enlist(holder, holding.now);
    holder.moved_.store(holding.moved, std::memory_order_relaxed);
    const std::size_t before = holder.held_.exchange(holding.bytes, std::memory_order_relaxed);
    if (holding.bytes > before && bytes() > limit_) evict_for(0, holder.loop(), &holder);
}

void EvictionBudget::release(BudgetHolder& holder) noexcept {
    if (!std::exchange(holder.listed_, false)) return;
    const std::lock_guard lock(mutex_);
    on_released(holder);
    holders_[holder.place_] = holders_.back();
    holders_[holder.place_]->place_ = holder.place_;
    holders_.pop_back();
    holder.held_ = 0;
    // By the time its loop gets to evict it, its client may have taken or completed everything.
    if (holder.condemned_ == 0) return;
    pardon(holder);
    std::erase(condemned_holders_, &holder);
}

bool EvictionBudget::fits(asio::io_context& loop, const BudgetHolder* on_the_stack,
                          std::size_t more) {
    if (bytes() + more <= limit_) return true;
    if (more > limit_) return false;  // nobody goes for what never fits
    evict_for(more, loop, on_the_stack);
    return bytes() + more <= limit_ + condemned_;
}

void EvictionBudget::evict_for(std::size_t more, asio::io_context& loop,
                               const BudgetHolder* on_the_stack) {
    std::vector<BudgetHolder*> at_once;
    {
        const std::lock_guard lock(mutex_);
        if (bytes() + more <= limit_ + condemned_) return;
        at_once.reserve(holders_.size());
        const std::size_t before = condemned_holders_.size();
        condemn_for(more);
        try {
            std::vector<asio::io_context*> others;
            for (std::size_t i = before; i < condemned_holders_.size(); ++i) {
                BudgetHolder* const holder = condemned_holders_[i];
                asio::io_context* const its = &holder->loop();
                if (its == &loop && holder != on_the_stack && holder->evictable_at_once()) {
                    at_once.push_back(holder);
                } else if (std::find(others.begin(), others.end(), its) == others.end()) {
                    others.push_back(its);
                }
            }
            for (asio::io_context* other : others)
                asio::post(*other, [this, other] { evict_those_of(*other); });
        } catch (...) {  // no memory; who needs it goes instead
            while (condemned_holders_.size() > before) {
                pardon(*condemned_holders_.back());
                condemned_holders_.pop_back();
            }
            throw;
        }
        for (BudgetHolder* holder : at_once)
            std::erase(condemned_holders_, holder);
    }
    for (BudgetHolder* holder : at_once)
        evict(*holder);
}

/// And for some more than that, since each time all have to be looked at.
void EvictionBudget::condemn_for(std::size_t more) {
    const auto now = Clock::now();
    const std::size_t left = bytes() + more - std::min(bytes() + more, condemned_.load());
    const std::size_t spared = limit_ - limit_ / 16;
    std::size_t excess = left - std::min(left, spared);
    while (excess > 0) {
        find_candidates(now);
        if (candidates_.empty()) return;
        for (const Candidate& candidate : candidates_) {
            candidate.holder->condemned_ = std::max<std::size_t>(candidate.bytes, 1);
            condemned_ += candidate.holder->condemned_;
            condemned_holders_.push_back(candidate.holder);
            excess -= std::min(excess, candidate.holder->condemned_);
            if (excess == 0) return;
        }
    }
}

/// Those who hold at least a part of the average of those that are left, in the order in which they
/// have to go.
void EvictionBudget::find_candidates(Clock::time_point now) {
    candidates_.clear();
    std::size_t held = 0;
    for (BudgetHolder* holder : holders_) {
        if (holder->condemned_ > 0) continue;
        const auto since =
            std::chrono::duration_cast<std::chrono::milliseconds>(now - holder->began_);
        const std::size_t bytes = holder->held_.load(std::memory_order_relaxed) + share_of(*holder);
        const std::uint64_t moved = holder->moved_.load(std::memory_order_relaxed);
        candidates_.push_back(
            {.rate = since < shortest_time
                         ? unknown_rate + moved
                         : moved * 1000 / static_cast<std::uint64_t>(since.count()),
             .began = holder->began_,
             .bytes = bytes,
             .holder = holder});
        held += bytes;
    }
    std::erase_if(candidates_,
                  [least = candidates_.empty() ? 0 : held / candidates_.size() / part_of_average](
                      const Candidate& one) { return one.bytes < least; });
    std::sort(candidates_.begin(), candidates_.end(),
              [](const Candidate& one, const Candidate& other) {
                  return std::tie(one.rate, one.began) < std::tie(other.rate, other.began);
              });
}

void EvictionBudget::evict_those_of(asio::io_context& loop) noexcept {
    while (true) {
        BudgetHolder* next = nullptr;
        {
            const std::lock_guard lock(mutex_);
            const auto its =
                std::find_if(condemned_holders_.begin(), condemned_holders_.end(),
                             [&loop](BudgetHolder* holder) { return &holder->loop() == &loop; });
            if (its == condemned_holders_.end()) return;
            next = *its;
            condemned_holders_.erase(its);
        }
        evict(*next);
    }
}

/// It is alive, also afterwards: only this loop, which is here, destroys it, in a later turn,
/// unless it is kept.
void EvictionBudget::evict(BudgetHolder& holder) noexcept {
    const auto kept = holder.kept();
    holder.give_way();
    const std::lock_guard lock(mutex_);
    pardon(holder);
}

void EvictionBudget::pardon(BudgetHolder& holder) noexcept {
    condemned_ -= std::exchange(holder.condemned_, 0);
}

}  // namespace signalbox::http
