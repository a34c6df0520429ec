#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace signalbox::db {

/// Whether a reader of a stream keeps the slowest pace that others have to wait for: 64 KiB a
/// second. It may be so far behind as the grace says, and so far ahead. Its time runs while it has
/// a batch in hand, not while it waits for one.
///
/// Not safe for threads.
class ReaderPace {
  public:
    using Clock = std::chrono::steady_clock;

    static constexpr std::size_t bytes_a_second = std::size_t{64} * 1024;

    explicit ReaderPace(Clock::duration grace) : grace_(grace), left_(grace) {}

    /// It gets a batch.
    void takes(Clock::time_point now, std::size_t bytes) noexcept {
        const auto time_for_it =
            std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(
                static_cast<double>(bytes) / static_cast<double>(bytes_a_second)));
        left_ = std::min(left_ + time_for_it, std::max(grace_, time_for_it));
        due_ = now + left_;
    }
    /// It comes back for the next one.
    void returns(Clock::time_point now) noexcept {
        if (due_ == Clock::time_point::max()) return;
        left_ = std::max(due_ - now, Clock::duration::zero());
        due_ = Clock::time_point::max();
    }

    [[nodiscard]] bool is_behind(Clock::time_point now) const noexcept { return due_ < now; }

  private:
    const Clock::duration grace_;
    Clock::duration left_;
    Clock::time_point due_ = Clock::time_point::max();
};

}  // namespace signalbox::db
