#pragma once

#include <chrono>

#include "signalbox/context/request_context.hpp"

namespace signalbox::async {

/// The time for which an event loop runs one request's code, from one suspension to the next: all
/// others wait meanwhile. The executor makes one around everything that it runs.
///
/// Costs two looks at a clock that the kernel sets every few milliseconds, which is good enough
/// for what is looked for.
class Turn {
  public:
    /// A longer turn is reported to the loop (EventLoop::watch).
    static constexpr std::chrono::milliseconds longest{100};

    /// `request` may be null: then nobody is blamed. It is kept until the turn ends.
    explicit Turn(context::Reference<context::RequestContext> request) noexcept;
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

    /// Whose code this thread runs; null for nobody's.
    static context::RequestContext* request_of_current() noexcept;

  private:
    using Clock = std::chrono::steady_clock;

    const context::Reference<context::RequestContext> request_;
    Turn* const outer_;  ///< a coroutine can be started or resumed by another's code
    const Clock::time_point started_;
    Clock::duration of_others_{};  ///< of turns that began and ended within this one
};

}  // namespace signalbox::async
