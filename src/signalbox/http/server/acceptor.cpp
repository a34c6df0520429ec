#include "signalbox/http/server/acceptor.hpp"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace signalbox::http {

namespace {

using asio::ip::tcp;

/// Long enough not to spin while no descriptor is to be had, short enough not to be noticed.
constexpr std::chrono::milliseconds pause_after_error{100};

/// Of a response that its client does not take, no more than this waits in the kernel, which would
/// let it be megabytes for each client. The rest waits with us, where it is counted and bounded.
constexpr int most_unsent_in_kernel = 128 * 1024;

/// Accepted in one go before the order to stop gets its turn.
constexpr int accept_batch = 256;

std::string to_string(const sockaddr_storage& address) {
    char text[INET6_ADDRSTRLEN] = "";
    if (address.ss_family == AF_INET) {
        const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
        ::inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    } else if (address.ss_family == AF_INET6) {
        const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
        if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
            ::inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], text, sizeof text);
        } else {
            ::inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
        }
    }
    return text;
}

tcp::acceptor open(asio::io_context& loop, const std::string& host, std::uint16_t port) {
    try {
        tcp::resolver resolver(loop);
        const auto found = resolver.resolve(host, std::to_string(port), tcp::resolver::passive);
        const tcp::endpoint endpoint = found.begin()->endpoint();
        tcp::acceptor acceptor(loop, endpoint.protocol());
        acceptor.set_option(tcp::acceptor::reuse_address(true));
        // Accepted sockets inherit these.
        const int listener = acceptor.native_handle();
        const int no_delay = 1;
        ::setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &no_delay, sizeof no_delay);
        ::setsockopt(listener, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &most_unsent_in_kernel,
                     sizeof most_unsent_in_kernel);
        ::setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &Acceptor::receive_buffer,
                     sizeof Acceptor::receive_buffer);
        acceptor.bind(endpoint);
        acceptor.listen(tcp::acceptor::max_listen_connections);
        acceptor.non_blocking(true);
        return acceptor;
    } catch (const std::system_error& error) {
        throw std::system_error(error.code(),
                                "cannot listen on " + host + ":" + std::to_string(port));
    }
}

}  // namespace

Acceptor::Acceptor(asio::io_context& loop, const std::string& host, std::uint16_t port, Take take)
    : acceptor_(open(loop, host, port)), pause_(loop), take_(std::move(take)) {}

std::uint16_t Acceptor::port() const {
    return acceptor_.local_endpoint().port();
}

void Acceptor::start() {
    wait();
}

void Acceptor::stop() {
    if (!acceptor_.is_open()) return;
    accept_all(tcp::acceptor::max_listen_connections);  // closing resets those that still wait
    acceptor_.close();
    pause_.cancel();
}

void Acceptor::wait() {
    acceptor_.async_wait(tcp::acceptor::wait_read, [this](const std::error_code& error) {
        if (error == asio::error::operation_aborted || !acceptor_.is_open()) return;
        if (!error && accept_all(accept_batch)) {
            wait();
            return;
        }
        pause_.expires_after(pause_after_error);
        pause_.async_wait([this](const std::error_code& cancelled) {
            if (!cancelled && acceptor_.is_open()) wait();
        });
    });
}

bool Acceptor::accept_all(int at_most) {
    for (int i = 0; i < at_most; ++i) {
        sockaddr_storage address{};
        socklen_t length = sizeof address;
        const int socket =
            ::accept4(acceptor_.native_handle(), reinterpret_cast<sockaddr*>(&address), &length,
                      SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (socket >= 0) {
            take_({.socket = socket, .peer_address = to_string(address)});
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return true;
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            return false;
        }
        // Any other error is of that one connection, which is gone (accept(2), error handling).
    }
    return true;
}

}  // namespace signalbox::http
