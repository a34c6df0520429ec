#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <system_error>
#include <thread>

#include "signalbox/parsed.hpp"

namespace signalbox::process {

/// How often the service manager wants to hear from this process at least: systemd's WatchdogSec=,
/// as WATCHDOG_USEC and WATCHDOG_PID tell it (sd_watchdog_enabled(3)). Nothing when it does not
/// ask, or asks another process. Invalid names the variable that makes no sense.
Parsed<std::optional<std::chrono::microseconds>> watchdog_interval();

/// Tells the service manager `WATCHDOG=1`, on a thread of its own, for as long as the process is
/// alive by its own judgement. When it is not, the manager hears nothing and does what it does.
class Watchdog {
  public:
    using Duration = std::chrono::microseconds;

    struct Events {
        /// Whether everything has turned within this time.
        std::function<bool(Duration)> alive;
        /// The manager could not be told; only after it could be.
        std::function<void(const std::system_error&)> failed;
    };

    /// Tells it at once, and then three times in each interval. The events are called on its
    /// thread.
    Watchdog(Duration interval, Events events);
    /// Tells it no more.
    ~Watchdog() = default;
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;

  private:
    void run(const std::stop_token& stop, Duration interval) const;

    const Events events_;
    std::jthread thread_;
};

}  // namespace signalbox::process
