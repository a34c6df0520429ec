#pragma once

#include <string>
#include <string_view>

namespace signalbox {

// Of ASCII, whatever the locale: a byte of any other character is none of these, and stays as it
// is.

constexpr bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}
constexpr bool is_upper(char c) noexcept {
    return c >= 'A' && c <= 'Z';
}
constexpr bool is_lower(char c) noexcept {
    return c >= 'a' && c <= 'z';
}
constexpr bool is_letter(char c) noexcept {
    return is_upper(c) || is_lower(c);
}
constexpr bool is_alphanumeric(char c) noexcept {
    return is_letter(c) || is_digit(c);
}

/// True of an empty text, too.
constexpr bool is_all_digits(std::string_view text) noexcept {
    // NOLINTNEXTLINE(readability-use-anyofallof): <algorithm> is much to include for it
    for (const char c : text) {
        if (!is_digit(c)) return false;
    }
    return true;
}

constexpr char to_lower(char c) noexcept {
    return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
}
constexpr char to_upper(char c) noexcept {
    return is_lower(c) ? static_cast<char>(c - 'a' + 'A') : c;
}

inline std::string to_lower(std::string_view text) {
    std::string lower(text);
    for (char& c : lower)
        c = to_lower(c);
    return lower;
}

/// What a hexadecimal digit of either case stands for; -1 for all else.
constexpr int hex_value(char c) noexcept {
    if (is_digit(c)) return c - '0';
    const char lower = to_lower(c);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// Without the spaces and tabs at both ends (RFC 9110, section 5.6.3).
constexpr std::string_view trim(std::string_view text) noexcept {
    const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
    while (!text.empty() && is_blank(text.front()))
        text.remove_prefix(1);
    while (!text.empty() && is_blank(text.back()))
        text.remove_suffix(1);
    return text;
}
/// Without what is one of `blanks` at both ends.
constexpr std::string_view trim(std::string_view text, std::string_view blanks) noexcept {
    const auto first = text.find_first_not_of(blanks);
    if (first == text.npos) return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

}  // namespace signalbox
