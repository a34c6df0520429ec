#include "reference/utf8.hpp"

#include <cstddef>
#include <cstdint>

namespace signalbox::fuzz {

namespace {

void append_code_point(std::string& output, std::uint32_t code_point) {
    const auto append = [&output](std::uint32_t byte) { output += static_cast<char>(byte); };
    if (code_point < 0x80) {
        append(code_point);
        return;
    }
    if (code_point < 0x800) {
        append(0xC0U | (code_point >> 6U));
    } else {
        if (code_point < 0x10000) {
            append(0xE0U | (code_point >> 12U));
        } else {
            append(0xF0U | (code_point >> 18U));
            append(0x80U | ((code_point >> 12U) & 0x3FU));
        }
        append(0x80U | ((code_point >> 6U) & 0x3FU));
    }
    append(0x80U | (code_point & 0x3FU));
}

}  // namespace

std::string reference_utf8(std::string_view text) {
    constexpr std::uint32_t replacement = 0xFFFD;
    std::string output;
    std::uint32_t code_point = 0;
    int bytes_seen = 0, bytes_needed = 0;
    unsigned lower = 0x80, upper = 0xBF;
    const auto reset = [&] {
        code_point = 0;
        bytes_seen = bytes_needed = 0;
        lower = 0x80;
        upper = 0xBF;
    };
    for (std::size_t i = 0; i < text.size(); ++i) {
        const unsigned byte = static_cast<unsigned char>(text[i]);
        if (bytes_needed == 0) {
            if (byte <= 0x7F) {
                append_code_point(output, byte);
            } else if (byte >= 0xC2 && byte <= 0xDF) {
                bytes_needed = 1;
                code_point = byte & 0x1FU;
            } else if (byte >= 0xE0 && byte <= 0xEF) {
                if (byte == 0xE0) lower = 0xA0;
                if (byte == 0xED) upper = 0x9F;
                bytes_needed = 2;
                code_point = byte & 0xFU;
            } else if (byte >= 0xF0 && byte <= 0xF4) {
                if (byte == 0xF0) lower = 0x90;
                if (byte == 0xF4) upper = 0x8F;
                bytes_needed = 3;
                code_point = byte & 0x7U;
            } else {
                append_code_point(output, replacement);
            }
            continue;
        }
        if (byte < lower || byte > upper) {
            reset();
            append_code_point(output, replacement);
            --i;  // the byte is read again: it may begin something
            continue;
        }
        lower = 0x80;
        upper = 0xBF;
        code_point = (code_point << 6U) | (byte & 0x3FU);
        if (++bytes_seen == bytes_needed) {
            append_code_point(output, code_point);
            reset();
        }
    }
    if (bytes_needed != 0) append_code_point(output, replacement);
    return output;
}

}  // namespace signalbox::fuzz
