#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <numeric>
#include <optional>

#include "signalbox/http/router.hpp"
#include "signalbox/http/server/client_network.hpp"
#include "signalbox/http/server/connection_counts.hpp"
#include "signalbox/http/server/request_observer.hpp"
#include "signalbox/http/server/server_options.hpp"
#include "signalbox/http/server/unsent_responses.hpp"

namespace signalbox::http {

/// A number that one thread changes and others read.
class Tally {
  public:
    /// By its own thread.
    void add(std::size_t change) noexcept {  // modulo 2^64, so that it may be less than nothing
        value_.store(value_.load(std::memory_order_relaxed) + change, std::memory_order_relaxed);
    }
    void set(std::size_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
    std::size_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::size_t> value_{0};
};

/// What a server's connections share. Any thread may read it.
struct ServerContext {
    const ServerOptions options;
    const Router router;
    const MakeRequestObserver make_observer;

    std::atomic<std::size_t> requests_in_flight{0};
    std::atomic<std::size_t> open_connections{0};
    /// Ever: turned away, by why, and closed to make room, by what they did.
    std::atomic<std::uint64_t> rejected_at_limit{0};
    std::atomic<std::uint64_t> rejected_at_limit_per_address{0};
    std::atomic<std::uint64_t> rejected_without_resources{0};
    std::atomic<std::uint64_t> evicted_idle{0};
    std::atomic<std::uint64_t> evicted_receiving{0};
    std::atomic<std::uint64_t> evicted_sending{0};
    ConnectionCounts connection_counts{};
    UnsentResponses unsent{options.limit_buffered};
    /// Since the drain began.
    std::atomic<std::size_t> answered_while_draining{0};
    std::atomic<std::size_t> cancelled_while_draining{0};

    /// Of each loop, in bytes: requests that arrive or wait, and what the kernel holds for those
    /// that are not read meanwhile. As long as the server has workers, their number is the same.
    std::deque<Tally> buffered_requests{options.workers};
    std::deque<Tally> unread_in_kernel{options.workers};

    /// Signalled when the last connection closes, for whoever waits for a drain.
    std::mutex closed_mutex{};
    std::condition_variable all_closed{};

    static std::size_t sum(const std::deque<Tally>& tallies) noexcept {
        return std::accumulate(
            tallies.begin(), tallies.end(), std::size_t{0},
            [](std::size_t sum, const Tally& tally) { return sum + tally.value(); });
    }

    /// One that was counted as open; `network` is what it was counted for.
    void connection_closed(std::optional<ClientNetwork> network) {
        if (network && options.limit_connections_per_address > 0) {
            connection_counts.remove(*network);
        }
        if (open_connections.fetch_sub(1) > 1) return;
        const std::lock_guard lock(closed_mutex);
        all_closed.notify_all();
    }
};

}  // namespace signalbox::http
