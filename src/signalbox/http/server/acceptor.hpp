#pragma once

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <sys/socket.h>

#include <chrono>
#include <functional>
#include <optional>

#include "signalbox/async/handler_memory.hpp"
#include "signalbox/http/server/accepted.hpp"
#include "signalbox/http/server/listener.hpp"

namespace signalbox::http {

/// Accepts connections, on an event loop that runs no handlers. Pistache's own listener retries a
/// failing accept for ever, and its shutdown leaves the kernel accepting connections that nobody
/// serves.
///
/// Threads: constructed anywhere, used on its loop after that, destroyed when that has ended or
/// after stop().
class Acceptor {
  public:
    /// Returns whether it takes another one at once; else the others wait in the kernel for a
    /// moment.
    using Take = std::function<bool(Accepted)>;

    Acceptor(asio::io_context& loop, Listener listener, Take take);

    ~Acceptor();
    Acceptor(const Acceptor&) = delete;
    Acceptor& operator=(const Acceptor&) = delete;

    /// What it accepts from.
    const Listener& listener() const noexcept { return listener_; }

    void start();
    /// Accepts what is already in the kernel's queue, then closes.
    void stop();
    /// Closes this process's copy of the socket. What is in the kernel's queue is for the process
    /// that has another one.
    void hand_over();

  private:
    void wait();
    void close();
    void pause(std::chrono::milliseconds duration);
    enum class Until { all_taken, taker_is_full };
    /// How long accepting must pause, if it must.
    std::optional<std::chrono::milliseconds> accept_all(int at_most, Until until);
    bool take(int socket, const sockaddr_storage& address);

    Listener listener_;
    asio::posix::stream_descriptor watched_;  ///< the listener's
    asio::steady_timer pause_;
    /// A listener that nobody waits for would never be accepted from again.
    const async::HandlerMemory wait_memory_;
    const Take take_;
};

}  // namespace signalbox::http
