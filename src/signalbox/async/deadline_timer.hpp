#pragma once

#include <asio/basic_waitable_timer.hpp>
#include <asio/io_context.hpp>

#include <chrono>
#include <functional>
#include <memory>

namespace signalbox::async {

/// No deadline.
inline constexpr auto never = std::chrono::steady_clock::time_point::max();

/// A timer made to be moved often: pushing the deadline later costs one store, because the timer
/// underneath is armed anew only when it fires early. A connection moves its deadline several
/// times a request, so this matters.
///
/// Threads: the event loop's only. Lifetime: `on_expired` is never called once the timer is
/// destroyed, so it may refer to the timer's owner; it may also destroy the timer.
class DeadlineTimer {
  public:
    using Clock = std::chrono::steady_clock;

    DeadlineTimer(asio::io_context& context, std::function<void()> on_expired);

    /// Calls `on_expired` once at this time unless the deadline is moved or cleared before.
    void set(Clock::time_point deadline);
    void clear() noexcept { deadline_ = never; }

  private:
    void arm();
    void on_timer();

    asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, asio::io_context::executor_type>
        timer_;
    std::function<void()> on_expired_;
    Clock::time_point deadline_ = never;
    Clock::time_point armed_ = never;
    /// A wait that already fired cannot be cancelled any more; it looks here first.
    std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace signalbox::async
