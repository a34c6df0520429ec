#include "signalbox/http/server/listen_on.hpp"

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <system_error>
#include <utility>

namespace signalbox::http {

namespace {

using asio::ip::address;

/// A free port of the first address may be taken on the second.
constexpr int most_tries = 16;

/// So that the sockets of the API and of the operators can be handed over (process/listen_fds.cpp).
constexpr std::size_t most_addresses = 16;

std::vector<address> addresses_of(const std::string& host, std::uint16_t port) {
    using asio::ip::tcp;
    std::vector<address> addresses;
    try {
        asio::io_context unused;
        tcp::resolver resolver(unused);
        for (const auto& found :
             resolver.resolve(host, std::to_string(port), tcp::resolver::passive)) {
            const address one = found.endpoint().address();
            if (std::ranges::find(addresses, one) == addresses.end()) addresses.push_back(one);
        }
    } catch (const std::system_error& error) {
        throw std::system_error(error.code(), fmt::format("cannot listen on {}:{}", host, port));
    }
    if (addresses.size() > most_addresses) {
        throw std::system_error(
            std::make_error_code(std::errc::too_many_files_open),
            fmt::format("cannot listen on {}: it has {} addresses, which is more than {}", host,
                        addresses.size(), most_addresses));
    }
    const address every_v6 = asio::ip::address_v6::any();
    const address every_v4 = asio::ip::address_v4::any();
    // The second where the machine lacks what the first is for.
    if (std::ranges::find(addresses, every_v6) != addresses.end()) return {every_v6, every_v4};
    if (std::ranges::find(addresses, every_v4) != addresses.end()) {
        std::erase_if(addresses,
                      [&](const address& one) { return one.is_v4() && one != every_v4; });
    }
    return addresses;
}

bool has_addresses(int family) {
    ifaddrs* found = nullptr;
    if (::getifaddrs(&found) != 0) return true;
    const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> interfaces(found, &::freeifaddrs);
    for (const ifaddrs* one = interfaces.get(); one != nullptr; one = one->ifa_next) {
        if (one->ifa_addr != nullptr && one->ifa_addr->sa_family == family) return true;
    }
    return false;
}

bool is_lacking(const address& one, const std::error_code& error) {
    return error == std::errc::address_family_not_supported ||
           (error == std::errc::address_not_available &&
            !has_addresses(one.is_v6() ? AF_INET6 : AF_INET));
}

Listening listen_on(const std::string& host, const std::vector<address>& addresses,
                    std::uint16_t port) {
    Listening result;
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        const address& one = addresses[i];
        const bool covered = one == asio::ip::address_v4::any() && i > 0 &&
                             !result.listeners.empty() && addresses[i - 1].is_unspecified();
        if (covered) break;
        try {
            result.listeners.push_back(
                Listener::tcp(one.to_string(), port, one.is_unspecified() ? std::string() : host));
            port = result.listeners.back().port();
        } catch (const std::system_error& error) {
            const bool last_hope = result.listeners.empty() && i + 1 == addresses.size();
            if (last_hope || !is_lacking(one, error.code())) throw;
            result.left_out.push_back(fmt::format("not listening on {}, an address of {}: {}",
                                                  one.to_string(), host, error.code().message()));
        }
    }
    return result;
}

}  // namespace

Listening listen_on(const std::string& host, std::uint16_t port) {
    const auto addresses = addresses_of(host, port);
    for (int tries = 1;; ++tries) {
        try {
            return listen_on(host, addresses, port);
        } catch (const std::system_error& error) {
            const bool another_may_do = port == 0 && error.code() == std::errc::address_in_use;
            if (!another_may_do || tries == most_tries) throw;
        }
    }
}

}  // namespace signalbox::http
