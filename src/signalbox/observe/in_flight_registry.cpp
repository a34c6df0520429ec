#include "signalbox/observe/in_flight_registry.hpp"

#include <algorithm>

namespace signalbox::observe {

namespace {

/// Adds at most `limit` entries, the oldest first, and counts all.
void copy(const context::RequestList& list, InFlightSnapshot& snapshot, std::size_t limit) {
    snapshot.total += list.for_each([&](const context::RequestContext& request) {
        const context::Waiting waiting = request.waiting();
        const auto same = [&](const InFlightSnapshot::Count& count) {
            return count.waiting == waiting && count.route == request.route &&
                   count.method == request.method;
        };
        auto count = std::find_if(snapshot.counts.begin(), snapshot.counts.end(), same);
        if (count == snapshot.counts.end()) {
            snapshot.counts.push_back({request.method, request.route, waiting, 0});
            count = std::prev(snapshot.counts.end());
        }
        ++count->count;
        if (limit == 0) return;
        --limit;
        snapshot.entries.push_back(
            {.request_id = std::string(request.request_id),
             .trace = request.trace,
             .method = request.method,
             .route = request.route,
             .path = std::string(request.path.substr(0, InFlightEntry::longest_path)),
             .client_address = std::string(request.client_address),
             .started = request.started,
             .deadline = request.deadline,
             .waiting = waiting,
             .waiting_since = request.waiting_since(),
             .in_transaction_since = request.in_transaction_since()});
    });
}

}  // namespace

context::RequestList& InFlightRegistry::add_list() {
    const std::lock_guard lock(mutex_);
    return lists_.emplace_back();
}

InFlightSnapshot InFlightRegistry::snapshot(std::size_t limit) const {
    InFlightSnapshot snapshot;
    {
        const std::lock_guard lock(mutex_);
        for (const context::RequestList& list : lists_)
            copy(list, snapshot, limit);
    }
    snapshot.taken = context::RequestContext::Clock::now();
    auto& entries = snapshot.entries;
    const auto older = [](const auto& a, const auto& b) { return a.started < b.started; };
    std::stable_sort(entries.begin(), entries.end(), older);
    if (entries.size() > limit) entries.resize(limit);
    return snapshot;
}

}  // namespace signalbox::observe
