#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace signalbox::http {

/// Decodes `%41` to `A` (RFC 3986, section 2.1). Nothing when an escape is cut short, not
/// hexadecimal, or stands for NUL, which no path of ours contains and C strings would stop at.
std::optional<std::string> percent_decode(std::string_view text);

/// Encodes all but the unreserved characters (RFC 3986, section 2.3) and those of `safe`, as
/// Python's `quote` does.
std::string percent_encode(std::string_view text, std::string_view safe);

constexpr std::size_t escape_size = 3;

/// The byte that the escape at the beginning of `text` stands for; nothing when none is there.
std::optional<char> escaped_byte(std::string_view text);

}  // namespace signalbox::http
