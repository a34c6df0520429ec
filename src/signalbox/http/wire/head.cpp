#include "signalbox/http/wire/head.hpp"

#include <arpa/inet.h>
#include <strings.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string>

#include "signalbox/ascii.hpp"
#include "signalbox/http/wire/uri.hpp"

namespace signalbox::http {

namespace {

constexpr Malformed accepted{};

constexpr Malformed bad(std::string_view reason) {
    return {400, reason};
}

enum CharacterClass : unsigned char { token = 1, field_value = 2, target = 4, host = 8 };

constexpr std::array<unsigned char, 256> character_classes = [] {
    std::array<unsigned char, 256> classes{};
    const auto add = [&classes](std::string_view characters, CharacterClass which) {
        for (const char c : characters)
            classes[static_cast<unsigned char>(c)] |= which;
    };
    for (int c = 0; c < 256; ++c) {
        if (is_alphanumeric(static_cast<char>(c))) classes[c] |= token | host;
        if (c == '\t' || (c >= ' ' && c != 0x7f)) classes[c] |= field_value;
        // Wider than RFC 3986: browsers send `[`, `|` or `"` unescaped. A fragment never travels.
        if (c > ' ' && c < 0x7f && c != '#') classes[c] |= target;
    }
    add("!#$%&'*+-.^_`|~", token);
    add("-._~!$&'()*+,;=%", host);
    return classes;
}();

bool is(char c, CharacterClass which) {
    return (character_classes[static_cast<unsigned char>(c)] & which) != 0;
}

bool all_are(std::string_view text, CharacterClass which) {
    return std::all_of(text.begin(), text.end(), [which](char c) { return is(c, which); });
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
    return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

/// Takes the next element that is not empty off a comma separated list.
std::optional<std::string_view> next_element(std::string_view& list) {
    while (!list.empty()) {
        const std::string_view element = list.substr(0, list.find(','));
        list.remove_prefix(std::min(element.size() + 1, list.size()));
        if (const std::string_view trimmed = trim(element); !trimmed.empty()) return trimmed;
    }
    return std::nullopt;
}

/// A registered name or an IPv4 address, which is one as well.
bool is_name(std::string_view text) {
    return all_are(text, host) &&
           (text.find('%') == std::string_view::npos || percent_decode(text));
}

/// What stands between brackets: an IPv6 address, perhaps with a zone (RFC 6874).
bool is_ipv6_address(std::string_view text) {
    constexpr std::string_view zone_separator = "%25";
    const std::size_t zone = std::min(text.find(zone_separator), text.size());
    if (zone < text.size()) {
        const std::string_view name = text.substr(zone + zone_separator.size());
        if (name.empty() || !is_name(name)) return false;
    }
    in6_addr address{};
    return ::inet_pton(AF_INET6, std::string(text.substr(0, zone)).c_str(), &address) == 1;
}

/// RFC 9112, section 3.2, with the port of RFC 3986, section 3.2.3.
bool is_host(std::string_view value) {
    std::string_view port;
    if (!value.empty() && value.front() == '[') {
        const std::size_t end = value.find(']');
        if (end == std::string_view::npos) return false;
        if (!is_ipv6_address(value.substr(1, end - 1))) return false;
        port = value.substr(end + 1);
    } else {
        const std::size_t colon = std::min(value.find(':'), value.size());
        if (!is_name(value.substr(0, colon))) return false;
        if (colon == 0 && !value.empty()) return false;
        port = value.substr(colon);
    }
    if (port.empty()) return true;
    port.remove_prefix(1);
    return value[value.size() - port.size() - 1] == ':' && port.size() <= 5 && is_all_digits(port);
}

Malformed check_version(std::string_view version, Request& request) {
    if (version.size() != 8 || version.substr(0, 5) != "HTTP/" || !is_digit(version[5]) ||
        version[6] != '.' || !is_digit(version[7])) {
        return bad("request_line");
    }
    if (version[5] != '1') return {505, "version"};
    request.version_minor = version[7] - '0';
    request.keep_alive = request.version_minor >= 1;
    return accepted;
}

/// What may stand in a target; in its query, bytes beyond ASCII as well, which browsers escape but
/// people at a command line do not. Decoded, they are the same bytes.
bool has_target_characters(std::string_view text) {
    const auto wrong =
        std::find_if_not(text.begin(), text.end(), [](char c) { return is(c, target); });
    if (wrong == text.end()) return true;
    const auto query = std::find(text.begin(), wrong, '?');
    return query != wrong && std::all_of(wrong, text.end(), [](char c) {
               return is(c, target) || static_cast<unsigned char>(c) >= 0x80;
           });
}

/// RFC 9112, section 3.2: origin-form, absolute-form, asterisk-form for OPTIONS, and authority-form
/// for CONNECT, which asks for a tunnel.
Malformed check_target(std::string_view text, Request& request) {
    if (text.empty() || !has_target_characters(text)) return bad("target");
    if (text.front() != '/') {
        if (request.method_name == "CONNECT" && text.find(':') != std::string_view::npos &&
            is_host(text)) {
            return {501, "connect"};
        }
        // A method that nobody knows is answered for itself, whatever it asks for.
        if (text == "*" && (request.method_name == "OPTIONS" || !request.method_known)) {
            request.raw_path = text;
            request.path.assign(1, '*');
            return accepted;
        }
        const std::size_t scheme_end = text.find("://");
        if (scheme_end == std::string_view::npos ||
            (!equals_ignoring_case(text.substr(0, scheme_end), "http") &&
             !equals_ignoring_case(text.substr(0, scheme_end), "https"))) {
            return bad("target");
        }
        text.remove_prefix(scheme_end + 3);
        const std::size_t authority_end = std::min(text.find_first_of("/?"), text.size());
        const std::string_view authority = text.substr(0, authority_end);
        if (authority.empty() || !is_host(authority)) return bad("target");
        text.remove_prefix(authority_end);
        if (text.empty() || text.front() == '?') {
            request.query = text.empty() ? text : text.substr(1);
            request.raw_path = "/";
            request.path.assign(1, '/');
            return accepted;
        }
    }
    const std::size_t question = text.find('?');
    if (question != std::string_view::npos) request.query = text.substr(question + 1);
    request.raw_path = text.substr(0, question);
    if (request.raw_path.find('%') == std::string_view::npos) {
        request.path = request.raw_path;
        return accepted;
    }
    auto decoded = percent_decode(request.raw_path);
    if (!decoded) return bad("percent_encoding");
    request.path = *std::move(decoded);
    return accepted;
}

Malformed check_request_line(std::string_view line, Request& request) {
    const std::size_t first_space = line.find(' ');
    const std::size_t last_space = line.rfind(' ');
    if (first_space == std::string_view::npos || first_space == last_space) {
        return bad("request_line");
    }
    request.method_name = line.substr(0, first_space);
    if (!is_token(request.method_name)) return bad("method");
    if (const auto method = parse_method(request.method_name)) {
        request.method = *method;
    } else {
        request.method_known = false;
    }
    if (const auto error = check_version(line.substr(last_space + 1), request)) return error;
    return check_target(line.substr(first_space + 1, last_space - first_space - 1), request);
}

struct Seen {
    bool host = false;
    bool content_length = false;
    bool transfer_encoding = false;
    bool close = false;
};

Malformed check_content_length(std::string_view value, Framing& framing, Seen& seen) {
    std::uint64_t length = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), length);
    if (value.empty() || error != std::errc{} || end != value.data() + value.size()) {
        return bad("content_length");
    }
    if (seen.content_length && framing.content_length != length) return bad("content_length");
    seen.content_length = true;
    framing.content_length = length;
    return accepted;
}

/// RFC 9112, section 6.1. The codings may come in several headers, as one list.
Malformed check_transfer_encoding(std::string_view value, Framing& framing, Seen& seen) {
    seen.transfer_encoding = true;
    bool any = false;
    while (const auto coding = next_element(value)) {
        any = true;
        if (framing.chunked) return bad("transfer_encoding");  // twice, or not the last
        if (!equals_ignoring_case(*coding, "chunked")) return {501, "transfer_coding"};
        framing.chunked = true;
    }
    return any ? accepted : bad("transfer_encoding");
}

/// A list (RFC 9110, section 10.1.1), in which proxies may repeat what is there.
Malformed check_expect(std::string_view value, const Request& request, Framing& framing) {
    while (const auto expectation = next_element(value)) {
        if (!equals_ignoring_case(*expectation, "100-continue")) return {417, "expectation"};
        framing.expects_continue = request.version_minor >= 1;
    }
    return accepted;
}

Malformed check_field(const Header& header, Request& request, Framing& framing, Seen& seen) {
    // Most headers mean nothing here; their length and first letter tell them apart cheaply.
    switch (header.name.size()) {
        case 4:
            if (!equals_ignoring_case(header.name, "host")) break;
            if (seen.host || header.value.empty() || !is_host(header.value)) return bad("host");
            seen.host = true;
            break;
        case 6:
            if (!equals_ignoring_case(header.name, "expect")) break;
            return check_expect(header.value, request, framing);
        case 10:
            if (!equals_ignoring_case(header.name, "connection")) break;
            seen.close = seen.close || has_token(header.value, "close");
            request.keep_alive =
                !seen.close && (request.keep_alive || has_token(header.value, "keep-alive"));
            break;
        case 14:
            if (!equals_ignoring_case(header.name, "content-length")) break;
            return check_content_length(header.value, framing, seen);
        case 17:
            if (!equals_ignoring_case(header.name, "transfer-encoding")) break;
            if (request.version_minor == 0) return bad("transfer_encoding");
            return check_transfer_encoding(header.value, framing, seen);
        default:
            break;
    }
    return accepted;
}

}  // namespace

