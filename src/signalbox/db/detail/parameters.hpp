#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "signalbox/db/statement.hpp"

// libpq takes C strings: what is behind a NUL byte would be cut off without a word.

namespace signalbox::db {

/// Throws std::invalid_argument. `where` completes "PostgreSQL takes no NUL byte in …".
inline void refuse_nul(std::string_view text, const char* where) {
    if (text.find('\0') == std::string_view::npos) return;
    throw std::invalid_argument(std::string("PostgreSQL takes no NUL byte in ").append(where));
}

/// Throws std::invalid_argument.
inline void check_parameters(const std::vector<std::optional<std::string>>& parameters) {
    for (const auto& parameter : parameters) {
        if (parameter) refuse_nul(*parameter, "a parameter");
    }
}

/// Throws std::invalid_argument.
inline void check_statement(const Statement& statement) {
    refuse_nul(statement.sql, "a statement");
    check_parameters(statement.parameters);
}

}  // namespace signalbox::db
