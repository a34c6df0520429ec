#pragma once

#include <optional>
#include <string_view>

#include "signalbox/db/error.hpp"

namespace signalbox::db {

/// Why PostgreSQL cannot answer, by its SQLSTATE; nothing when it refused the statement.
/// `unreachable` means that the connection is of no more use.
[[nodiscard]] std::optional<Unavailable::Reason> unavailable_reason(
    std::string_view sqlstate) noexcept;

}  // namespace signalbox::db
