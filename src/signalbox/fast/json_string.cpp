#include "signalbox/fast/json_string.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace signalbox {

namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD

constexpr std::uint64_t each_byte(std::uint8_t value) {
    return 0x0101010101010101U * value;
}

// The high bit of a byte is set where it is less than `limit`; right for bytes below 0x80 and for
// `limit` up to 0x80, which is all that is asked here. A borrow can set more bits than it should,
// but never any when no byte is less.
constexpr std::uint64_t less_than(std::uint64_t bytes, std::uint8_t limit) {
    return (bytes - each_byte(limit)) & ~bytes;
}

// Whether eight bytes can stand in a JSON string as they are: ASCII, no control, no " and no '\'.
constexpr bool plain(std::uint64_t bytes) {
    const std::uint64_t special = bytes | less_than(bytes, 0x20) |
                                  less_than(bytes ^ each_byte('"'), 1) |
                                  less_than(bytes ^ each_byte('\\'), 1);
    return (special & each_byte(0x80)) == 0;
}

constexpr bool plain(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte < 0x80 && c != '"' && c != '\\';
}

std::size_t plain_length(std::string_view text) {
    std::size_t length = 0;
    for (std::uint64_t bytes = 0; length + sizeof bytes <= text.size(); length += sizeof bytes) {
        std::memcpy(&bytes, text.data() + length, sizeof bytes);
        if (!plain(bytes)) break;
    }
    if (const std::size_t rest = text.size() - length; rest > 0 && rest < sizeof(std::uint64_t)) {
        std::uint64_t bytes = each_byte(' ');
        std::memcpy(&bytes, text.data() + length, rest);
        if (plain(bytes)) return text.size();
    }
    while (length < text.size() && plain(text[length]))
        ++length;
    return length;
}

struct Sequence {
    std::size_t length;
    bool valid;
};

// The UTF-8 sequence that starts `text` with a byte from 0x80 up (Unicode 15, table 3-7). When it
// is broken, `length` is what one U+FFFD stands for.
Sequence sequence_at(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char lead = byte(0);
    std::size_t length = 0;
    if (lead >= 0xC2 && lead <= 0xDF) length = 2;
    if (lead >= 0xE0 && lead <= 0xEF) length = 3;
    if (lead >= 0xF0 && lead <= 0xF4) length = 4;
    if (length == 0) return {1, false};

    unsigned char lowest = 0x80, highest = 0xBF;  // of the second byte
    if (lead == 0xE0) lowest = 0xA0;              // else an overlong form
    if (lead == 0xED) highest = 0x9F;             // else a surrogate
    if (lead == 0xF0) lowest = 0x90;              // else an overlong form
    if (lead == 0xF4) highest = 0x8F;             // else above U+10FFFF
    for (std::size_t i = 1; i < length; ++i) {
        if (i >= text.size() || byte(i) < lowest || byte(i) > highest) return {i, false};
        lowest = 0x80;
        highest = 0xBF;
    }
    return {length, true};
}

void append_escape(std::string& json, char c) {
    switch (c) {
        case '"':
            json += "\\\"";
            return;
        case '\\':
            json += "\\\\";
            return;
        case '\b':
            json += "\\b";
            return;
        case '\f':
            json += "\\f";
            return;
        case '\n':
            json += "\\n";
            return;
        case '\r':
            json += "\\r";
            return;
        case '\t':
            json += "\\t";
            return;
        default:
            break;
    }
    constexpr std::string_view digits = "0123456789abcdef";
    const auto code = static_cast<unsigned char>(c);
    json += "\\u00";
    json += digits[code >> 4];
    json += digits[code & 15];
}

// Appends the sequence that starts `text` and returns its length there.
std::size_t append_sequence(std::string& output, std::string_view text) {
    const auto [length, valid] = sequence_at(text);
    output += valid ? text.substr(0, length) : replacement;
    return length;
}

}  // namespace

void append_json_string(std::string& json, std::string_view text) {
    json += '"';
    while (true) {
        const std::size_t length = plain_length(text);
        json += text.substr(0, length);
        text.remove_prefix(length);
        if (text.empty()) break;
        if (static_cast<unsigned char>(text.front()) >= 0x80) {
            text.remove_prefix(append_sequence(json, text));
        } else {
            append_escape(json, text.front());
            text.remove_prefix(1);
        }
    }
    json += '"';
}

std::string json_string(std::string_view text) {
    std::string json;
    append_json_string(json, text);
    return json;
}

void append_utf8(std::string& output, std::string_view text) {
    while (!text.empty()) {
        std::size_t ascii = 0;
        while (ascii < text.size() && static_cast<unsigned char>(text[ascii]) < 0x80)
            ++ascii;
        output += text.substr(0, ascii);
        text.remove_prefix(ascii);
        if (!text.empty()) text.remove_prefix(append_sequence(output, text));
    }
}

}  // namespace signalbox
