#include "signalbox/config/units.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "signalbox/ascii.hpp"

namespace signalbox::config {
namespace {

struct Unit {
    std::string_view name;
    std::uint64_t factor;
};

// Largest first: formatting takes the first that divides.
constexpr std::array<Unit, 4> duration_units{
    {{"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}}};
constexpr std::array<Unit, 4> binary_units{
    {{"GiB", 1U << 30U}, {"MiB", 1U << 20U}, {"KiB", 1U << 10U}, {"B", 1}}};
constexpr std::array<Unit, 4> decimal_units{
    {{"GB", 1'000'000'000}, {"MB", 1'000'000}, {"kB", 1000}, {"KB", 1000}}};

constexpr std::string_view duration_form = "expected a duration such as 250ms, 5s, 1.5s, 1m or 1h";
constexpr std::string_view size_form = "expected a size such as 1048576, 100B, 32KiB, 1MiB or 1MB";

std::string_view leading_digits(std::string_view text) {
    return text.substr(0, std::find_if_not(text.begin(), text.end(), is_digit) - text.begin());
}

/// Nothing when there is no digit or 64 bits do not hold the number.
std::optional<std::uint64_t> whole_number(std::string_view digits) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    return value;
}

template <std::size_t N>
std::optional<std::uint64_t> find_factor(const std::array<Unit, N>& units, std::string_view name) {
    for (const Unit& unit : units) {
        if (unit.name == name) return unit.factor;
    }
    return std::nullopt;
}

template <std::size_t N>
std::string format(const std::array<Unit, N>& units, std::uint64_t value) {
    const auto unit = std::find_if(units.begin(), units.end(),
                                   [&](const Unit& u) { return value % u.factor == 0; });
    return std::to_string(value / unit->factor) + std::string{unit->name};
}

Invalid refuse(std::string_view text, std::string_view why) {
    return {printable(text) + ": " + std::string{why}};
}

}  // namespace

Parsed<std::chrono::milliseconds> parse_duration(std::string_view text) {
    const std::string_view whole = leading_digits(text);
    std::string_view unit_name = text.substr(whole.size());
    std::string_view fraction;
    if (unit_name.starts_with('.')) {
        fraction = leading_digits(unit_name.substr(1));
        unit_name.remove_prefix(1 + fraction.size());
        if (fraction.empty()) return refuse(text, duration_form);
    }
    if (whole.empty()) return refuse(text, duration_form);

    constexpr auto longest = static_cast<std::uint64_t>(longest_duration.count());
    const auto too_long = [&] {
        return refuse(text, "at most " + format_duration(longest_duration));
    };
    const auto value = whole_number(whole);
    if (unit_name.empty()) {
        if (value == 0U && fraction.empty()) return std::chrono::milliseconds{0};
        return refuse(text, "a unit is missing: ms, s, m or h");
    }
    const auto factor = find_factor(duration_units, unit_name);
    if (!factor) return refuse(text, duration_form);
    if (!value || *value > longest / *factor) return too_long();

    // The fraction in whole milliseconds, digit by digit: binary floating point would make 0.1s
    // something else than 100ms. After seven digits nothing of an hour is left that is a whole
    // millisecond, so the arithmetic stays small.
    fraction = fraction.substr(0, fraction.find_last_not_of('0') + 1);
    std::uint64_t numerator = 0;
    std::uint64_t denominator = 1;
    if (fraction.size() > 7) return refuse(text, "finer than a millisecond");
    for (const char digit : fraction) {
        numerator = numerator * 10 + static_cast<std::uint64_t>(digit - '0');
        denominator *= 10;
    }
    numerator *= *factor;
    if (numerator % denominator != 0) return refuse(text, "finer than a millisecond");

    const std::uint64_t milliseconds = *value * *factor + numerator / denominator;
    if (milliseconds > longest) return too_long();
    return std::chrono::milliseconds{milliseconds};
}

std::string format_duration(std::chrono::milliseconds duration) {
    if (duration.count() == 0) return "0s";
    return format(duration_units, static_cast<std::uint64_t>(duration.count()));
}

Parsed<std::uint64_t> parse_size(std::string_view text) {
    const std::string_view digits = leading_digits(text);
    if (digits.empty()) return refuse(text, size_form);
    const std::string_view unit_name = text.substr(digits.size());
    std::optional<std::uint64_t> factor = 1;
    if (!unit_name.empty()) {
        factor = find_factor(binary_units, unit_name);
        if (!factor) factor = find_factor(decimal_units, unit_name);
        if (!factor) return refuse(text, size_form);
    }
    const auto value = whole_number(digits);
    if (!value || *value > std::numeric_limits<std::uint64_t>::max() / *factor) {
        return refuse(text, "larger than 64 bits hold");
    }
    return *value * *factor;
}

std::string format_size(std::uint64_t bytes) {
    if (bytes == 0) return "0B";
    return format(binary_units, bytes);
}

Parsed<std::uint64_t> parse_number(std::string_view text, std::uint64_t lowest,
                                   std::uint64_t highest) {
    const auto value =
        leading_digits(text).size() == text.size() ? whole_number(text) : std::nullopt;
    if (value && *value >= lowest && *value <= highest) return *value;
    return refuse(text, "expected a whole number from " + std::to_string(lowest) + " to " +
                            std::to_string(highest));
}

Parsed<std::int64_t> parse_integer(std::string_view text, std::int64_t lowest,
                                   std::int64_t highest) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc{} && end == text.data() + text.size() && value >= lowest &&
        value <= highest) {
        return value;
    }
    return refuse(text, "expected a whole number from " + std::to_string(lowest) + " to " +
                            std::to_string(highest));
}

Parsed<double> parse_real(std::string_view text, double lowest, double highest) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool read = error == std::errc{} && end == text.data() + text.size();
    if (read && std::isfinite(value) && value >= lowest && value <= highest) return value;
    if (lowest == std::numeric_limits<double>::lowest() &&
        highest == std::numeric_limits<double>::max()) {
        return refuse(text, "expected a number such as 0.25");
    }
    return refuse(text,
                  "expected a number from " + format_real(lowest) + " to " + format_real(highest));
}

std::string format_real(double number) {
    std::array<char, 32> text{};
    const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} ? std::string{text.data(), end} : std::string{};
}

std::string printable(std::string_view text) {
    constexpr std::size_t longest = 60;
    std::string result{'"'};
    for (const char c : text.substr(0, longest)) {
        const auto byte = static_cast<unsigned char>(c);
        result += byte < 0x20 || byte == 0x7f ? '?' : c;
    }
    if (text.size() > longest) result += "...";
    return result + '"';
}

}  // namespace signalbox::config
