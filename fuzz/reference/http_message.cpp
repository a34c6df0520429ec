#include "reference/http_message.hpp"

#include <algorithm>
#include <array>
#include <regex>

#include "reference/percent_encoding.hpp"

namespace signalbox::fuzz {

namespace {

using Values = std::vector<std::string>;

constexpr std::string_view digits = "0123456789";
constexpr std::string_view hex_digits = "0123456789abcdefABCDEF";
constexpr std::string_view alphanumeric =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

// A chunk's size line is not longer (our limit).
constexpr std::size_t longest_chunk_line = 256;
// What its chunks cost beyond the data has bounds (ours, too).
constexpr std::size_t most_extensions = 4096;
constexpr std::size_t most_overhead = 16384;
constexpr std::size_t most_overhead_for_a_byte = 8;

bool consists_of(std::string_view text, std::string_view characters) {
    return text.find_first_not_of(characters) == std::string_view::npos;
}

/// RFC 9110, section 5.6.2.
bool is_token(std::string_view text) {
    static const std::string tchar = std::string(alphanumeric) + "!#$%&'*+-.^_`|~";
    return !text.empty() && consists_of(text, tchar);
}

/// RFC 9110, section 5.5: visible characters, space, tab and what is not ASCII.
bool is_field_content(std::string_view text) {
    return std::none_of(text.begin(), text.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte == 0x7f || (byte < 0x20 && byte != 0x09);
    });
}

std::string lower(std::string_view text) {
    std::string result;
    for (const char c : text)
        result += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return result;
}

std::string without_white_space_around(std::string_view text) {
    const std::size_t begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos) return "";
    return std::string(text.substr(begin, text.find_last_not_of(" \t") - begin + 1));
}

/// What stands between the separators, one more than there are separators.
Values split(std::string_view text, std::string_view separator) {
    Values parts;
    for (std::size_t at = 0; (at = text.find(separator)) != std::string_view::npos;) {
        parts.emplace_back(text.substr(0, at));
        text.remove_prefix(at + separator.size());
    }
    parts.emplace_back(text);
    return parts;
}

/// RFC 9110, section 5.6.1, for what never has quoted strings.
Values elements(const Values& values) {
    Values all;
    for (const std::string& value : values) {
        for (const std::string& element : split(value, ",")) {
            const std::string trimmed = lower(without_white_space_around(element));
            if (!trimmed.empty()) all.push_back(trimmed);
        }
    }
    return all;
}

bool has(const Values& values, std::string_view value) {
    return std::find(values.begin(), values.end(), value) != values.end();
}

Values values_of(const HttpMessage& message, std::string_view name) {
    Values values;
    for (const auto& [field, value] : message.fields) {
        if (lower(field) == name) values.push_back(value);
    }
    return values;
}

bool is_ipv4_address(std::string_view text) {
    const Values octets = split(text, ".");
    return octets.size() == 4 && std::all_of(octets.begin(), octets.end(), [](const auto& octet) {
               if (octet.empty() || octet.size() > 3 || !consists_of(octet, digits)) return false;
               return (octet == "0" || octet.front() != '0') && std::stoi(octet) <= 255;
           });
}

/// How many groups of 16 bits these are, or nothing when they are none. None at all are 0.
std::optional<std::size_t> groups_of_ipv6(std::string_view text, bool may_end_with_ipv4) {
    if (text.empty()) return 0;
    const Values groups = split(text, ":");
    std::size_t count = 0;
    for (const std::string& group : groups) {
        const bool last = &group == &groups.back();
        if (last && may_end_with_ipv4 && is_ipv4_address(group)) {
            count += 2;
        } else if (!group.empty() && group.size() <= 4 && consists_of(group, hex_digits)) {
            ++count;
        } else {
            return std::nullopt;
        }
    }
    return count;
}

/// IPv6address of RFC 3986, section 3.2.2.
bool is_ipv6_address(std::string_view text) {
    const std::size_t gap = text.find("::");
    if (gap == std::string_view::npos) return groups_of_ipv6(text, true) == 8;
    const auto before = groups_of_ipv6(text.substr(0, gap), false);
    const auto behind = groups_of_ipv6(text.substr(gap + 2), true);
    return before && behind && *before + *behind <= 7;
}

