#include "signalbox/process/watchdog.hpp"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "signalbox/process/service_manager.hpp"

namespace signalbox::process {

namespace {

using std::chrono::microseconds;

/// An event loop notes that it turns ten times a second.
constexpr microseconds shortest_stand_still = std::chrono::milliseconds(500);

std::string_view variable(const char* name) {
    const char* const value = std::getenv(name);
    return value == nullptr ? std::string_view() : value;
}

Invalid invalid(const char* name, std::string_view value, const char* what) {
    return Invalid{std::string(name) + ": \"" + std::string(value) + "\" is " + what};
}

}  // namespace

Parsed<std::optional<microseconds>> watchdog_interval() {
    using Interval = std::optional<microseconds>;
    const std::string_view interval = variable("WATCHDOG_USEC");
    const std::string_view pid = variable("WATCHDOG_PID");
    if (interval.empty()) return Interval();
    if (!pid.empty()) {
        const auto whose = parse_positive(pid);
        if (!whose) return invalid("WATCHDOG_PID", pid, "no process number");
        if (*whose != ::getpid()) return Interval();
    }
    const auto count = parse_positive(interval);
    if (!count) return invalid("WATCHDOG_USEC", interval, "no number of microseconds above 0");
    return Interval(microseconds(*count));
}

Watchdog::Watchdog(Duration interval, Events events)
    : events_(std::move(events)), thread_([this, interval](const std::stop_token& stop) {
          ::pthread_setname_np(::pthread_self(), "watchdog");
          run(stop, interval);
      }) {}

void Watchdog::run(const std::stop_token& stop, Duration interval) const {
    const auto stand_still = std::max(interval / 2, shortest_stand_still);
    // Not nothing, or it would spin.
    const auto pause = std::max(interval / 3, Duration(1000));
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock lock(mutex);
    bool told = true;
    do {
        if (!events_.alive(stand_still)) continue;
        try {
            notify_service_manager("WATCHDOG=1");
            told = true;
        } catch (const std::system_error& error) {
            if (std::exchange(told, false)) events_.failed(error);
        }
    } while (!stopped.wait_for(lock, stop, pause, [&stop] { return stop.stop_requested(); }));
}

}  // namespace signalbox::process
