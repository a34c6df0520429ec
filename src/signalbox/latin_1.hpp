#pragma once

#include <string>
#include <string_view>

namespace signalbox {

/// The text that these bytes are, a character each (ISO 8859-1), in UTF-8.
inline std::string from_latin_1(std::string_view bytes) {
    std::string utf8;
    for (const char c : bytes) {
        const auto code = static_cast<unsigned char>(c);
        if (code < 0x80) {
            utf8 += c;
        } else {
            utf8 += static_cast<char>(0xC0U | code >> 6U);
            utf8 += static_cast<char>(0x80U | (code & 0x3FU));
        }
    }
    return utf8;
}

}  // namespace signalbox