/// RFC 3986, sections 3.2.2 and 3.2.3, with the zone of RFC 6874. A port has five digits at most
/// (our limit).
bool is_authority(std::string_view text) {
    static const std::string allowed = std::string(alphanumeric) + "-._~!$&'()*+,;=%";
    const std::size_t port_at =
        text.find(':', text.find(']') == std::string_view::npos ? 0 : text.find(']'));
    std::string_view host = text.substr(0, port_at);
    if (port_at != std::string_view::npos) {
        const std::string_view port = text.substr(port_at + 1);
        if (port.size() > 5 || !consists_of(port, digits) || host.empty()) return false;
    }
    if (host.starts_with('[') && host.ends_with(']')) {
        host = host.substr(1, host.size() - 2);
        const std::size_t zone = host.find("%25");
        if (!is_ipv6_address(host.substr(0, zone))) return false;
        if (zone == std::string_view::npos) return true;
        host.remove_prefix(zone + 3);
        if (host.empty()) return false;
    }
    if (!consists_of(host, allowed)) return false;
    return reference_percent_decode(host).has_value();
}

/// RFC 9112, section 3.2.
bool read_target(HttpMessage& message) {
    std::string_view target = message.target;
    for (std::size_t i = 0; i < target.size(); ++i) {
        const auto c = static_cast<unsigned char>(target[i]);
        const bool in_query = target.find('?') < i;
        if (c <= ' ' || c == 0x7f || c == '#' || (c >= 0x80 && !in_query)) return false;
    }
    if (target == "*") {
        message.path.assign(1, '*');
        // A method that nobody knows is refused for itself.
        constexpr std::array others{"GET",   "HEAD",   "POST",  "PUT",
                                    "PATCH", "DELETE", "TRACE", "CONNECT"};
        return std::find(others.begin(), others.end(), message.method) == others.end();
    }
    if (!target.starts_with('/')) {
        const std::string scheme = lower(target.substr(0, target.find("://")));
        if (scheme.size() == target.size() || (scheme != "http" && scheme != "https")) return false;
        target.remove_prefix(scheme.size() + 3);
        const std::string_view authority = target.substr(0, target.find_first_of("/?"));
        if (authority.empty() || !is_authority(authority)) return false;
        target.remove_prefix(authority.size());
    }
    const std::string_view path = target.substr(0, target.find('?'));
    if (path.size() < target.size()) message.query = target.substr(path.size() + 1);
    const auto decoded = reference_percent_decode(path);
    if (!decoded) return false;
    message.path = *decoded;
    if (path.empty()) message.path.assign(1, '/');
    return true;
}

/// RFC 9112, section 3.
bool read_request_line(HttpMessage& message, std::string_view line) {
    const Values parts = split(line, " ");
    if (parts.size() != 3 || !is_token(parts[0]) || parts[1].empty()) return false;
    const std::string& version = parts[2];
    if (version.size() != 8 || !version.starts_with("HTTP/1.")) return false;
    if (!consists_of(version.substr(7), digits)) return false;
    message.method = parts[0];
    message.target = parts[1];
    message.version_minor = version[7] - '0';
    return read_target(message);
}

/// RFC 9112, section 5. Lines of their own, names without white space: nothing is ever folded.
bool read_field_line(HttpMessage& message, std::string_view line) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return false;
    if (!is_field_content(line)) return false;
    message.fields.emplace_back(line.substr(0, colon),
                                without_white_space_around(line.substr(colon + 1)));
    return true;
}

/// A number that is too large for anything is not one.
std::optional<std::size_t> number(std::string_view text, std::string_view alphabet) {
    if (text.empty() || !consists_of(text, alphabet)) return std::nullopt;
    text.remove_prefix(std::min(text.find_first_not_of('0'), text.size()));
    if (text.size() > 12) return std::nullopt;
    const std::size_t base = alphabet.size() == digits.size() ? 10 : 16;
    std::size_t value = 0;
    for (const char c : text) {
        const std::size_t digit = alphabet.find(c);
        value = value * base + (digit < 16 ? digit : digit - 6);
    }
    return value;
}

