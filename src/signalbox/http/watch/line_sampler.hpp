#pragma once

#include <chrono>
#include <cstdint>
#include <utility>

namespace signalbox::http {

/// Lets through so many lines of a kind in each second, and counts the others: what a flood of
/// clients is told is always the same, and writing it each time costs more than telling them.
///
/// For one thread.
class LineSampler {
  public:
    using Clock = std::chrono::steady_clock;
    static constexpr std::uint32_t most_in_a_second = 100;

    bool may_write(Clock::time_point now) {
        if (now >= second_ends_) {
            second_ends_ = now + std::chrono::seconds(1);
            written_ = 0;
        }
        if (written_ < most_in_a_second) {
            ++written_;
            return true;
        }
        ++left_out_;
        return false;
    }

    /// Whether the next line may be written; counts none.
    bool has_room(Clock::time_point now) const noexcept {
        return now >= second_ends_ || written_ < most_in_a_second;
    }

    /// Not yet told of. Zero from then on.
    std::uint64_t take_left_out() noexcept { return std::exchange(left_out_, 0); }
    std::uint64_t left_out() const noexcept { return left_out_; }

  private:
    Clock::time_point second_ends_{};
    std::uint32_t written_ = 0;
    std::uint64_t left_out_ = 0;
};

}  // namespace signalbox::http
