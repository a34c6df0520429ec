#pragma once

namespace signalbox {

/// Of a letter of ASCII, whatever the locale; all else stays as it is.
constexpr char to_lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace signalbox
