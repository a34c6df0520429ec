#pragma once

#include <cstddef>
#include <deque>
#include <limits>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "signalbox/observe/in_flight.hpp"

namespace signalbox::observe {

/// A copy of what InFlightRequest knew at one moment.
struct InFlightEntry {
    using Clock = InFlightRequest::Clock;

    std::string request_id;
    TraceContext trace;
    std::string_view method;
    std::string_view route;
    std::string path;  ///< its beginning, see InFlightShard::longest_path
    std::string client_address;
    Clock::time_point started;
    Clock::time_point deadline;
    Waiting waiting;
    Clock::time_point waiting_since;
};

struct InFlightSnapshot {
    struct Count {
        std::string_view method;
        std::string_view route;
        Waiting waiting;
        std::size_t count;
    };

    InFlightRequest::Clock::time_point taken;
    std::size_t total = 0;
    std::vector<Count> counts;           ///< of all, whatever the limit
    std::vector<InFlightEntry> entries;  ///< the oldest first
};

/// The requests in flight on one event loop.
class InFlightShard {
  public:
    /// For the loop's thread. A request is removed before it is destroyed or begun anew.
    void add(InFlightRequest& request);
    void remove(InFlightRequest& request);

    /// Adds at most `limit` entries, the oldest first, and counts all. Any thread.
    void copy_to(InFlightSnapshot& snapshot, std::size_t limit) const;

    /// Of a copied path, which clients can make as long as --limit-request-head.
    static constexpr std::size_t longest_path = 256;

  private:
    mutable std::mutex mutex_;
    /// Guarded by mutex_, as are the links between the requests.
    InFlightRequest* oldest_ = nullptr;
    InFlightRequest* newest_ = nullptr;
    std::size_t size_ = 0;
};

/// Every request that is in flight. Each event loop writes to a shard of its own, so loops do not
/// wait for each other; whoever looks holds one shard at a time for as long as copying takes, and
/// needs no loop to turn for it.
class InFlightRegistry {
  public:
    /// A new shard, which lives as long as the registry. Any thread.
    InFlightShard& add_shard();

    /// The `limit` oldest, and how many there are. Any thread.
    InFlightSnapshot snapshot(std::size_t limit = std::numeric_limits<std::size_t>::max()) const;

  private:
    mutable std::mutex mutex_;
    std::deque<InFlightShard> shards_;  ///< guarded by mutex_
};

}  // namespace signalbox::observe
