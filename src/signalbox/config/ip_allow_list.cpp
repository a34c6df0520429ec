#include "signalbox/config/ip_allow_list.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <optional>
#include <string>

#include "signalbox/config/units.hpp"

namespace signalbox {

/// Has access to the private types of IpAllowList, and keeps the system's headers out of its own.
struct IpParser {
    using Address = IpAllowList::Address;
    using Network = IpAllowList::Network;

    struct ParsedAddress {
        Address bytes;
        bool is_ipv4;  ///< how it was written, which decides what a prefix length counts from
    };

    static std::optional<ParsedAddress> address(std::string_view text) {
        if (text.find('\0') != std::string_view::npos) return std::nullopt;
        const std::string terminated{text};
        Address bytes{};
        if (::inet_pton(AF_INET6, terminated.c_str(), bytes.data()) == 1) {
            return ParsedAddress{bytes, false};
        }
        if (::inet_pton(AF_INET, terminated.c_str(), bytes.data() + 12) == 1) {
            bytes[10] = bytes[11] = 0xff;
            return ParsedAddress{bytes, true};
        }
        return std::nullopt;
    }

    /// The address with every bit after the first `prefix_bits` cleared.
    static Address masked(Address address, unsigned prefix_bits) {
        for (unsigned i = 0; i < address.size(); ++i) {
            const unsigned kept = std::min(8U, prefix_bits > i * 8 ? prefix_bits - i * 8 : 0U);
            address[i] &= static_cast<std::uint8_t>(0xff00U >> kept);
        }
        return address;
    }

    static Parsed<Network> network(std::string_view text) {
        const auto slash = text.find('/');
        const auto parsed = address(text.substr(0, slash));
        if (!parsed) return Invalid{printable(text) + " is no IP address, network, unix or *"};
        if (slash == std::string_view::npos) return Network{parsed->bytes, 128};

        const unsigned width = parsed->is_ipv4 ? 32 : 128;
        const auto bits = parse_number(text.substr(slash + 1), 0, width);
        if (!bits) return Invalid{printable(text) + ": the prefix length: " + bits.reason()};
        const unsigned prefix_bits = static_cast<unsigned>(*bits) + (128 - width);
        if (masked(parsed->bytes, prefix_bits) != parsed->bytes) {
            return Invalid{printable(text) + " has bits set after its prefix"};
        }
        return Network{parsed->bytes, prefix_bits};
    }
};

namespace {

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace

Parsed<IpAllowList> IpAllowList::parse(std::string_view text) {
    IpAllowList list;
    if (trimmed(text).empty()) return list;
    for (std::size_t start = 0; start <= text.size();) {
        const auto comma = std::min(text.find(',', start), text.size());
        const std::string_view item = trimmed(text.substr(start, comma - start));
        start = comma + 1;
        if (item == "*") {
            list.everyone_ = true;
            continue;
        }
        if (item == unix_peer) {
            list.unix_peers_ = true;
            continue;
        }
        const auto network = IpParser::network(item);
        if (!network) return Invalid{network.reason()};
        list.networks_.push_back(*network);
    }
    return list;
}

bool IpAllowList::contains(std::string_view ip) const {
    if (everyone_) return true;
    if (ip == unix_peer) return unix_peers_;
    if (networks_.empty()) return false;
    const auto parsed = IpParser::address(ip.substr(0, ip.find('%')));
    return parsed && std::ranges::any_of(networks_, [&](const Network& network) {
               return IpParser::masked(parsed->bytes, network.prefix_bits) == network.address;
           });
}

}  // namespace signalbox
