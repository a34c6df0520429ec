#include "signalbox/http/ip_allow_list.hpp"

#include <asio/ip/address.hpp>

#include <algorithm>
#include <optional>
#include <string>

#include "signalbox/ascii.hpp"
#include "signalbox/config/units.hpp"

namespace signalbox::http {
namespace {

using asio::ip::address;
using asio::ip::address_v6;
using asio::ip::network_v6;

/// Not what asio takes beyond an address: text behind a NUL byte, and the name of an interface.
std::optional<address> to_address(std::string_view text) {
    if (text.find_first_of(std::string_view{"%\0", 2}) != std::string_view::npos) {
        return std::nullopt;
    }
    asio::error_code error;
    const address result = asio::ip::make_address(std::string{text}, error);
    return error ? std::nullopt : std::optional{result};
}

address_v6 as_v6(const address& either) {
    if (either.is_v6()) return either.to_v6();
    return asio::ip::make_address_v6(asio::ip::v4_mapped, either.to_v4());
}

Parsed<network_v6> parse_network(std::string_view text) {
    const auto slash = text.find('/');
    const auto parsed = to_address(text.substr(0, slash));
    if (!parsed) return Invalid{config::printable(text) + " is no IP address, network, unix or *"};
    if (slash == std::string_view::npos) return network_v6{as_v6(*parsed), 128};

    // make_network_v6() does not say which part is wrong, and an int overflows in it.
    const unsigned width = parsed->is_v4() ? 32 : 128;
    const auto bits = config::parse_number(text.substr(slash + 1), 0, width);
    if (!bits) return Invalid{config::printable(text) + ": the prefix length: " + bits.reason()};
    const network_v6 network{as_v6(*parsed), static_cast<unsigned short>(*bits + (128 - width))};
    if (network.canonical() != network) {
        return Invalid{config::printable(text) + " has bits set after its prefix"};
    }
    return network;
}

}  // namespace

Parsed<IpAllowList> IpAllowList::parse(std::string_view text) {
    IpAllowList list;
    if (trim(text).empty()) return list;
    for (std::size_t start = 0; start <= text.size();) {
        const auto comma = std::min(text.find(',', start), text.size());
        const std::string_view item = trim(text.substr(start, comma - start));
        start = comma + 1;
        if (item == "*") {
            list.everyone_ = true;
            continue;
        }
        if (item == unix_peer) {
            list.unix_peers_ = true;
            continue;
        }
        const auto network = parse_network(item);
        if (!network) return Invalid{network.reason()};
        list.networks_.push_back(*network);
    }
    return list;
}

bool IpAllowList::contains(std::string_view ip) const {
    if (everyone_) return true;
    if (ip == unix_peer) return unix_peers_;
    if (networks_.empty()) return false;
    const auto parsed = to_address(ip.substr(0, ip.find('%')));
    return parsed && std::ranges::any_of(networks_, [peer = as_v6(*parsed)](const auto& network) {
               return network_v6(peer, network.prefix_length()).canonical() == network;
           });
}

}  // namespace signalbox::http
