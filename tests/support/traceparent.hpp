#pragma once

#include <cctype>
#include <string>
#include <string_view>

namespace signalbox::test {

/// W3C Trace Context, section 3.2, written from the specification and not from the code: every
/// place of the header has a kind of character, two identifiers must not be zero, version `ff` is
/// none, and only later versions than `00` may go on, with a dash.
inline bool is_traceparent(std::string_view text) {
    static const std::string pattern = "hh-hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh-hhhhhhhhhhhhhhhh-hh";
    if (text.size() < pattern.size()) return false;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        const bool lower_hex = std::isdigit(c) != 0 || (std::isxdigit(c) != 0 && c >= 'a');
        if (pattern[i] == 'h' ? !lower_hex : c != '-') return false;
    }
    if (text.substr(3, 32) == std::string(32, '0')) return false;
    if (text.substr(36, 16) == std::string(16, '0')) return false;
    if (text.substr(0, 2) == "ff") return false;
    if (text.size() == pattern.size()) return true;
    return text.substr(0, 2) != "00" && text[pattern.size()] == '-';
}

}  // namespace signalbox::test
