#include "signalbox/testing/held_port.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <system_error>

namespace signalbox::test {

namespace {

union Address {
    sockaddr_in6 v6;  // the first, and the longest: the one that is initialized
    sockaddr_in v4;
    sockaddr any;
};

/// The address that a new socket is bound to, as it is afterwards; empty, with errno, when it
/// cannot be.
std::optional<Address> bind(int socket, sa_family_t family) {
    const int on = 1;
    const int off = 0;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (family == AF_INET6) ::setsockopt(socket, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    Address address{};
    address.any.sa_family = family;
    socklen_t size = family == AF_INET6 ? sizeof address.v6 : sizeof address.v4;
    if (::bind(socket, &address.any, size) != 0) return std::nullopt;
    if (::getsockname(socket, &address.any, &size) != 0) return std::nullopt;
    return address;
}

}  // namespace

HeldPort::HeldPort() {
    // One socket holds the port of both families: ChromeDriver listens on ::1 as well. Without
    // IPv6 there is only one.
    for (const sa_family_t family : {AF_INET6, AF_INET}) {
        socket_ = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const auto address = socket_ < 0 ? std::nullopt : bind(socket_, family);
        if (address) {
            number_ = ntohs(family == AF_INET6 ? address->v6.sin6_port : address->v4.sin_port);
            return;
        }
        const int error = errno;
        if (socket_ >= 0) ::close(socket_);
        errno = error;
    }
    throw std::system_error(errno, std::system_category(), "no free port");
}

HeldPort::~HeldPort() {
    ::close(socket_);
}

}  // namespace signalbox::test
