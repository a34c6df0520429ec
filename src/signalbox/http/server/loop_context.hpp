#pragma once

#include <functional>
#include <string>

#include "signalbox/http/server/eviction_order.hpp"
#include "signalbox/http/server/request_loop.hpp"
#include "signalbox/http/server/transport.hpp"

namespace signalbox::http {

class Connection;

/// What the connections of one event loop share. For that loop's thread. It outlives them.
struct LoopContext : RequestLoop {
    Transport& transport;

    /// Told of a connection that has closed and does nothing more. It is still on the stack.
    std::function<void(Connection&)> closed{};

    EvictionOrder eviction_order{};  ///< of those that are open
    CutCounts<std::size_t> cut{};    ///< not yet told to the observer

    std::string head{};  ///< of the response that is being sent: a place to write it
};

}  // namespace signalbox::http
