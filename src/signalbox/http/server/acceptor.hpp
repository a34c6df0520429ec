#pragma once

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>

#include <cstdint>
#include <functional>
#include <string>

#include "signalbox/http/server/accepted.hpp"

namespace signalbox::http {

/// Accepts connections, on an event loop that runs no handlers. Pistache's own listener retries a
/// failing accept for ever, and its shutdown leaves the kernel accepting connections that nobody
/// serves.
///
/// Threads: constructed anywhere, used on its loop after that, destroyed when that has ended or
/// after stop().
class Acceptor {
  public:
    using Take = std::function<void(Accepted)>;

    /// What the kernel takes of a client that is not read, in bytes as SO_RCVBUF counts them: it
    /// doubles them for what it needs itself.
    static constexpr int receive_buffer = 32 * 1024;

    /// Binds and listens. Throws std::system_error that names the address.
    Acceptor(asio::io_context& loop, const std::string& host, std::uint16_t port, Take take);

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
    const Take take_;
};

}  // namespace signalbox::http
