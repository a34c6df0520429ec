#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <unordered_set>

#include "async/event_loop.hpp"
#include "http/connection.hpp"
#include "http/server_context.hpp"
#include "http/transport.hpp"

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
    std::chrono::steady_clock::duration since_turn() const noexcept { return loop_.since_turn(); }

    /// Takes a connected, non-blocking socket. Any thread.
    void add(int socket, std::string peer_address);

    /// The rest posts to the loop and returns. Any thread.
    void drain();
    void cancel_all(observe::Cancelled reason);
    void close_all();

  private:
    void for_each_connection(const std::function<void(Connection&)>& visit);

    ServerContext& server_;
    async::EventLoop loop_;
    std::unique_ptr<Transport> transport_;

    /// The loop's.
    std::unordered_set<std::shared_ptr<Connection>> connections_;
    bool draining_ = false;
};

}  // namespace signalbox::http
