#include "signalbox/http/server/acceptor.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <new>
#include <string>
#include <system_error>
#include <utility>

#include "signalbox/async/memory_reserve.hpp"
#include "signalbox/http/ip_allow_list.hpp"

namespace signalbox::http {

namespace {

/// Long enough not to spin while no descriptor is to be had, short enough not to be noticed.
constexpr std::chrono::milliseconds pause_after_error{100};

/// Until those who take connections have seen to some of them.
constexpr std::chrono::milliseconds pause_while_full{2};

/// Accepted in one go before the order to stop gets its turn.
constexpr int accept_batch = 256;

std::string to_string(const sockaddr_storage& address) {
    char text[INET6_ADDRSTRLEN] = "";
    if (address.ss_family == AF_INET) {
        const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
        ::inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    } else if (address.ss_family == AF_UNIX) {
        return std::string(unix_peer);
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

}  // namespace

Acceptor::Acceptor(asio::io_context& loop, Listener listener, Take take)
    : listener_(std::move(listener)),
      watched_(loop, listener_.descriptor()),
      pause_(loop),
      take_(std::move(take)) {}

Acceptor::~Acceptor() {
    close();
}

void Acceptor::start() {
    wait();
}

void Acceptor::stop() {
    if (!watched_.is_open()) return;
    listener_.remove_path();
    accept_all(SOMAXCONN, Until::all_taken);  // closing resets those that still wait
    close();
}

void Acceptor::hand_over() {
    if (!watched_.is_open()) return;
    listener_.give_up_path();
    close();
}

void Acceptor::close() {
    if (!watched_.is_open()) return;
    // Takes it out of the loop's epoll instance, which the kernel would not do as long as another
    // process has the socket, too (epoll(7), Q6).
    watched_.release();
    listener_.close();
    pause_.cancel();
}

void Acceptor::wait() {
    const async::MemoryReserve::Use use;
    watched_.async_wait(asio::posix::stream_descriptor::wait_read,
                        async::with_memory(wait_memory_, [this](const std::error_code& error) {
                            if (error == asio::error::operation_aborted || !watched_.is_open())
                                return;
                            const auto must_pause =
                                error ? pause_after_error
                                      : accept_all(accept_batch, Until::taker_is_full);
                            if (must_pause) {
                                pause(*must_pause);
                            } else {
                                wait();
                            }
                        }));
}

void Acceptor::pause(std::chrono::milliseconds duration) {
    const async::MemoryReserve::Use use;
    pause_.expires_after(duration);
    pause_.async_wait(async::with_memory(wait_memory_, [this](const std::error_code& cancelled) {
        if (!cancelled && watched_.is_open()) wait();
    }));
}

std::optional<std::chrono::milliseconds> Acceptor::accept_all(int at_most, Until until) {
    for (int i = 0; i < at_most; ++i) {
        sockaddr_storage address{};
        socklen_t length = sizeof address;
        const int socket =
            ::accept4(watched_.native_handle(), reinterpret_cast<sockaddr*>(&address), &length,
                      SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (socket >= 0) {
            const bool full = !take(socket, address);
            if (full && until == Until::taker_is_full) {
                return pause_while_full;
            }
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return std::nullopt;
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            return pause_after_error;
        }
        // Any other error is of that one connection, which is gone (accept(2), error handling).
    }
    return std::nullopt;
}

/// The one that takes it sees to its own want of memory.
bool Acceptor::take(int socket, const sockaddr_storage& address) {
    Accepted accepted{.socket = socket, .peer_address = {}};
    try {
        accepted.peer_address = to_string(address);
    } catch (const std::bad_alloc&) {
        turn_away(socket);
        return true;
    }
    return take_(std::move(accepted));
}

}  // namespace signalbox::http
