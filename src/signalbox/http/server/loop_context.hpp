#pragma once

#include <asio/io_context.hpp>

#include <functional>
#include <string>

#include "signalbox/http/server/request_observer.hpp"
#include "signalbox/http/server/server_context.hpp"
#include "signalbox/http/server/transport.hpp"

namespace signalbox::http {

class Connection;

/// What the connections of one event loop share. For that loop's thread. It outlives them and the
/// requests in flight.
struct LoopContext {
    ServerContext& server;
    asio::io_context& loop;
    RequestObserver& observer;
    Transport& transport;
    Tally& buffered_requests;  ///< bytes

    enum class Phase {
        serving,
        draining,      ///< answers say `Connection: close`, idle connections are closed
        turning_away,  ///< the time is up: what has not begun gets a 503
    };
    Phase phase = Phase::serving;

    /// Told of a connection that has closed and does nothing more. It is still on the stack.
    std::function<void(Connection&)> closed{};

    std::string head{};  ///< of the response that is being sent: a place to write it
};

}  // namespace signalbox::http
