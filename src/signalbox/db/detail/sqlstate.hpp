#pragma once

#include <optional>
#include <string_view>

#include "signalbox/db/error.hpp"

namespace signalbox::db {

inline constexpr std::string_view insufficient_privilege = "42501";

/// Why PostgreSQL cannot answer, by its SQLSTATE; nothing when it refused the statement.
/// `unreachable` means that the connection is of no more use.
[[nodiscard]] std::optional<Unavailable::Reason> unavailable_reason(
    std::string_view sqlstate) noexcept;

/// Whether a prepared statement was refused only because it is out of date: a table was changed, or
/// a pooler forgot it. It can be prepared anew.
[[nodiscard]] bool is_stale_statement(std::string_view sqlstate) noexcept;

}  // namespace signalbox::db
