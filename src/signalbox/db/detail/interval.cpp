#include "signalbox/db/detail/interval.hpp"

#include <charconv>
#include <cstdint>
#include <system_error>

namespace signalbox::db {

namespace {

/// A whole number at the start of `text`, which loses it.
std::optional<std::int64_t> take_number(std::string_view& text) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{}) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return number;
}

/// `02:00:00.5`, of any number of hours, in microseconds.
std::optional<std::int64_t> read_time(std::string_view text) {
    constexpr std::int64_t second = 1'000'000;
    const auto hours = take_number(text);
    if (!hours || !text.starts_with(':')) return std::nullopt;
    text.remove_prefix(1);
    const auto minutes = take_number(text);
    if (!minutes || !text.starts_with(':')) return std::nullopt;
    text.remove_prefix(1);
    const auto seconds = take_number(text);
    if (!seconds) return std::nullopt;
    std::int64_t fraction = 0;
    if (text.starts_with('.')) {
        text.remove_prefix(1);
        if (text.empty() || text.size() > 6) return std::nullopt;
        std::int64_t unit = second;
        for (; !text.empty(); text.remove_prefix(1)) {
            if (text.front() < '0' || text.front() > '9') return std::nullopt;
            unit /= 10;
            fraction += (text.front() - '0') * unit;
        }
    }
    if (!text.empty()) return std::nullopt;
    std::int64_t total = 0;
    if (__builtin_mul_overflow(*hours, 3600 * second, &total)) return std::nullopt;
    const std::int64_t rest = (*minutes * 60 + *seconds) * second + fraction;
    if (__builtin_add_overflow(total, rest, &total)) return std::nullopt;
    return total;
}

}  // namespace

std::optional<std::chrono::microseconds> read_interval(std::string_view text) {
    std::int64_t total = 0;
    while (!text.empty()) {
        const std::string_view word = text.substr(0, text.find(' '));
        text.remove_prefix(word.size());
        if (text.starts_with(' ')) text.remove_prefix(1);
        std::int64_t part = 0;
        const bool negative = word.starts_with('-');
        std::string_view size = word;
        if (negative || word.starts_with('+')) size.remove_prefix(1);
        if (size.find(':') != size.npos) {
            const auto time = read_time(size);
            if (!time) return std::nullopt;
            part = *time;
        } else {
            const auto days = take_number(size);
            const std::string_view unit = text.substr(0, text.find(' '));
            if (!days || !size.empty() || (unit != "day" && unit != "days")) return std::nullopt;
            text.remove_prefix(unit.size());
            if (text.starts_with(' ')) text.remove_prefix(1);
            constexpr std::int64_t day = std::int64_t{24} * 3600 * 1'000'000;
            if (__builtin_mul_overflow(*days, day, &part)) return std::nullopt;
        }
        if (__builtin_add_overflow(total, negative ? -part : part, &total)) return std::nullopt;
    }
    return std::chrono::microseconds(total);
}

}  // namespace signalbox::db
