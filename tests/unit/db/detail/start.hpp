#pragma once

#include <chrono>

namespace signalbox::db {

/// When the time of a test begins: long after that of the clock.
inline constexpr std::chrono::steady_clock::time_point start{std::chrono::hours(1000)};

}  // namespace signalbox::db