/// RFC 9112, section 7.1. Gives the size of the coded body.
std::optional<std::size_t> read_chunks(HttpMessage& message, std::string_view stream,
                                       const http::DecoderLimits& limits) {
    std::string_view rest = stream;
    std::size_t extension_size = 0;
    std::size_t overhead = 0;
    const auto take_line = [&rest]() -> std::optional<std::string_view> {
        const std::size_t end = rest.find("\r\n");
        if (end == std::string_view::npos) return std::nullopt;
        const std::string_view line = rest.substr(0, end);
        rest.remove_prefix(end + 2);
        return line;
    };
    while (true) {
        const auto line = take_line();
        if (!line || line->size() > longest_chunk_line || !is_field_content(*line)) {
            return std::nullopt;
        }
        const std::string_view digits_of_size =
            line->substr(0, line->find_first_not_of(hex_digits));
        const auto size = number(digits_of_size, hex_digits);
        if (!size) return std::nullopt;
        const std::string_view extension = line->substr(digits_of_size.size());
        static const std::regex extensions(
            R"(([ \t]*;[ \t]*[-!#$%&'*+.^_`|~0-9A-Za-z]+)"
            R"(([ \t]*=[ \t]*([-!#$%&'*+.^_`|~0-9A-Za-z]+|"([^"\\]|\\[^])*"))?)*)");
        if (!std::regex_match(extension.begin(), extension.end(), extensions)) return std::nullopt;
        extension_size += extension.size();
        overhead += line->size() + 4;
        if (extension_size > most_extensions ||
            overhead > most_overhead + most_overhead_for_a_byte * (message.body.size() + *size)) {
            return std::nullopt;
        }
        if (*size == 0) break;
        if (rest.size() < *size + 2 || rest.substr(*size, 2) != "\r\n") return std::nullopt;
        message.body += rest.substr(0, *size);
        if (message.body.size() > limits.body) return std::nullopt;
        rest.remove_prefix(*size + 2);
    }
    const std::size_t trailers_at = stream.size() - rest.size();
    HttpMessage trailers;
    while (true) {
        const auto line = take_line();
        if (!line) return std::nullopt;
        const std::size_t used = stream.size() - rest.size();
        if (line->empty()) {
            if (used - 2 - trailers_at > limits.head) return std::nullopt;
            return used;
        }
        if (!read_field_line(trailers, *line)) return std::nullopt;
    }
}

/// RFC 9112, section 3.2: one, and none only before HTTP/1.1.
bool check_host(const HttpMessage& message) {
    const Values hosts = values_of(message, "host");
    if (hosts.empty()) return message.version_minor == 0;
    return hosts.size() == 1 && !hosts.front().empty() && is_authority(hosts.front());
}

/// RFC 9110, section 10.1.1.
bool check_expectations(HttpMessage& message) {
    const Values expectations = elements(values_of(message, "expect"));
    for (const std::string& expectation : expectations) {
        if (lower(expectation) != "100-continue") return false;
    }
    message.asks_to_continue = !expectations.empty() && message.version_minor >= 1;
    return true;
}

/// RFC 9112, section 6. Gives the size of the body in the stream.
std::optional<std::size_t> read_body(HttpMessage& message, std::string_view stream,
                                     const http::DecoderLimits& limits) {
    const Values lengths = values_of(message, "content-length");
    const Values codings = values_of(message, "transfer-encoding");
    if (!codings.empty()) {
        if (message.version_minor == 0 || !lengths.empty()) return std::nullopt;
        for (const std::string& line : codings) {
            if (elements({line}).empty()) return std::nullopt;
        }
        // Any other coding, in whatever place, is one that we do not know.
        if (elements(codings) != Values{"chunked"}) return std::nullopt;
        return read_chunks(message, stream, limits);
    }
    if (lengths.empty()) {
        message.asks_to_continue = false;
        return 0;
    }
    const auto length = number(lengths.front(), digits);
    for (const std::string& other : lengths) {
        if (!length || number(other, digits) != length) return std::nullopt;
    }
    if (*length > limits.body || *length > stream.size()) return std::nullopt;
    if (*length == 0) message.asks_to_continue = false;
    message.body = stream.substr(0, *length);
    return length;
}

/// RFC 9112, section 9.3.
void read_persistence(HttpMessage& message) {
    const Values options = elements(values_of(message, "connection"));
    message.keep_alive =
        !has(options, "close") && (message.version_minor >= 1 || has(options, "keep-alive"));
}

}  // namespace

std::optional<HttpMessage> reference_message(std::string_view stream,
                                             const http::DecoderLimits& limits) {
    const std::size_t last_line_end = stream.find("\r\n\r\n");
    if (last_line_end == std::string_view::npos) return std::nullopt;
    if (last_line_end + 2 > limits.head) return std::nullopt;

    HttpMessage message;
    const Values lines = split(stream.substr(0, last_line_end), "\r\n");
    if (!read_request_line(message, lines.front())) return std::nullopt;
    for (std::size_t i = 1; i < lines.size(); ++i) {
        if (!read_field_line(message, lines[i])) return std::nullopt;
    }
    if (!check_host(message) || !check_expectations(message)) return std::nullopt;
    const std::size_t head_size = last_line_end + 4;
    const auto body_size = read_body(message, stream.substr(head_size), limits);
    if (!body_size) return std::nullopt;
    read_persistence(message);
    message.size = head_size + *body_size;
    return message;
}

}  // namespace signalbox::fuzz
