#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace signalbox::db {

/// A PostgreSQL interval in IntervalStyle postgres, as `1 day -02:00:00.5`; a day has 24 hours.
/// Nothing when it has months or years, whose lengths vary, when it is written in another style, or
/// when it is longer than microseconds can count.
[[nodiscard]] std::optional<std::chrono::microseconds> read_interval(std::string_view text);

}  // namespace signalbox::db
