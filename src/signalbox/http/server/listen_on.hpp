#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "signalbox/http/server/listener.hpp"

namespace signalbox::http {

/// The sockets that a host and a port stand for.
struct Listening {
    std::vector<Listener> listeners;  ///< at least one
    /// Why an address has none, a sentence for the log: the machine lacks its family.
    std::vector<std::string> left_out;
};

/// Listens on all addresses that a name has, or on the one that is given, on the same port each.
/// Port 0 is any that is free on all of them (asyncio, where it is another one on each, is no model
/// in this). `::` is every address of both families, and where there is no IPv6 that of IPv4.
///
/// Throws std::system_error that names the address when one cannot be had, unless the machine has
/// no addresses of its family and there are others.
Listening listen_on(const std::string& host, std::uint16_t port);

}  // namespace signalbox::http
