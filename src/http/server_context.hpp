#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string_view>

#include "http/router.hpp"
#include "http/server_options.hpp"
#include "observe/in_flight.hpp"

namespace signalbox::http {

/// A request that has been answered, or whose client is gone, for the access log.
struct FinishedRequest {
    const Request* request;  ///< null when what came was no request
    const observe::InFlightRequest& in_flight;
    std::string_view client_address;
    std::string_view malformed_reason;  ///< of a bounded set; empty for a proper request
    int status;                         ///< 499 when the client went away first
    std::size_t body_size;
};

/// What a server tells of its requests, on their event loops. It must not block.
struct Observer {
    std::function<void(const FinishedRequest&)> finished = [](const FinishedRequest&) {};
    /// Once for a request that is still in flight after --slow-request-log.
    std::function<void(const Request&, const observe::InFlightRequest&)> slow =
        [](const Request&, const observe::InFlightRequest&) {};
};

/// What a server's connections share. Any thread may read it.
struct ServerContext {
    const ServerOptions options;
    const Router router;
    const Observer observer;

    std::atomic<std::size_t> requests_in_flight{0};
    std::atomic<std::size_t> open_connections{0};

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
