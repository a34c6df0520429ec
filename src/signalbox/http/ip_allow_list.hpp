#pragma once

#include <asio/ip/network_v6.hpp>

#include <string_view>
#include <vector>

#include "signalbox/parsed.hpp"

namespace signalbox::http {

/// What stands for the address of a client that came by a Unix socket, which has none.
inline constexpr std::string_view unix_peer = "unix";

/// The peers whose ForwardedHeaders are believed. Immutable, so any number of
/// threads may ask it.
class IpAllowList {
  public:
    /// Comma separated IPv4 and IPv6 addresses and networks ("10.0.0.0/8"), "unix" for those who
    /// come by a Unix socket, or "*" for every peer.
    /// The empty text trusts nobody. A network with host bits set ("10.0.0.1/8") is refused: one of
    /// its halves is a typing error.
    static Parsed<IpAllowList> parse(std::string_view text);

    /// Trusts nobody.
    IpAllowList() = default;

    /// `ip` is an address as inet_ntop writes it. An IPv4 peer on a dual-stack socket
    /// ("::ffff:10.0.0.1") is the IPv4 peer; a zone ("fe80::1%eth0") is ignored. What is no address
    /// is not contained, unless the list is "*".
    bool contains(std::string_view ip) const;

  private:
    bool everyone_ = false;
    bool unix_peers_ = false;
    std::vector<asio::ip::network_v6> networks_;  ///< IPv4 as IPv4-mapped IPv6
};

}  // namespace signalbox::http