Malformed check_head(Request& request, Framing& framing) {
    std::string_view rest = request.head;
    const auto next_line = [&rest] {
        const std::size_t end = rest.find("\r\n");
        const std::string_view line = rest.substr(0, end);
        rest.remove_prefix(std::min(rest.size(), line.size() + 2));
        return line;
    };
    if (const auto error = check_request_line(next_line(), request)) return error;
    request.headers.reserve(static_cast<std::size_t>(std::count(rest.begin(), rest.end(), '\n')));
    while (!rest.empty()) {
        const auto header = parse_field_line(next_line());
        if (!header) return bad("header");
        request.headers.push_back(*header);
    }
    Seen seen;
    for (const Header& header : request.headers) {
        if (const auto error = check_field(header, request, framing, seen)) return error;
    }
    // A message without a Host is a mistake or an attack from HTTP/1.1 on (RFC 9112, section 3.2).
    if (!seen.host && request.version_minor >= 1) return bad("host");
    if (seen.transfer_encoding && seen.content_length) return bad("framing");
    return accepted;
}

bool has_token(std::string_view list, std::string_view token_name) {
    while (const auto element = next_element(list)) {
        if (equals_ignoring_case(*element, token_name)) return true;
    }
    return false;
}

std::vector<std::string_view> list_elements(std::string_view list) {
    std::vector<std::string_view> elements;
    while (const auto element = next_element(list))
        elements.push_back(*element);
    return elements;
}

bool is_named(const Header& header, std::string_view name) {
    return equals_ignoring_case(header.name, name);
}

std::optional<Header> parse_field_line(std::string_view line) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const Header header{line.substr(0, colon), trim(line.substr(colon + 1))};
    if (!is_token(header.name)) return std::nullopt;
    if (!is_field_value(header.value)) return std::nullopt;
    return header;
}

bool is_token(std::string_view text) {
    return !text.empty() && all_are(text, token);
}

bool is_field_value(std::string_view text) {
    return all_are(text, field_value);
}

}  // namespace signalbox::http
