#pragma once

#include <cstddef>
#include <deque>
#include <limits>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "signalbox/context/request_list.hpp"

namespace signalbox::observe {

/// A copy of what RequestContext knew at one moment.
struct InFlightEntry {
    using Clock = context::RequestContext::Clock;

    /// Of a path, which clients can make as long as --limit-request-head.
    static constexpr std::size_t longest_path = 256;

    std::string request_id;
    context::TraceContext trace;
    std::string_view method;
    std::string_view route;
    std::string path;  ///< its first `longest_path` bytes
    std::string client_address;
    Clock::time_point started;
    Clock::time_point deadline;
    context::Waiting waiting;
    Clock::time_point waiting_since;
    std::optional<Clock::time_point> in_transaction_since;
};

struct InFlightSnapshot {
    struct Count {
        std::string_view method;
        std::string_view route;
        context::Waiting waiting;
        std::size_t count;
    };

    context::RequestContext::Clock::time_point taken;
    std::size_t total = 0;
    std::vector<Count> counts;           ///< of all, whatever the limit
    std::vector<InFlightEntry> entries;  ///< the oldest first
};

/// Every request that is in flight. Each event loop has a list of its own, so loops do not
/// wait for each other; whoever looks holds one list at a time for as long as copying takes, and
/// needs no loop to turn for it.
class InFlightRegistry {
  public:
    /// A list for a new loop, which lives as long as the registry. Any thread.
    context::RequestList& add_list();

    /// The `limit` oldest, and how many there are. Any thread.
    InFlightSnapshot snapshot(std::size_t limit = std::numeric_limits<std::size_t>::max()) const;

  private:
    mutable std::mutex mutex_;
    std::deque<context::RequestList> lists_;  ///< guarded by mutex_
};

}  // namespace signalbox::observe
