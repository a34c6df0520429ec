#pragma once

#include <array>
#include <chrono>
#include <optional>

namespace signalbox::http {

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7), whatever the locale.
using HttpDate = std::array<char, 29>;

/// Nothing when the year has not four digits.
std::optional<HttpDate> http_date(std::chrono::sys_seconds time);

}  // namespace signalbox::http
