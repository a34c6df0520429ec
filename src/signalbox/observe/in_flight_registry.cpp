#include "signalbox/observe/in_flight_registry.hpp"

#include <algorithm>

namespace signalbox::observe {

void InFlightShard::add(InFlightRequest& request) {
    const std::lock_guard lock(mutex_);
    request.shard_ = this;
    request.previous_ = newest_;
    request.next_ = nullptr;
    (newest_ != nullptr ? newest_->next_ : oldest_) = &request;
    newest_ = &request;
    ++size_;
}

void InFlightShard::remove(InFlightRequest& request) {
    const std::lock_guard lock(mutex_);
    request.shard_ = nullptr;
    (request.previous_ != nullptr ? request.previous_->next_ : oldest_) = request.next_;
    (request.next_ != nullptr ? request.next_->previous_ : newest_) = request.previous_;
    --size_;
}

void InFlightShard::copy_to(InFlightSnapshot& snapshot, std::size_t limit) const {
    const std::lock_guard lock(mutex_);
    snapshot.total += size_;
    snapshot.entries.reserve(snapshot.entries.size() + std::min(limit, size_));
    for (const InFlightRequest* request = oldest_; request != nullptr; request = request->next_) {
        const Waiting waiting = request->waiting();
        const auto same = [&](const InFlightSnapshot::Count& count) {
            return count.waiting == waiting && count.route == request->route &&
                   count.method == request->method;
        };
        auto count = std::find_if(snapshot.counts.begin(), snapshot.counts.end(), same);
        if (count == snapshot.counts.end()) {
            snapshot.counts.push_back({request->method, request->route, waiting, 0});
            count = std::prev(snapshot.counts.end());
        }
        ++count->count;
        if (limit == 0) continue;
        --limit;
        snapshot.entries.push_back({.request_id = request->request_id,
                                    .trace = request->trace,
                                    .method = request->method,
                                    .route = request->route,
                                    .path = std::string(request->path.substr(0, longest_path)),
                                    .client_address = std::string(request->client_address),
                                    .started = request->started,
                                    .deadline = request->deadline,
                                    .waiting = waiting,
                                    .waiting_since = request->waiting_since()});
    }
}

InFlightShard& InFlightRegistry::add_shard() {
    const std::lock_guard lock(mutex_);
    return shards_.emplace_back();
}

InFlightSnapshot InFlightRegistry::snapshot(std::size_t limit) const {
    InFlightSnapshot snapshot;
    {
        const std::lock_guard lock(mutex_);
        for (const InFlightShard& shard : shards_)
            shard.copy_to(snapshot, limit);
    }
    snapshot.taken = InFlightRequest::Clock::now();
    auto& entries = snapshot.entries;
    const auto older = [](const auto& a, const auto& b) { return a.started < b.started; };
    std::stable_sort(entries.begin(), entries.end(), older);
    if (entries.size() > limit) entries.resize(limit);
    return snapshot;
}

}  // namespace signalbox::observe
