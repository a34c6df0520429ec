#pragma once

#include <asio/steady_timer.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>

#include "signalbox/async/event_loop.hpp"
#include "signalbox/async/handler_memory.hpp"
#include "signalbox/http/server/accepted.hpp"
#include "signalbox/http/server/connection_set.hpp"
#include "signalbox/http/server/loop_context.hpp"
#include "signalbox/http/server/server_context.hpp"
#include "signalbox/http/server/transport.hpp"

namespace signalbox::http {

/// An event loop with all that its connections need: one thread on which their requests are read,
/// handled and answered.
class Worker {
  public:
    Worker(ServerContext& server, std::size_t number);
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    /// Ends the loop; the connections are closed and forgotten. From another thread.
    void stop();

    async::EventLoop& loop() noexcept { return loop_; }
    const async::EventLoop& loop() const noexcept { return loop_; }

    /// Hands a connection over, which counts as open; without memory for that it is turned away.
    /// Any thread.
    void give(Accepted accepted) noexcept;
    /// Takes back what was given and the loop has not come to. Any thread.
    std::list<Accepted> take_back();
    bool has_untaken() const { return untaken() > 0; }
    std::size_t untaken() const;
    /// How many of its connections the client has that has the most of those that wait so. Any
    /// thread.
    std::size_t most_that_wait(EvictionOrder::Waits waits) const noexcept {
        return context_.eviction_order.most(waits);
    }
    /// Open, and given. Any thread.
    std::size_t connections() const noexcept { return connections_given_ - connections_ended_; }

    /// The rest posts to the loop and returns. Any thread.
    void enter(LoopContext::Phase phase);
    void close_all();
    /// Spawned tasks end, now and those that come.
    void cancel_spawned();

    /// Lets the loop's observer tell all it knows. Waits for it so long, if the loop turns at all.
    /// From another thread.
    void flush(std::chrono::milliseconds timeout);

  private:
    void take_given();
    /// False when it has to wait for room.
    bool take(const Accepted& accepted);
    void take_later(std::list<Accepted> rest);
    void reject(const Accepted& accepted, std::atomic<std::uint64_t>& count) noexcept;
    void measure();

    ServerContext& server_;
    async::EventLoop loop_;
    std::unique_ptr<RequestObserver> observer_;  ///< the loop's
    std::unique_ptr<Transport> transport_;       ///< the loop's
    LoopContext context_;                        ///< the loop's
    ConnectionSet connections_;                  ///< the loop's
    asio::steady_timer measure_timer_;           ///< the loop's
    asio::steady_timer room_timer_;              ///< the loop's
    const async::HandlerMemory measure_memory_;  ///< the loop's
    const async::HandlerMemory room_memory_;     ///< the loop's

    mutable std::mutex given_mutex_;
    std::list<Accepted> given_;  ///< guarded by given_mutex_

    std::atomic<std::size_t> connections_given_{0};
    std::atomic<std::size_t> connections_ended_{0};
};

}  // namespace signalbox::http
