#include "signalbox/http/cookies.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <stdexcept>

#include "signalbox/ascii.hpp"
#include "signalbox/http/wire/date.hpp"
#include "signalbox/http/wire/head.hpp"

namespace signalbox::http {

namespace {

bool is_octal(char c, char highest) {
    return c >= '0' && c <= highest;
}

/// What the backslash at the beginning and that which follows stand for, and how long it is.
std::pair<char, std::size_t> unescape(std::string_view text) {
    if (text.size() >= 4 && is_octal(text[1], '3') && is_octal(text[2], '7') &&
        is_octal(text[3], '7')) {
        return {static_cast<char>((text[1] - '0') * 64 + (text[2] - '0') * 8 + (text[3] - '0')), 4};
    }
    if (text.size() >= 2) return {text[1], 2};
    return {text[0], 1};
}

bool is_control(char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

/// Python's `_LegalChars`: those of a token, and the colon.
bool stands_as_it_is(char c) {
    return c == ':' || is_token({&c, 1});
}

bool is_attribute(std::string_view name) {
    static constexpr std::array<std::string_view, 9> attributes{"comment",  "domain",  "expires",
                                                                "httponly", "max-age", "path",
                                                                "samesite", "secure",  "version"};
    return std::any_of(attributes.begin(), attributes.end(), [name](std::string_view attribute) {
        return is_named({name, {}}, attribute);
    });
}

void append_quoted(std::string& text, std::string_view value) {
    if (!value.empty() && std::all_of(value.begin(), value.end(), stands_as_it_is)) {
        text += value;
        return;
    }
    text += '"';
    for (const char c : value) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            text += '\\';
            text += c;
        } else if (stands_as_it_is(c) ||
                   std::string_view(" ()/<=>?@[]{}").find(c) != std::string_view::npos) {
            text += c;
        } else {
            text += '\\';
            text += static_cast<char>('0' + byte / 64);
            text += static_cast<char>('0' + byte / 8 % 8);
            text += static_cast<char>('0' + byte % 8);
        }
    }
    text += '"';
}

void append_attribute(std::string& text, std::string_view name, std::string_view value) {
    const bool possible = std::all_of(value.begin(), value.end(), [](char c) {
        return !is_control(c) && c != ';' && static_cast<unsigned char>(c) < 0x80;
    });
    if (!possible) {
        throw std::invalid_argument("a cookie cannot have this " + std::string(name));
    }
    text.append("; ").append(name).append("=").append(value);
}

std::string_view to_string(SameSite samesite) {
    switch (samesite) {
        case SameSite::lax:
            return "lax";
        case SameSite::strict:
            return "strict";
        case SameSite::none:
            return "none";
    }
    throw std::invalid_argument("a cookie cannot have this SameSite");
}

}  // namespace

bool CookieReader::next() {
    while (true) {
        while (rest_.empty()) {
            if (next_header_ == request_.headers.size()) return false;
            const Header& header = request_.headers[next_header_++];
            if (is_named(header, "cookie")) rest_ = header.value;
        }
        const std::string_view pair = rest_.substr(0, rest_.find(';'));
        rest_.remove_prefix(std::min(pair.size() + 1, rest_.size()));
        const std::size_t equals = pair.find('=');
        const bool named = equals != std::string_view::npos;
        name_ = named ? trim(pair.substr(0, equals)) : std::string_view();
        quoted_value_ = trim(named ? pair.substr(equals + 1) : pair);
        if (!name_.empty() || !quoted_value_.empty()) return true;
    }
}

std::string_view CookieReader::value() {
    std::string_view text = quoted_value_;
    if (text.size() < 2 || text.front() != '"' || text.back() != '"') return text;
    text = text.substr(1, text.size() - 2);
    if (text.find('\\') == std::string_view::npos) return text;
    unquoted_value_.clear();
    while (!text.empty()) {
        const std::string_view plain = text.substr(0, text.find('\\'));
        unquoted_value_ += plain;
        text.remove_prefix(plain.size());
        if (text.empty()) break;
        const auto [character, size] = unescape(text);
        unquoted_value_ += character;
        text.remove_prefix(size);
    }
    return unquoted_value_;
}

std::string set_cookie(std::string_view name, std::string_view value,
                       const CookieOptions& options) {
    if (name.empty() || !std::all_of(name.begin(), name.end(), stands_as_it_is) ||
        is_attribute(name)) {
        throw std::invalid_argument("not a cookie's name: \"" + std::string(name) + '"');
    }
    if (std::any_of(value.begin(), value.end(), is_control)) {  // it may be a secret: not quoted
        throw std::invalid_argument("a control character in the value of the cookie " +
                                    std::string(name));
    }
    std::string text(name);
    text += '=';
    append_quoted(text, value);
    // In the order of Python's http.cookies.
    if (!options.domain.empty()) append_attribute(text, "Domain", options.domain);
    if (options.expires) {
        const auto date = http_date(std::chrono::floor<std::chrono::seconds>(*options.expires));
        if (!date) throw std::invalid_argument("a cookie cannot expire on this date");
        append_attribute(text, "expires", {date->data(), date->size()});
    }
    if (options.httponly) text += "; HttpOnly";
    if (options.max_age)
        append_attribute(text, "Max-Age", std::to_string(options.max_age->count()));
    if (!options.path.empty()) append_attribute(text, "Path", options.path);
    if (options.samesite) append_attribute(text, "SameSite", to_string(*options.samesite));
    if (options.secure) text += "; Secure";
    return text;
}

}  // namespace signalbox::http
