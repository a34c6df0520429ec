#pragma once

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>

#include <cstdint>
#include <functional>
#include <string>

namespace signalbox::http {

/// Accepts connections on an event loop. Pistache's own listener retries a failing accept for
/// ever, and its shutdown leaves the kernel accepting connections that nobody serves.
///
/// Threads: constructed anywhere, used on its loop after that, destroyed when that has ended or
/// after stop().
class Acceptor {
  public:
    /// Takes ownership of `socket`, connected and non-blocking.
    using Accepted = std::function<void(int socket, std::string peer_address)>;

    /// Binds and listens. Throws std::system_error that names the address.
    Acceptor(asio::io_context& loop, const std::string& host, std::uint16_t port,
             Accepted accepted);

    std::uint16_t port() const;
    void start();
    /// Accepts what is already in the kernel's queue, then closes.
    void stop();

  private:
    void wait();
    /// False when accepting must pause: the process is out of descriptors or memory.
    bool accept_all(int at_most);

    asio::ip::tcp::acceptor acceptor_;
    asio::steady_timer pause_;
    const Accepted accepted_;
};

}  // namespace signalbox::http
