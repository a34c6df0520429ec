#pragma once

#include <chrono>

namespace signalbox::db {

/// When a thread that waits for PostgreSQL's answer is cut off from it, so that a server that is
/// frozen, or gone without a reset, does not hold it for ever. libpq's own timeouts do not end
/// every wait.
///
/// Not safe for threads: the pool's mutex guards it.
class AnswerDeadline {
  public:
    using Clock = std::chrono::steady_clock;

    /// How long PostgreSQL may take to answer that it is there.
    static constexpr std::chrono::seconds of_ping{2};

    /// How much longer than --database-query-timeout a read may hold its thread: PostgreSQL ends
    /// the statement by itself at the timeout, unless it is frozen or cut off.
    static constexpr std::chrono::seconds grace{1};

    /// Something was asked, to be answered until then.
    void begin(Clock::time_point due) noexcept {
        due_ = due;
        is_cut_ = false;
    }
    /// The answer came.
    void end() noexcept { due_ = Clock::time_point::max(); }

    /// Whether the caller shall cut the connection off now; true once.
    bool shall_cut(Clock::time_point now) noexcept {
        if (is_cut_ || due_ > now) return false;
        is_cut_ = true;
        return true;
    }
    /// The connection is of no more use, whoever found that out.
    void give_up() noexcept { is_cut_ = true; }
    /// Whether what was asked last has been cut off, also after its end.
    bool is_cut() const noexcept { return is_cut_; }

    /// When there is next something to do; time_point::max() for never.
    Clock::time_point next() const noexcept { return is_cut_ ? Clock::time_point::max() : due_; }

  private:
    Clock::time_point due_ = Clock::time_point::max();
    bool is_cut_ = false;
};

}  // namespace signalbox::db
