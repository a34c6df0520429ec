#pragma once

#include "signalbox/async/task.hpp"

namespace signalbox::async {

/// A coroutine waits here until its loop's thread says that it may go on; one at a time. Unlike a
/// Wakeup it is no part of a loop, and can be made and destroyed without one.
///
/// For the loop's thread. Lifetime: who waits keeps it alive.
class Waiter {
  public:
    Waiter() = default;
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

    /// Until the next notify(). Throws asio::system_error (operation_aborted) when the coroutine
    /// is cancelled.
    Task<> wait();
    /// Whoever waits goes on, in a later turn of the loop. It is not remembered for later ones.
    void notify() noexcept;

  private:
    struct Wait;

    Wait* waiting_ = nullptr;
};

}  // namespace signalbox::async
