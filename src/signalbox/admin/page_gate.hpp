#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "signalbox/http/route.hpp"

namespace signalbox::admin {

/// Keeps time for the probes: pages that take their time to be made are made one after the other,
/// and after each is a rest as long as it took. So they take half of a loop's time at most, whoever
/// asks for them and how often. Any thread.
class PageGate {
  public:
    using Clock = std::chrono::steady_clock;

    /// Who waits at the same time, of all and of one address. Beyond it: 503.
    static constexpr std::size_t most = 16;
    static constexpr std::size_t most_of_an_address = 8;

    /// Answers by the handler when its turn has come.
    async::Task<http::Response> answer(http::Request& request, const http::Handler& handler);

  private:
    class Visit;

    /// When it may begin; nothing when too many wait.
    std::optional<Clock::time_point> enter(const std::string& address);
    void leave(const std::string& address);
    void took(Clock::duration duration);

    std::mutex mutex_;
    std::vector<std::string> visitors_;  ///< guarded by mutex_: addresses, from enter() to leave()
    Clock::time_point rests_until_{};    ///< guarded by mutex_: after the last page
    Clock::time_point free_at_{};        ///< guarded by mutex_: as far as is known by now
    Clock::duration usual_{};            ///< guarded by mutex_: what the last page took
};

}  // namespace signalbox::admin
