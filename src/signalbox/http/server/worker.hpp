#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "signalbox/async/event_loop.hpp"
#include "signalbox/http/server/connection_set.hpp"
#include "signalbox/http/server/server_context.hpp"
#include "signalbox/http/server/transport.hpp"

namespace signalbox::http {

/// A reading thread and an event loop, and the connections that belong to the two.
class Worker {
  public:
    Worker(ServerContext& server, const std::string& number);
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    /// Ends the thread and the loop; the connections are closed and forgotten.
    void stop();

    asio::io_context& loop() noexcept { return loop_.context(); }
    const async::EventLoop& event_loop() const noexcept { return loop_; }

    /// Takes a connected, non-blocking socket. False when there is no descriptor for its duplicate:
    /// then it stays the caller's. Any thread.
    [[nodiscard]] bool add(int socket, std::string peer_address);

    /// Closes the connection whose client is due first to send something, if any is not busy. From
    /// the loop's thread.
    bool close_an_idle() { return connections_.close_an_idle(); }

    /// The rest posts to the loop and returns. Any thread.
    void drain();
    void cancel_all(observe::Cancelled reason);
    void close_all();

    /// Lets the loop's observer tell all it knows. Waits for it so long, if the loop turns at all.
    /// From another thread.
    void flush(std::chrono::milliseconds timeout);

  private:
    ServerContext& server_;
    ConnectionSet connections_;  ///< the loop's
    async::EventLoop loop_;
    std::unique_ptr<RequestObserver> observer_;  ///< the loop's
    std::unique_ptr<Transport> transport_;
};

}  // namespace signalbox::http
