#include "signalbox/model/scalars.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <stdexcept>

#include "signalbox/ascii.hpp"
#include "signalbox/model/base64.hpp"
#include "signalbox/utf8.hpp"

namespace signalbox::model {

namespace {

/// As Python's str(Decimal) writes it: without an exponent where that is readable.
std::string decimal_text(bool negative, std::string digits, long exponent) {
    if (digits.empty()) digits.assign(1, '0');
    const long size = static_cast<long>(digits.size());
    const long left = exponent + size;  // digits before the point
    const bool plain = exponent <= 0 && left > -6;
    const long point = plain ? left : 1;
    std::string text(negative ? 1 : 0, '-');
    if (point <= 0) {
        text.append("0.").append(static_cast<std::size_t>(-point), '0').append(digits);
    } else {
        text += digits.substr(0, static_cast<std::size_t>(point));
        if (point < size) text.append(".").append(digits, static_cast<std::size_t>(point));
    }
    if (left != point) text += fmt::format("E{:+}", left - point);
    return text;
}

}  // namespace

std::optional<DecimalParts> decimal_parts(std::string_view text) {
    DecimalParts parts;
    if (text.starts_with('-') || text.starts_with('+')) {
        parts.negative = text.front() == '-';
        text.remove_prefix(1);
    }
    bool any = false;
    bool point = false;
    std::size_t i = 0;
    for (; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '.' && !point) {
            point = true;
        } else if (is_digit(c)) {
            any = true;
            if (point) --parts.exponent;
            if (c != '0' || !parts.digits.empty()) parts.digits += c;
        } else {
            break;
        }
    }
    if (!any) return std::nullopt;
    if (i < text.size()) {
        if (text[i] != 'e' && text[i] != 'E') return std::nullopt;
        std::string_view exponent = text.substr(i + 1);
        if (exponent.starts_with('+') && !exponent.starts_with("+-")) exponent.remove_prefix(1);
        long number = 0;
        const auto [end, error] =
            std::from_chars(exponent.data(), exponent.data() + exponent.size(), number);
        if (exponent.empty() || error != std::errc{} || end != exponent.data() + exponent.size() ||
            std::abs(number) > largest_decimal_exponent) {
            return std::nullopt;
        }
        parts.exponent += number;
    }
    return parts;
}

Decimal::Decimal(std::string_view text) {
    auto parts = decimal_parts(text);
    if (!parts) throw std::invalid_argument("no decimal number: '" + std::string(text) + "'");
    text_ = decimal_text(parts->negative, std::move(parts->digits), parts->exponent);
}

std::string Uuid::text() const {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    text.reserve(36);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
        text += digits[bytes[i] >> 4];
        text += digits[bytes[i] & 15];
    }
    return text;
}

Read<Uuid> read_uuid(std::string_view text) {
    // The words of the uuid crate, which pydantic reads them with.
    const std::string_view all = text;
    if (text.size() >= 2 && text.starts_with('{') && text.ends_with('}')) {
        text = text.substr(1, text.size() - 2);
    } else if (text.starts_with("urn:uuid:")) {
        text.remove_prefix(9);
    }
    const auto offset = static_cast<std::size_t>(text.data() - all.data());
    Uuid uuid;
    std::size_t digits = 0;
    std::size_t group = 0, group_size = 0;
    constexpr std::array<std::size_t, 5> sizes{8, 4, 4, 4, 12};
    std::size_t dashes = 0;
    for (const char c : text)
        dashes += c == '-' ? 1 : 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (hex_value(c) < 0 && c != '-') {
            std::size_t end = i + 1;
            while (end < text.size() && is_continuation(text[end]))
                ++end;
            return {.value = std::nullopt,
                    .fault = fmt::format(
                        "invalid character: expected an optional prefix of `urn:uuid:` followed by "
                        "[0-9a-fA-F-], found `{}` at {}",
                        text.substr(i, end - i), offset + i + 1)};
        }
    }
    // Within braces or behind the prefix it has dashes.
    if (dashes == 0 && text.size() == all.size()) {
        if (text.size() != 32) {
            return {
                .value = std::nullopt,
                .fault = fmt::format(
                    "invalid length: expected length 32 for simple format, found {}", text.size())};
        }
    } else if (dashes != 4) {
        return {.value = std::nullopt,
                .fault = fmt::format("invalid group count: expected 5, found {}", dashes + 1)};
    }
    for (const char c : text) {
        if (c == '-') {
            if (group_size != sizes[group]) break;
            ++group;
            group_size = 0;
            continue;
        }
        const int value = is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10;
        if (digits < 32) {
            uuid.bytes[digits / 2] = static_cast<std::uint8_t>(
                digits % 2 == 0 ? value << 4 : uuid.bytes[digits / 2] | value);
        }
        ++digits;
        ++group_size;
    }
    if (dashes != 0 && (group != 4 || group_size != sizes[4])) {
        const std::size_t wrong = std::min<std::size_t>(group, 4);
        return {.value = std::nullopt,
                .fault = fmt::format("invalid group length in group {}: expected {}, found {}",
                                     wrong, sizes[wrong], group_size)};
    }
    return {.value = uuid};
}

Read<Bytes> read_bytes(std::string_view base64) {
    if (auto bytes = decode_base64(base64)) return {.value = Bytes{*std::move(bytes)}};
    // Python's words.
    const bool padding = base64.size() % 4 != 0;
    return {.value = std::nullopt,
            .fault = padding ? "Incorrect padding" : "Only base64 data is allowed"};
}

}  // namespace signalbox::model
