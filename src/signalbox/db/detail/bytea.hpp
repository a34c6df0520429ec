#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace signalbox::db {

/// A PostgreSQL bytea in either form of `bytea_output` (its manual, 8.4): `\\x00ff` or `a\\000b`.
/// Nothing when it is none.
[[nodiscard]] std::optional<std::string> read_bytea(std::string_view text);

/// How the form of hexadecimal digits begins.
inline constexpr std::string_view bytea_hex = "\\x";

/// Of its digits. Nothing when they are none, or their number is odd.
[[nodiscard]] std::optional<std::string> read_hex(std::string_view digits);

}  // namespace signalbox::db
