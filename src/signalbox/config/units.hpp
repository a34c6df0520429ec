#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "signalbox/parsed.hpp"

namespace signalbox::config {

/// The longest duration accepted: far beyond any use, and small enough that a deadline computed
/// from it never overflows a clock.
inline constexpr std::chrono::milliseconds longest_duration = std::chrono::hours{8760};

/// "250ms", "5s", "1.5s", "1m", "1h"; the only bare number is "0". Refused: signs, spaces, anything
/// finer than a millisecond, anything above longest_duration.
Parsed<std::chrono::milliseconds> parse_duration(std::string_view text);

/// The shortest text with a whole number that parse_duration reads back as the same value.
std::string format_duration(std::chrono::milliseconds duration);

/// Bytes: "100B", "1kB", "1MB", "1GB" (powers of 1000), "32KiB", "1MiB", "1GiB" (powers of 1024);
/// a bare number is bytes. Refused: signs, spaces, fractions, what 64 bits cannot hold.
Parsed<std::uint64_t> parse_size(std::string_view text);

/// The text with the largest binary unit that divides the size: "32KiB", "1000B".
std::string format_size(std::uint64_t bytes);

/// A whole number from `lowest` to `highest`, decimal digits only.
Parsed<std::uint64_t> parse_number(std::string_view text, std::uint64_t lowest,
                                   std::uint64_t highest);

/// A whole number from `lowest` to `highest`, decimal digits behind an optional minus.
Parsed<std::int64_t> parse_integer(std::string_view text, std::int64_t lowest,
                                   std::int64_t highest);

/// A decimal number from `lowest` to `highest`: "0.25", "-1", "1e6". Refused: spaces, a plus in
/// front, hexadecimal digits, infinity, NaN.
Parsed<double> parse_real(std::string_view text, double lowest, double highest);

/// The shortest text that parse_real reads back as the same number.
std::string format_real(double number);

/// Text as it may stand in a one-line message: in quotation marks, control characters replaced,
/// cut short when long.
std::string printable(std::string_view text);

}  // namespace signalbox::config
