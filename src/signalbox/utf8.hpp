#pragma once

#include <cstddef>
#include <string_view>

namespace signalbox {

/// Whether the byte is not the first of its character (RFC 3629, section 3).
constexpr bool is_continuation(char c) noexcept {
    return (static_cast<unsigned char>(c) & 0xC0U) == 0x80;
}

/// The code points of a text that is UTF-8.
constexpr std::size_t count_characters(std::string_view utf8) noexcept {
    std::size_t count = 0;
    for (const char c : utf8)
        count += is_continuation(c) ? 0 : 1;
    return count;
}

}  // namespace signalbox
