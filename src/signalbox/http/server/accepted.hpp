#pragma once

#include <optional>
#include <string>

#include "signalbox/http/server/client_network.hpp"

namespace signalbox::http {

/// A client's connection that no loop has yet: its socket, connected and non-blocking, which
/// whoever has this has to close.
struct Accepted {
    int socket;
    std::string peer_address;
    std::optional<ClientNetwork> network{};  ///< for which it counts; nothing: for itself
};

/// Answers a connection that there is no room for with 503, without ever making it one, and closes
/// it. Does not block, and reads no more of what the client sends than it takes to be polite.
void turn_away(int socket) noexcept;

}  // namespace signalbox::http
