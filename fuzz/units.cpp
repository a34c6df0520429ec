// Durations, sizes and whole numbers: what is accepted, and as what, is what the same text gives in
// 128 bits; a value that is formatted is read back as itself; a refusal is one printable line.
#include "signalbox/config/units.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>
#include <optional>
#include <string>

#include "target.hpp"

namespace signalbox::fuzz {
namespace {

__extension__ using Wide = unsigned __int128;

struct Unit {
    std::string_view name;
    std::uint64_t factor;
};

constexpr std::array<Unit, 4> duration_units{
    {{"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 60 * 60 * 1000}}};
constexpr std::array<Unit, 9> size_units{{{"", 1},
                                          {"B", 1},
                                          {"kB", 1000},
                                          {"KB", 1000},
                                          {"MB", 1000 * 1000},
                                          {"GB", 1000 * 1000 * 1000},
                                          {"KiB", 1024},
                                          {"MiB", 1024 * 1024},
                                          {"GiB", 1024 * 1024 * 1024}}};

constexpr std::string_view digits = "0123456789";

/// Digits of any length, as long as what is left without leading zeros fits well into 128 bits.
std::optional<Wide> number(std::string_view text) {
    if (text.empty() || text.find_first_not_of(digits) != std::string_view::npos)
        return std::nullopt;
    text.remove_prefix(std::min(text.find_first_not_of('0'), text.size()));
    if (text.size() > 24) return std::nullopt;
    Wide value = 0;
    for (const char c : text)
        value = value * 10 + digits.find(c);
    return value;
}

std::optional<std::uint64_t> with_unit(std::string_view number_text, std::uint64_t factor,
                                       std::uint64_t highest) {
    const auto value = number(number_text);
    if (!value || *value * factor > highest) return std::nullopt;
    return static_cast<std::uint64_t>(*value * factor);
}

std::optional<std::uint64_t> reference_size(std::string_view text) {
    for (const Unit& unit : size_units) {
        if (!text.ends_with(unit.name)) continue;
        const auto size = with_unit(text.substr(0, text.size() - unit.name.size()), unit.factor,
                                    std::numeric_limits<std::uint64_t>::max());
        if (size) return size;
    }
    return std::nullopt;
}

std::optional<std::uint64_t> reference_duration(std::string_view text) {
    if (number(text) == Wide{0}) return 0;
    for (const Unit& unit : duration_units) {
        if (!text.ends_with(unit.name)) continue;
        std::string decimal(text.substr(0, text.size() - unit.name.size()));
        Wide denominator = 1;
        if (const auto point = decimal.find('.'); point != std::string::npos) {
            if (point == 0 || point + 1 == decimal.size()) return std::nullopt;
            if (decimal.find_first_not_of(digits, point + 1) != std::string::npos) continue;
            decimal.resize(std::max(decimal.find_last_not_of('0') + 1, point + 1));
            // An hour has 2^7 * 3^2 * 5^5 milliseconds, so more decimals than seven are never
            // whole.
            if (decimal.size() - point - 1 > 7) return std::nullopt;
            for (std::size_t i = point + 1; i < decimal.size(); ++i)
                denominator *= 10;
            decimal.erase(point, 1);
        }
        const auto value = number(decimal);
        if (!value || *value * unit.factor % denominator != 0) continue;
        const Wide milliseconds = *value * unit.factor / denominator;
        if (milliseconds > static_cast<Wide>(config::longest_duration.count())) return std::nullopt;
        return static_cast<std::uint64_t>(milliseconds);
    }
    return std::nullopt;
}

void check_reason(const std::string& reason) {
    require(!reason.empty() && reason.size() < 250, "a refusal says why, shortly");
    for (const char c : reason) {
        const auto byte = static_cast<unsigned char>(c);
        require(byte >= 0x20 && byte != 0x7f, "a refusal is one line without control characters");
    }
}

void check_duration(std::string_view text) {
    const auto duration = config::parse_duration(text);
    const auto expected = reference_duration(text);
    require(static_cast<bool>(duration) == expected.has_value(),
            "a duration is accepted if it is one");
    if (!duration) return check_reason(duration.reason());
    require_same(std::to_string(duration->count()), std::to_string(*expected),
                 "a duration's value");
    require(*duration >= duration->zero() && *duration <= config::longest_duration,
            "a duration's bounds");
}

void check_size(std::string_view text) {
    const auto size = config::parse_size(text);
    const auto expected = reference_size(text);
    require(static_cast<bool>(size) == expected.has_value(), "a size is accepted if it is one");
    if (!size) return check_reason(size.reason());
    require_same(std::to_string(*size), std::to_string(*expected), "a size's value");
}

void check_number(std::string_view text, std::uint64_t lowest, std::uint64_t highest) {
    const auto parsed = config::parse_number(text, lowest, highest);
    const auto expected = number(text);
    require(static_cast<bool>(parsed) == (expected && *expected >= lowest && *expected <= highest),
            "a number is accepted within its bounds");
    if (!parsed) return check_reason(parsed.reason());
    require_same(std::to_string(*parsed), std::to_string(static_cast<std::uint64_t>(*expected)),
                 "a number's value");
}

/// A formatted value is read back as itself, and no other unit writes it shorter.
void check_formatting(std::uint64_t value) {
    const std::string size = config::format_size(value);
    const auto parsed_size = config::parse_size(size);
    require(parsed_size && *parsed_size == value, "a formatted size is read back");

    const std::chrono::milliseconds duration(
        value % (static_cast<std::uint64_t>(config::longest_duration.count()) + 1));
    const std::string text = config::format_duration(duration);
    const auto parsed = config::parse_duration(text);
    require(parsed && *parsed == duration, "a formatted duration is read back");
    for (const Unit& unit : duration_units) {
        const auto count = static_cast<std::uint64_t>(duration.count());
        if (count % unit.factor != 0) continue;
        require(text.size() <= std::to_string(count / unit.factor).size() + unit.name.size(),
                "a duration is written in the shortest way");
    }
}

void check(std::string_view text) {
    check_duration(text);
    check_size(text);
    check_number(text, 0, std::numeric_limits<std::uint64_t>::max());
    check_number(text, 1, 65535);
    if (const auto size = config::parse_size(text)) check_formatting(*size);
    std::uint64_t value = 0;
    text.copy(reinterpret_cast<char*>(&value), sizeof value);
    check_formatting(value);
}

}  // namespace
}  // namespace signalbox::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    signalbox::fuzz::check(signalbox::fuzz::as_text(data, size));
    return 0;
}
