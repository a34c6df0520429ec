#pragma once

#include <chrono>

namespace signalbox::observe {
class InFlightRequest;
}

namespace signalbox::async {

/// The time for which an event loop is at one request's code, from one suspension to the next: when
/// it is long, all others have waited for it. Made by the executor around everything it runs.
///
/// Costs two looks at a clock that the kernel sets every few milliseconds, which is good enough
/// for what is looked for.
class Turn {
  public:
    /// What takes longer is reported to the loop (EventLoop::watch).
    static constexpr std::chrono::milliseconds longest{100};

    /// `request` may be null: then nobody is blamed.
    explicit Turn(const observe::InFlightRequest* request) noexcept;
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

    /// The request ends within its turn, so what it took is reported now, while it can be named.
    static void ends_for(const observe::InFlightRequest& request);

    /// The request may be destroyed before its turn ends.
    static void forget(const observe::InFlightRequest& request) noexcept;

  private:
    using Clock = std::chrono::steady_clock;

    void report(Clock::duration taken);

    const observe::InFlightRequest* request_;
    Turn* const outer_;  ///< a coroutine can be started or resumed by another's code
    const Clock::time_point started_;
    Clock::duration of_others_{};  ///< of turns that began and ended within this one
};

}  // namespace signalbox::async
