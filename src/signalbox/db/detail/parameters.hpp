#pragma once

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace signalbox::db {

/// libpq takes C strings: what is behind a NUL byte would be cut off without a word. Throws
/// std::invalid_argument.
inline void check_parameters(const std::vector<std::optional<std::string>>& parameters) {
    const auto has_nul = [](const std::optional<std::string>& parameter) {
        return parameter && parameter->find('\0') != std::string::npos;
    };
    if (std::any_of(parameters.begin(), parameters.end(), has_nul))
        throw std::invalid_argument("PostgreSQL takes no NUL byte in a parameter");
}

}  // namespace signalbox::db
