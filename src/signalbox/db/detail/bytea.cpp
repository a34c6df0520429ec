#include "signalbox/db/detail/bytea.hpp"

#include <cstddef>

#include "signalbox/ascii.hpp"

namespace signalbox::db {

namespace {

bool is_octal(char c) {
    return c >= '0' && c <= '7';
}

std::optional<std::string> read_escapes(std::string_view text) {
    std::string bytes;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\') {
            bytes += text[i];
        } else if (i + 1 < text.size() && text[i + 1] == '\\') {
            bytes += text[++i];
        } else if (i + 3 < text.size() && text[i + 1] <= '3' && is_octal(text[i + 1]) &&
                   is_octal(text[i + 2]) && is_octal(text[i + 3])) {
            bytes += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                       (text[i + 3] - '0'));
            i += 3;
        } else {
            return std::nullopt;
        }
    }
    return bytes;
}

}  // namespace

std::optional<std::string> read_hex(std::string_view digits) {
    if (digits.size() % 2 != 0) return std::nullopt;
    std::string bytes;
    bytes.reserve(digits.size() / 2);
    for (std::size_t i = 0; i < digits.size(); i += 2) {
        const int high = hex_value(digits[i]);
        const int low = hex_value(digits[i + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        bytes += static_cast<char>(high * 16 + low);
    }
    return bytes;
}

std::optional<std::string> read_bytea(std::string_view text) {
    if (text.starts_with(bytea_hex)) return read_hex(text.substr(bytea_hex.size()));
    return read_escapes(text);
}

}  // namespace signalbox::db
