#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace signalbox::db {

/// One SQL statement. Parameters `$1`, `$2`, … are text that PostgreSQL converts; an empty one is
/// NULL. No NUL byte may be in it.
struct Statement {
    std::string sql;
    std::vector<std::optional<std::string>> parameters;
};

/// A parameter of a statement as text; PostgreSQL converts it.
template <class T>
std::optional<std::string> to_parameter(const T& value) {
    if constexpr (std::is_same_v<T, std::nullopt_t>) {
        return std::nullopt;
    } else if constexpr (std::is_same_v<T, bool>) {
        return value ? "true" : "false";
    } else if constexpr (std::is_arithmetic_v<T>) {
        return std::to_string(value);
    } else if constexpr (std::is_convertible_v<const T&, std::string_view>) {
        return std::string(std::string_view(value));
    } else {
        return value ? to_parameter(*value) : std::nullopt;
    }
}

}  // namespace signalbox::db
