#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "signalbox/config/config_options.hpp"
#include "signalbox/config/units.hpp"

// The kinds of value an option can have. Each function makes the one that reads a text into a
// member of Config; bounds are inclusive.

namespace signalbox::config_values {

inline Option::Set duration(std::chrono::milliseconds Config::*member,
                            std::chrono::milliseconds lowest) {
    return [=](Config& config, std::string_view text) -> std::optional<Invalid> {
        const auto value = parse_duration(text);
        if (!value) return Invalid{value.reason()};
        if (*value < lowest) {
            return Invalid{printable(text) + ": expected at least " + format_duration(lowest)};
        }
        config.*member = *value;
        return std::nullopt;
    };
}

inline Option::Set size(std::size_t Config::*member, std::size_t lowest, std::size_t highest) {
    return [=](Config& config, std::string_view text) -> std::optional<Invalid> {
        const auto value = parse_size(text);
        if (!value) return Invalid{value.reason()};
        if (*value < lowest || *value > highest) {
            return Invalid{printable(text) + ": expected " + format_size(lowest) + " to " +
                           format_size(highest)};
        }
        config.*member = *value;
        return std::nullopt;
    };
}

inline Option::Set count(std::size_t Config::*member, std::size_t lowest, std::size_t highest) {
    return [=](Config& config, std::string_view text) -> std::optional<Invalid> {
        const auto value = parse_number(text, lowest, highest);
        if (!value) return Invalid{value.reason()};
        config.*member = *value;
        return std::nullopt;
    };
}

inline Option::Set port(std::uint16_t Config::*member) {
    return [=](Config& config, std::string_view text) -> std::optional<Invalid> {
        if (text.starts_with("tcp://")) {
            return Invalid{
                printable(text) +
                " comes from Kubernetes, which sets such a variable for each Service of the "
                "namespace: set enableServiceLinks: false in the pod"};
        }
        const auto value = parse_number(text, 0, std::numeric_limits<std::uint16_t>::max());
        if (!value) return Invalid{value.reason()};
        config.*member = static_cast<std::uint16_t>(*value);
        return std::nullopt;
    };
}

inline Option::Set descriptor(std::optional<int> Config::*member) {
    return [=](Config& config, std::string_view text) -> std::optional<Invalid> {
        const auto value = parse_number(text, 0, std::numeric_limits<int>::max());
        if (!value) return Invalid{value.reason()};
        config.*member = static_cast<int>(*value);
        return std::nullopt;
    };
}

inline Option::Set on_or_off(bool Config::*member) {
    return [=](Config& config, std::string_view text) -> std::optional<Invalid> {
        const bool on = text == "on" || text == "true" || text == "1";
        if (!on && text != "off" && text != "false" && text != "0") {
            return Invalid{printable(text) + ": expected on, off, true, false, 1 or 0"};
        }
        config.*member = on;
        return std::nullopt;
    };
}

/// std::string or std::filesystem::path.
template <typename Text>
Option::Set not_empty(Text Config::*member) {
    return [=](Config& config, std::string_view text) -> std::optional<Invalid> {
        if (text.empty()) return Invalid{"expected a value, got none"};
        if (text.find('\0') != std::string_view::npos) return Invalid{"holds a NUL byte"};
        config.*member = std::string{text};
        return std::nullopt;
    };
}

/// Any type with a function Parsed<Value> parse(std::string_view).
template <typename Value, typename Parse>
Option::Set parsed_by(Parse parse, Value Config::*member) {
    return [=](Config& config, std::string_view text) -> std::optional<Invalid> {
        auto value = parse(text);
        if (!value) return Invalid{value.reason()};
        config.*member = *value;
        return std::nullopt;
    };
}

template <typename Enum, std::size_t N>
Parsed<Enum> parse_name(const std::array<std::pair<std::string_view, Enum>, N>& names,
                        std::string_view text) {
    std::string known;
    for (const auto& [name, value] : names) {
        if (name == text) return value;
        known += (known.empty() ? "" : ", ") + std::string{name};
    }
    return Invalid{printable(text) + ": expected one of " + known};
}

}  // namespace signalbox::config_values
