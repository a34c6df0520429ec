#include "signalbox/observe/log_text.hpp"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <iterator>

#include "signalbox/fast/json_string.hpp"

namespace signalbox::observe {

namespace {

/// In valid UTF-8. Unicode calls the second set letters and symbols, but they are seen as a space
/// or not at all: fillers of Hangul, Khmer's inherent vowels, Braille without a dot, blanks of
/// hieroglyphs, a note without a head, and what stands for an object that is not there.
const RE2& hidden() {
    static const RE2 expression(
        R"(([^ \pL\pN\pP\pS]|[\x{115F}\x{1160}\x{17B4}\x{17B5}\x{2800}\x{3164}\x{FFA0}\x{FFFC}\x{13441}\x{13442}\x{1D159}]))");
    return expression;
}

bool is_printable(char c) {
    return c >= ' ' && c < 0x7f;
}

/// Of one character in valid UTF-8.
unsigned code_point(std::string_view text) {
    const auto first = static_cast<unsigned char>(text.front());
    if (text.size() == 1) return first;
    unsigned code = first & (0x7fU >> text.size());
    for (const char c : text.substr(1))
        code = code << 6U | (static_cast<unsigned char>(c) & 0x3fU);
    return code;
}

void append_escaped(std::string& line, unsigned code) {
    if (code < 0x10000) {
        fmt::format_to(std::back_inserter(line), "\\u{:04x}", code);
        return;
    }
    code -= 0x10000;
    fmt::format_to(std::back_inserter(line), "\\u{:04x}\\u{:04x}", 0xd800 + (code >> 10U),
                   0xdc00 + (code & 0x3ffU));
}

/// At most, whether it is escaped as JSON or for a terminal, or is no UTF-8.
std::size_t written_size(char c) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80) return 3;
    return byte < ' ' || byte == 0x7f || c == '"' || c == '\\' ? 6 : 1;
}

}  // namespace

bool has_hidden(std::string_view text) {
    if (std::all_of(text.begin(), text.end(), is_printable)) return false;
    std::string valid;
    append_utf8(valid, text);
    return RE2::PartialMatch(valid, hidden());
}

void append_quoted(std::string& line, std::string_view text) {
    const std::string quoted = json_string(text);
    if (std::all_of(quoted.begin(), quoted.end(), is_printable)) {
        line += quoted;
        return;
    }
    re2::StringPiece rest(quoted);
    re2::StringPiece found;
    const char* done = quoted.data();
    while (RE2::FindAndConsume(&rest, hidden(), &found)) {
        line.append(done, found.data());
        append_escaped(line, code_point({found.data(), found.size()}));
        done = found.data() + found.size();
    }
    line.append(done, quoted.data() + quoted.size());
}

void append_plain(std::string& line, std::string_view text) {
    const bool clear = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return c > ' ' && c < 0x7f && c != '"' && c != '\\' && c != '=';
    });
    if (clear) {
        line += text;
    } else {
        append_quoted(line, text);
    }
}

std::string_view shortened(std::string_view text, std::size_t limit, std::string& cut,
                           std::size_t left_out) {
    constexpr std::size_t quotes = 2;
    constexpr std::size_t most_for_a_byte = 6;
    constexpr std::size_t mark = 48;  // and the text's size, as JSON or escaped
    if (left_out == 0 && text.size() * most_for_a_byte + quotes <= limit) return text;
    std::size_t size = quotes;
    std::size_t end = 0;
    std::size_t fits = 0;  // with the mark
    for (; end < text.size(); ++end) {
        size += written_size(text[end]);
        if (size + mark <= limit) fits = end + 1;
        if (size > limit) break;
    }
    if (end == text.size() && left_out == 0) return text;
    // Not within a character.
    while (fits > 0 && fits < text.size() &&
           (static_cast<unsigned char>(text[fits]) & 0xc0U) == 0x80)
        --fits;
    cut.assign(text.substr(0, fits));
    fmt::format_to(std::back_inserter(cut), "\xe2\x80\xa6 ({} bytes more)",
                   text.size() - fits + left_out);
    return cut;
}

}  // namespace signalbox::observe
