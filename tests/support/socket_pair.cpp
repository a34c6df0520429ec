#include "support/socket_pair.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <iterator>
#include <system_error>
#include <utility>
#include <vector>

namespace signalbox::test {

namespace {

/// Of the client, so that what it sends at once does not block it.
constexpr int send_buffer = 4 * 1024 * 1024;

int checked(int result, const char* what) {
    if (result < 0) throw std::system_error(errno, std::generic_category(), what);
    return result;
}

void connect_over_tcp(int& server, int& client) {
    const int listener = checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    checked(::bind(listener, generic, size), "bind");
    checked(::listen(listener, 1), "listen");
    checked(::getsockname(listener, generic, &size), "getsockname");
    client = checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    checked(::connect(client, generic, size), "connect");
    server = checked(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC), "accept");
    ::close(listener);
    const int no_delay = 1;
    ::setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &no_delay, sizeof no_delay);
}

}  // namespace

SocketPair::SocketPair(Kind kind) {
    if (kind == Kind::tcp) {
        connect_over_tcp(server_, client_);
    } else {
        int both[2];
        checked(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, both), "socketpair");
        server_ = both[0];
        client_ = both[1];
    }
    ::fcntl(server_, F_SETFL, O_NONBLOCK);
    ::setsockopt(client_, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
}

SocketPair::~SocketPair() {
    close_server();
    close();
}

SocketPair::SocketPair(SocketPair&& other) noexcept
    : server_(std::exchange(other.server_, -1)), client_(std::exchange(other.client_, -1)) {}

int SocketPair::release_server() noexcept {
    return std::exchange(server_, -1);
}

void SocketPair::close_server() {
    if (server_ >= 0) ::close(std::exchange(server_, -1));
}

void SocketPair::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent =
            ::send(client_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        bytes.remove_prefix(static_cast<std::size_t>(checked(static_cast<int>(sent), "send")));
    }
}

void SocketPair::close_sending_side() const {
    ::shutdown(client_, SHUT_WR);
}

void SocketPair::close() {
    if (client_ >= 0) ::close(std::exchange(client_, -1));
}

void SocketPair::reset() {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(client_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close();
}

std::optional<std::string> SocketPair::receive(std::size_t most) {
    std::string bytes(most, '\0');
    const ssize_t received = ::recv(client_, bytes.data(), most, MSG_DONTWAIT);
    if (received < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return "";
    was_reset_ = was_reset_ || received < 0;
    if (received <= 0) return std::nullopt;
    bytes.resize(static_cast<std::size_t>(received));
    return bytes;
}

std::string SocketPair::receive_to_end() {
    std::string all;
    while (const auto more = receive()) {
        if (more->empty()) throw std::runtime_error("the server has not closed; so far: " + all);
        all += *more;
    }
    return all;
}

std::size_t SocketPair::unread_by_server() const {
    int bytes = 0;
    checked(::ioctl(server_, FIONREAD, &bytes), "ioctl(FIONREAD)");
    return static_cast<std::size_t>(bytes);
}

std::size_t SocketPair::fill() const {
    const std::string some(4096, '-');
    std::size_t filled = 0;
    while (true) {
        const ssize_t sent = ::send(server_, some.data(), some.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0) return filled;
        filled += static_cast<std::size_t>(sent);
    }
}

std::size_t open_descriptors() {
    const std::filesystem::directory_iterator entries("/proc/self/fd");
    // The iterator has one itself.
    return static_cast<std::size_t>(std::distance(begin(entries), end(entries))) - 1;
}

}  // namespace signalbox::test
