#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace signalbox::http {

/// Whose connections count together: those of one IPv4 address, or of the /64 of an IPv6 address,
/// in which one client can have as many addresses as it likes (RFC 4291, section 2.5.1).
using ClientNetwork = std::uint64_t;

/// Of an address as inet_ntop writes it; nothing of a client that came by a Unix socket.
std::optional<ClientNetwork> client_network(std::string_view address) noexcept;

}  // namespace signalbox::http
