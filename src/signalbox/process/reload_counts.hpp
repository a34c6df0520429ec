#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace signalbox::process {

/// How the reloads of a service have ended since its first process started.
struct ReloadCounts {
    std::uint64_t taken_over = 0;
    std::uint64_t failed = 0;
    bool operator==(const ReloadCounts&) const = default;

    /// `taken_over:failed`, for another process.
    std::string text() const;
    static std::optional<ReloadCounts> parse(std::string_view text);
};

/// Goes on counting from what the predecessor has handed over, so that nobody who reads a counter
/// of these has to know which process answers. Any thread.
class ReloadCounter {
  public:
    explicit ReloadCounter(ReloadCounts before) noexcept
        : taken_over_(before.taken_over), failed_(before.failed) {}

    void took_over() noexcept { ++taken_over_; }  ///< this process did
    void failed() noexcept { ++failed_; }
    void refused() noexcept { ++refused_; }

    ReloadCounts counts() const noexcept { return {.taken_over = taken_over_, .failed = failed_}; }
    /// Of this process: one that refuses to reload hands nothing over.
    std::uint64_t refusals() const noexcept { return refused_; }

  private:
    std::atomic<std::uint64_t> taken_over_;
    std::atomic<std::uint64_t> failed_;
    std::atomic<std::uint64_t> refused_ = 0;
};

}  // namespace signalbox::process
