#pragma once

#include <chrono>
#include <utility>

#include "signalbox/db/detail/backoff.hpp"

namespace signalbox::db {

/// When to ask PostgreSQL to cancel what a connection runs and nobody waits for any more: at once,
/// and again, with pauses that grow, as long as it runs. A pooler drops the request while the read
/// waits for a session there, and begins it all the same.
///
/// Not safe for threads: the pool's mutex guards it.
class Cancelling {
  public:
    using Clock = std::chrono::steady_clock;

    explicit Cancelling(Backoff backoff = Backoff()) : backoff_(std::move(backoff)) {}

    /// Whether the caller shall ask now. `hangs`: an attempt made before has not come back; there
    /// is one at a time.
    bool begin(Clock::time_point now, bool hangs) {
        if (now < next_) return false;
        const bool first = !begun();
        if (first) backoff_.reset();
        next_ = now + backoff_.next();
        begun_ = true;
        return first || !hangs;
    }
    /// What ran is over.
    void end() noexcept {
        begun_ = false;
        next_ = {};
    }

    bool begun() const noexcept { return begun_; }
    /// When the next attempt is due; time_point::max() when none has begun.
    Clock::time_point next() const noexcept { return begun_ ? next_ : Clock::time_point::max(); }

  private:
    Backoff backoff_;
    Clock::time_point next_{};
    bool begun_ = false;
};

}  // namespace signalbox::db
