#pragma once

#include <asio/basic_waitable_timer.hpp>

#include <chrono>

#include "signalbox/async/task.hpp"

namespace signalbox::async {

/// A coroutine waits for it, and others of its event loop wake it (Python's `asyncio.Event`, for
/// one that waits).
///
/// For the loop's thread. It is not destroyed while one waits, except with its loop.
class Wakeup {
  public:
    using Clock = std::chrono::steady_clock;

    explicit Wakeup(const Executor& executor) : timer_(executor) {}

    /// Resumes when it is notified, at once when it was since the last wait; or at `deadline`. With
    /// one that has passed the loop's other work has its turn. Returns whether it was notified.
    /// Throws asio::system_error (operation_aborted) when the coroutine is cancelled.
    Task<bool> wait_until(Clock::time_point deadline = Clock::time_point::max());

    /// The coroutine resumes in a later turn.
    void notify() noexcept;

  private:
    asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Executor> timer_;
    bool notified_ = false;
};

}  // namespace signalbox::async
