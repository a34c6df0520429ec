#include "signalbox/http/wire/chunk.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <system_error>

#include "signalbox/http/wire/head.hpp"

namespace signalbox::http {

namespace {

void skip_white_space(std::string_view& rest) {
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
}

bool skip(std::string_view& rest, char expected) {
    if (rest.empty() || rest.front() != expected) return false;
    rest.remove_prefix(1);
    return true;
}

bool skip_token(std::string_view& rest) {
    const auto end = std::min(rest.find_first_of(" \t;=\""), rest.size());
    const bool sound = is_token(rest.substr(0, end));
    rest.remove_prefix(end);
    return sound;
}

/// Behind its first quotation mark (RFC 9110, section 5.6.4). The characters are those of a field's
/// value, as the whole line is.
bool skip_quoted(std::string_view& rest) {
    while (true) {
        const auto end = rest.find_first_of("\"\\");
        if (end == std::string_view::npos) return false;
        const bool escape = rest[end] == '\\';
        if (rest.size() - end < (escape ? 2U : 1U)) return false;
        rest.remove_prefix(end + (escape ? 2 : 1));
        if (!escape) return true;
    }
}

/// `*( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )`
bool are_extensions(std::string_view rest) {
    while (!rest.empty()) {
        skip_white_space(rest);
        if (!skip(rest, ';')) return false;
        skip_white_space(rest);
        if (!skip_token(rest)) return false;
        // White space may stand before the next extension or a value, not before the end.
        std::string_view behind = rest;
        skip_white_space(behind);
        if (!skip(behind, '=')) continue;
        rest = behind;
        skip_white_space(rest);
        if (skip(rest, '"') ? !skip_quoted(rest) : !skip_token(rest)) return false;
    }
    return true;
}

}  // namespace

std::optional<ChunkLine> parse_chunk_line(std::string_view line) {
    ChunkLine result;
    const auto [end, error] =
        std::from_chars(line.data(), line.data() + line.size(), result.size, 16);
    if (error == std::errc::result_out_of_range) {
        result.size = std::numeric_limits<std::uint64_t>::max();
    } else if (error != std::errc{}) {
        return std::nullopt;
    }
    const std::string_view extensions = line.substr(static_cast<std::size_t>(end - line.data()));
    result.extensions = extensions.size();
    if (extensions.empty()) return result;
    if (!is_field_value(extensions) || !are_extensions(extensions)) return std::nullopt;
    return result;
}

void append_chunk_line(std::string& bytes, std::size_t size) {
    constexpr int hexadecimal = 16;
    char digits[2 * sizeof size];
    const auto end = std::to_chars(digits, digits + sizeof digits, size, hexadecimal).ptr;
    bytes.append(digits, end).append(chunk_end);
}

}  // namespace signalbox::http
