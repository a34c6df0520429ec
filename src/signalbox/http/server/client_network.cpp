#include "signalbox/http/server/client_network.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cstddef>

namespace signalbox::http {

namespace {

/// No IPv6 prefix that is routed begins so.
constexpr ClientNetwork v4 = ClientNetwork{0xffff} << 32U;

ClientNetwork number_of(const unsigned char* bytes, std::size_t count) {
    ClientNetwork number = 0;
    for (std::size_t i = 0; i < count; ++i)
        number = number << 8U | bytes[i];
    return number;
}

}  // namespace

std::optional<ClientNetwork> client_network(std::string_view address) noexcept {
    char text[INET6_ADDRSTRLEN] = "";
    if (address.size() >= sizeof text) return std::nullopt;
    std::copy(address.begin(), address.end(), text);
    unsigned char bytes[sizeof(in6_addr)];
    if (::inet_pton(AF_INET, text, bytes) == 1) return v4 | number_of(bytes, 4);
    if (::inet_pton(AF_INET6, text, bytes) == 1) return number_of(bytes, 8);
    return std::nullopt;
}

}  // namespace signalbox::http
