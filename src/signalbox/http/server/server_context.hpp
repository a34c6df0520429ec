#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "signalbox/http/router.hpp"
#include "signalbox/http/server/request_observer.hpp"
#include "signalbox/http/server/server_options.hpp"
#include "signalbox/http/server/unsent_responses.hpp"

namespace signalbox::http {

/// What a server's connections share. Any thread may read it.
struct ServerContext {
    const ServerOptions options;
    const Router router;
    const MakeRequestObserver make_observer;

    std::atomic<std::size_t> requests_in_flight{0};
    std::atomic<std::size_t> open_connections{0};
    std::atomic<std::uint64_t> rejected_connections{0};
    std::atomic<std::size_t> buffered_requests{0};  ///< bytes
    UnsentResponses unsent{options.limit_buffered};
    /// Since the drain began.
    std::atomic<std::size_t> answered_while_draining{0};
    std::atomic<std::size_t> cancelled_while_draining{0};

    /// Signalled when the last connection closes, for whoever waits for a drain.
    std::mutex closed_mutex{};
    std::condition_variable all_closed{};

    void connection_closed() {
        if (open_connections.fetch_sub(1) > 1) return;
        const std::lock_guard lock(closed_mutex);
        all_closed.notify_all();
    }
};

}  // namespace signalbox::http
