#pragma once

#include <asio/steady_timer.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <vector>

#include "signalbox/async/handler_memory.hpp"
#include "signalbox/http/server/accepted.hpp"
#include "signalbox/http/server/worker.hpp"

namespace signalbox::http {

/// Deals connections out to workers: each goes to the one with the fewest of those whose loops
/// turn. What a loop has not taken when it is found blocked is given to another.
///
/// For the acceptor's thread.
class Dealer {
  public:
    /// A loop that has not turned for so long is passed over; three of its heartbeats.
    static constexpr std::chrono::milliseconds blocked_after{300};

    Dealer(asio::io_context& loop, const std::vector<std::unique_ptr<Worker>>& workers)
        : workers_(workers), check_timer_(loop) {}

    void deal(Accepted accepted);
    /// To a worker with a connection that may have to go for it. False when nobody has one.
    bool deal_in_place_of_another(Accepted& accepted);

  private:
    void give(Worker& worker, Accepted accepted);
    /// Of those whose loops turn, or of all when none does.
    Worker& least_busy();
    void check_later() noexcept;
    void deal_again();

    const std::vector<std::unique_ptr<Worker>>& workers_;
    std::size_t next_ = 0;  ///< of those with equally many the next in turn
    asio::steady_timer check_timer_;
    const async::HandlerMemory check_memory_;
    bool checking_ = false;
};

}  // namespace signalbox::http
