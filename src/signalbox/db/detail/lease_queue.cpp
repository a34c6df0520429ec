#include "signalbox/db/detail/lease_queue.hpp"

#include <algorithm>
#include <utility>

namespace signalbox::db {

bool LeaseQueue::add(LeaseFor purpose, const std::shared_ptr<Waiter>& waiter,
                     Clock::time_point newer_than) {
    if (waiting_.size() >= limit_) return false;
    waiting_.push_back({purpose, waiter, newer_than});
    return true;
}

std::list<LeaseQueue::Taken>::const_iterator LeaseQueue::next(
    Clock::time_point connected_at) const noexcept {
    return std::find_if(waiting_.begin(), waiting_.end(), [&](const Taken& waiting) {
        return may_lend(waiting.purpose) && waiting.newer_than < connected_at;
    });
}

LeaseQueue::Taken LeaseQueue::take(Clock::time_point connected_at) {
    const auto first = next(connected_at);
    Taken taken = *first;
    waiting_.erase(first);
    lent(taken.purpose);
    return taken;
}

bool LeaseQueue::leave(const std::shared_ptr<Waiter>& waiter) {
    return waiting_.remove_if([&](const Taken& waiting) { return waiting.waiter == waiter; }) > 0;
}

Waiters LeaseQueue::leave_expired(Clock::time_point now) {
    Waiters expired;
    waiting_.remove_if([&](const Taken& waiting) {
        if (waiting.waiter->deadline > now) return false;
        expired.push_back(waiting.waiter);
        return true;
    });
    return expired;
}

Waiters LeaseQueue::leave_all() {
    Waiters all;
    for (Taken& waiting : std::exchange(waiting_, {}))
        all.push_back(std::move(waiting.waiter));
    return all;
}

Clock::time_point LeaseQueue::next_deadline() const noexcept {
    auto first = Clock::time_point::max();
    for (const Taken& waiting : waiting_)
        first = std::min(first, waiting.waiter->deadline);
    return first;
}

}  // namespace signalbox::db
