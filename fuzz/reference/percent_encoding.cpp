#include "reference/percent_encoding.hpp"

#include "reference/utf8.hpp"

namespace signalbox::fuzz {

namespace {

constexpr std::string_view lower_digits = "0123456789abcdef";
constexpr std::string_view upper_digits = "0123456789ABCDEF";

std::optional<unsigned> digit(char c) {
    auto at = lower_digits.find(c);
    if (at == std::string_view::npos) at = upper_digits.find(c);
    if (at == std::string_view::npos) return std::nullopt;
    return static_cast<unsigned>(at);
}

bool is_unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

/// The URL standard, section 1.3: percent-decode, of bytes that had their plus signs replaced.
std::string decode_form(std::string_view text) {
    std::string bytes;
    while (!text.empty()) {
        const auto high = text.size() > 2 ? digit(text[1]) : std::nullopt;
        const auto low = text.size() > 2 ? digit(text[2]) : std::nullopt;
        const bool escape = text.front() == '%' && high && low;
        bytes.push_back(escape                ? static_cast<char>((*high << 4U) + *low)
                        : text.front() == '+' ? ' '
                                              : text.front());
        text.remove_prefix(escape ? 3 : 1);
    }
    return reference_utf8(bytes);
}

}  // namespace

std::optional<std::string> reference_percent_decode(std::string_view text) {
    std::string decoded;
    while (!text.empty()) {
        if (text.front() != '%') {
            decoded.push_back(text.front());
            text.remove_prefix(1);
            continue;
        }
        if (text.size() < 3) return std::nullopt;
        const auto high = digit(text[1]);
        const auto low = digit(text[2]);
        if (!high || !low || *high + *low == 0) return std::nullopt;
        decoded.push_back(static_cast<char>((*high << 4U) + *low));
        text.remove_prefix(3);
    }
    return decoded;
}

std::string reference_percent_encode(std::string_view text) {
    std::string encoded;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (is_unreserved(c)) {
            encoded.push_back(c);
        } else {
            const auto& digits = byte % 2 == 0 ? lower_digits : upper_digits;
            encoded.push_back('%');
            encoded.push_back(digits[byte >> 4U]);
            encoded.push_back(digits[byte & 15U]);
        }
    }
    return encoded;
}

std::vector<Pair> reference_pairs(std::string_view query) {
    std::vector<std::string_view> parts{std::string_view{}};
    for (std::size_t i = 0; i < query.size(); ++i) {
        if (query[i] == '&') {
            parts.push_back(query.substr(i + 1, 0));
        } else {
            parts.back() = {query.data() + i - parts.back().size(), parts.back().size() + 1};
        }
    }
    std::vector<Pair> pairs;
    for (const std::string_view part : parts) {
        if (part.empty()) continue;
        const auto equals = part.find('=');
        const bool has_value = equals != std::string_view::npos;
        pairs.emplace_back(decode_form(part.substr(0, equals)),
                           has_value ? decode_form(part.substr(equals + 1)) : std::string());
    }
    return pairs;
}

}  // namespace signalbox::fuzz
