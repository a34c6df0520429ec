#include "signalbox/fast/json_writer.hpp"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <cmath>
#include <iterator>

#include "signalbox/fast/json_string.hpp"

namespace signalbox {

std::string json_key(std::string_view name) {
    std::string key(1, ',');
    append_json_string(key, name);
    key += ':';
    return key;
}

JsonWriter& JsonWriter::integer(std::int64_t number) {
    const fmt::format_int digits(number);
    return verbatim({digits.data(), digits.size()});
}

JsonWriter& JsonWriter::integer(std::uint64_t number) {
    const fmt::format_int digits(number);
    return verbatim({digits.data(), digits.size()});
}

JsonWriter& JsonWriter::value(double number) {
    if (!std::isfinite(number)) return value(nullptr);
    fmt::format_to(std::back_inserter(place()), FMT_COMPILE("{}"), number);
    return *this;
}

// Without a floating-point number, which costs more: there are several durations in a log line.
JsonWriter& JsonWriter::value(std::chrono::nanoseconds duration) {
    const bool negative = duration.count() < 0;
    const auto bits = static_cast<std::uint64_t>(duration.count());
    const std::uint64_t nanoseconds = negative ? 0 - bits : bits;
    const std::uint64_t microseconds = nanoseconds / 1000 + (nanoseconds % 1000 >= 500 ? 1 : 0);
    std::string& output = place();
    if (negative && microseconds > 0) output += '-';
    const fmt::format_int seconds(microseconds / 1'000'000);
    output.append(seconds.data(), seconds.size());
    char digits[] = {'.', '0', '0', '0', '0', '0', '0'};
    std::uint64_t rest = microseconds % 1'000'000;
    for (char* digit = std::end(digits); rest > 0; rest /= 10)
        *--digit = static_cast<char>('0' + rest % 10);
    output.append(digits, sizeof digits);
    return *this;
}

}  // namespace signalbox
