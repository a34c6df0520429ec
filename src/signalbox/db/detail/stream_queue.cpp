#include "signalbox/db/detail/stream_queue.hpp"

#include <algorithm>
#include <utility>

#include "signalbox/db/detail/read_queue.hpp"

namespace signalbox::db {

bool StreamQueue::add(const Statement& statement, const std::shared_ptr<StreamReader>& reader,
                      const std::shared_ptr<Awaiting>& waiter) {
    std::string key = share_ && statement.may_be_shared ? key_of(statement) : std::string();
    if (!key.empty()) {
        if (const auto known = joinable_.find(key); known != joinable_.end()) {
            reader->execution = known->second;
            known->second->join(reader, waiter);
            return true;
        }
    }
    if (waiting_.size() >= limit_) return false;
    auto execution = std::make_shared<StreamExecution>(statement, std::move(key), window_);
    execution->join(reader, waiter);
    reader->execution = execution;
    if (!execution->key().empty()) joinable_[execution->key()] = execution;
    waiting_.push_back(std::move(execution));
    return true;
}

StreamQueue::Executions::const_iterator StreamQueue::next(Clock::time_point connected_at) const {
    return std::find_if(waiting_.begin(), waiting_.end(), [&](const auto& execution) {
        return !execution->broke || *execution->broke < connected_at;
    });
}

void StreamQueue::forget(const StreamExecution& execution) {
    const auto known = joinable_.find(execution.key());
    if (known != joinable_.end() && known->second.get() == &execution) joinable_.erase(known);
}

std::shared_ptr<StreamExecution> StreamQueue::take(Clock::time_point connected_at) {
    const auto first = next(connected_at);
    auto execution = *first;
    waiting_.erase(first);
    forget(*execution);
    return execution;
}

void StreamQueue::put_back(std::shared_ptr<StreamExecution> execution) {
    if (!execution->deserted()) waiting_.push_front(std::move(execution));
}

void StreamQueue::drop_deserted(const StreamExecution& execution) {
    if (!execution.deserted()) return;
    forget(execution);
    waiting_.remove_if([&](const auto& other) { return other.get() == &execution; });
}

Waiters StreamQueue::leave_expired(Clock::time_point now) {
    Waiters expired;
    for (const auto& execution : Executions(waiting_)) {
        const Waiters some = execution->leave_expired(now);
        expired.insert(expired.end(), some.begin(), some.end());
        if (!some.empty()) drop_deserted(*execution);
    }
    return expired;
}

Waiters StreamQueue::leave_all() {
    Waiters all;
    for (const auto& execution : std::exchange(waiting_, {})) {
        const Waiters some = execution->leave_all();
        all.insert(all.end(), some.begin(), some.end());
    }
    joinable_.clear();
    return all;
}

Clock::time_point StreamQueue::next_deadline() const {
    auto first = Clock::time_point::max();
    for (const auto& execution : waiting_)
        first = std::min(first, execution->next_deadline());
    return first;
}

}  // namespace signalbox::db
