#include "signalbox/http/wire/uri.hpp"

#include "signalbox/ascii.hpp"

namespace signalbox::http {

namespace {

bool is_unreserved(char c) {
    return is_alphanumeric(c) || std::string_view("-._~").find(c) != std::string_view::npos;
}

}  // namespace

std::optional<char> escaped_byte(std::string_view text) {
    if (text.size() < escape_size || text[0] != '%') return std::nullopt;
    const int high = hex_value(text[1]);
    const int low = hex_value(text[2]);
    if (high < 0 || low < 0) return std::nullopt;
    return static_cast<char>(high * 16 + low);
}

std::optional<std::string> percent_decode(std::string_view text) {
    std::string decoded;
    decoded.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            decoded += text[i];
            continue;
        }
        const auto byte = escaped_byte(text.substr(i));
        if (!byte || *byte == '\0') return std::nullopt;
        decoded += *byte;
        i += escape_size - 1;
    }
    return decoded;
}

std::string percent_encode(std::string_view text, std::string_view safe) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string encoded;
    encoded.reserve(text.size());
    for (const char c : text) {
        if (is_unreserved(c) || safe.find(c) != std::string_view::npos) {
            encoded += c;
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        encoded += '%';
        encoded += digits[byte >> 4U];
        encoded += digits[byte & 15U];
    }
    return encoded;
}

}  // namespace signalbox::http
