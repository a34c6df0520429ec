#pragma once

#include <asio/io_context.hpp>

#include "signalbox/http/server/memory_budget.hpp"
#include "signalbox/http/server/request_observer.hpp"
#include "signalbox/http/server/server_context.hpp"

namespace signalbox::http {

/// What the requests of one event loop share, wherever they come from. For that loop's thread. It
/// outlives those in flight.
struct RequestLoop {
    ServerContext& server;
    asio::io_context& loop;
    RequestObserver& observer;
    HeldBytes& held;  ///< the loop's part of server.memory

    enum class Phase {
        serving,
        draining,      ///< answers say `Connection: close`, idle connections are closed
        turning_away,  ///< the time is up: what has not begun gets a 503
    };
    Phase phase = Phase::serving;
};

}  // namespace signalbox::http
