#pragma once

#include <chrono>
#include <utility>

#include "signalbox/db/detail/backoff.hpp"

namespace signalbox::db {

/// When the threads of a pool may try to connect while the database is away. One knocks for all,
/// with backoff. An attempt that gets no answer at all hangs until its timeout, and the database
/// may be back long before that: after a while another thread tries beside it.
///
/// Not safe for threads: the pool's mutex guards it.
class Knocking {
  public:
    using Clock = std::chrono::steady_clock;

    static constexpr std::chrono::milliseconds hanging{1500};

    explicit Knocking(Backoff backoff = Backoff()) : backoff_(std::move(backoff)) {}

    /// Whether the caller shall try now. If so nobody else shall, until next().
    bool begin(Clock::time_point now) {
        if (now < next_) return false;
        next_ = now + hanging;
        return true;
    }
    /// An attempt failed. Returns for how long nobody tries.
    std::chrono::milliseconds failed(Clock::time_point now) {
        const auto pause = backoff_.next();
        next_ = now + pause;
        return pause;
    }
    void succeeded() {
        backoff_.reset();
        next_ = {};
    }
    /// When the next attempt is due.
    Clock::time_point next() const noexcept { return next_; }

  private:
    Backoff backoff_;
    Clock::time_point next_{};
};

}  // namespace signalbox::db
