#include "reference/multipart.hpp"

#include <algorithm>
#include <cctype>
#include <map>

namespace signalbox::fuzz {

namespace {

constexpr auto none = std::string_view::npos;

bool is_token(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        const bool alphanumeric = byte < 0x80 && std::isalnum(byte) != 0;
        return alphanumeric || std::string_view("!#$%&'*+-.^_`|~").find(c) != none;
    });
}

bool is_content(std::string_view text) {
    return std::ranges::all_of(text, [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte >= 0x20 || c == '\t') && byte != 0x7f;
    });
}

std::string trim(std::string text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
        text.erase(text.begin());
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
        text.pop_back();
    return text;
}

std::string lower(std::string text) {
    for (char& c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    return text;
}

/// Escapes that are none stay.
std::string percent_decoded(std::string_view text) {
    const auto digit = [](char c) {
        return c >= '0' && c <= '9'   ? c - '0'
               : c >= 'a' && c <= 'f' ? c - 'a' + 10
               : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                      : -1;
    };
    std::string result;
    while (!text.empty()) {
        if (text.size() > 2 && text[0] == '%' && digit(text[1]) >= 0 && digit(text[2]) >= 0) {
            result += static_cast<char>(digit(text[1]) * 16 + digit(text[2]));
            text.remove_prefix(3);
        } else {
            result += text[0];
            text.remove_prefix(1);
        }
    }
    return result;
}

/// What a quoted text means: a marked backslash first, so that no escape is read twice.
std::string unquote(std::string text) {
    if (text.size() < 2 || text.front() != '"' || text.back() != '"') return text;
    std::string result;
    for (std::string_view rest = std::string_view(text).substr(1, text.size() - 2);
         !rest.empty();) {
        const bool escape = rest.starts_with("\\\\") || rest.starts_with("\\\"");
        result += escape ? rest[1] : rest[0];
        rest.remove_prefix(escape ? 2 : 1);
    }
    return result;
}

/// The last value of each name; extended ones count more.
std::map<std::string, std::string> parameters_of(std::string_view value) {
    std::vector<std::string> pieces{""};
    bool quoted = false;
    char before = 0;
    for (const char c : value) {
        if (c == ';' && !quoted) {
            pieces.emplace_back();
        } else {
            if (c == '"' && before != '\\') quoted = !quoted;
            pieces.back() += c;
        }
        before = c == ';' && !quoted ? char{0} : c;
    }
    std::map<std::string, std::string> plain, extended;
    for (std::size_t i = 1; i < pieces.size(); ++i) {
        const auto equals = pieces[i].find('=');
        if (equals == none) continue;
        std::string name = lower(trim(pieces[i].substr(0, equals)));
        std::string text = unquote(trim(pieces[i].substr(equals + 1)));
        if (!name.ends_with('*')) {
            plain[name] = text;
            continue;
        }
        name.pop_back();
        const auto first = text.find('\'');
        const auto second = first == none ? none : text.find('\'', first + 1);
        extended[name] = percent_decoded(second == none ? text : text.substr(second + 1));
    }
    for (const auto& [name, text] : extended)
        plain[name] = text;
    return plain;
}

std::optional<MultipartPart> read_head(std::string_view head) {
    std::map<std::string, std::string> parameters;
    while (!head.empty()) {
        const auto end = head.find("\r\n");
        const std::string line(head.substr(0, end));
        head.remove_prefix(end + 2);
        const auto colon = line.find(':');
        if (colon == std::string::npos || !is_token(line.substr(0, colon)) || !is_content(line))
            return std::nullopt;
        if (lower(line.substr(0, colon)) == "content-disposition")
            parameters = parameters_of(trim(line.substr(colon + 1)));
    }
    if (!parameters.contains("name")) return std::nullopt;
    MultipartPart part{.name = parameters["name"], .filename = {}, .content = {}};
    if (part.name.find('\0') != std::string::npos) return std::nullopt;
    if (parameters.contains("filename")) {
        std::string name = parameters["filename"];
        if (name.starts_with("\\\\") || (name.size() > 2 && name[1] == ':' && name[2] == '\\'))
            name.erase(0, name.rfind('\\') + 1);
        if (name.find('\0') != std::string::npos) return std::nullopt;
        part.filename = name;
    }
    return part;
}

}  // namespace

std::optional<std::vector<MultipartPart>> reference_multipart(std::string_view body,
                                                              std::string_view boundary) {
    std::vector<MultipartPart> parts;
    if (body.empty()) return parts;
    const std::string delimiter = "\r\n--" + std::string(boundary);
    // As if a line had ended in front of it.
    const std::string all =
        body.starts_with("\r\n") ? std::string(body) : "\r\n" + std::string(body);
    std::string_view rest = all;
    if (!rest.starts_with(delimiter)) return std::nullopt;
    rest.remove_prefix(delimiter.size());
    while (!rest.starts_with("--")) {
        if (!rest.starts_with("\r\n")) return std::nullopt;
        const auto head_end = rest.find("\r\n\r\n");
        if (head_end == none) return std::nullopt;
        auto part = read_head(rest.substr(2, head_end));
        if (!part) return std::nullopt;
        rest.remove_prefix(head_end + 4);
        auto end = rest.find(delimiter);
        while (end != none && !rest.substr(end + delimiter.size()).starts_with("\r\n") &&
               !rest.substr(end + delimiter.size()).starts_with("--")) {
            end = rest.find(delimiter, end + 1);
        }
        if (end == none) return std::nullopt;
        part->content = rest.substr(0, end);
        parts.push_back(std::move(*part));
        rest.remove_prefix(end + delimiter.size());
    }
    return parts;
}

}  // namespace signalbox::fuzz
