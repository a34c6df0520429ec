#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <vector>

#include "signalbox/ascii.hpp"
#include "signalbox/model/scalars.hpp"
#include "signalbox/utf8.hpp"

namespace signalbox::model {

namespace {

bool is_beyond_ascii(char c) {
    return static_cast<unsigned char>(c) >= 0x80;
}
bool contains(std::string_view characters, char c) {
    return characters.find(c) != std::string_view::npos;
}

constexpr std::string_view white_space = " \t\r\n\f\v";

// --- E-mail, in the words of Python's email-validator 2.2 ----------------------------------------

/// Those that are not `good`, each once, in the order of their codes.
template <class Good>
std::string bad_characters(std::string_view text, Good good) {
    std::array<bool, 128> bad{};
    for (const char c : text) {
        if (!is_beyond_ascii(c) && !good(c)) bad[static_cast<unsigned char>(c)] = true;
    }
    std::string list;
    for (std::size_t code = 0; code < bad.size(); ++code) {
        if (!bad[code]) continue;
        if (!list.empty()) list += ", ";
        if (code == ' ') {
            list += "SPACE";
        } else if (code < 0x20 || code == 0x7f) {
            list += fmt::format("U+{:04X}", code);
        } else {
            list += fmt::format("'{}'", static_cast<char>(code));
        }
    }
    return list;
}

std::string too_many(std::string_view text, std::size_t most) {
    const std::size_t more = text.size() - most;
    return fmt::format("({} character{} too many).", more, more == 1 ? "" : "s");
}

/// Of either part.
std::optional<std::string> dot_fault(std::string_view part, bool before_sign) {
    if (part.front() == '.') {
        return before_sign ? "An email address cannot start with a period."
                           : "An email address cannot have a period immediately after the @-sign.";
    }
    if (part.back() == '.') {
        return before_sign ? "An email address cannot have a period immediately before the @-sign."
                           : "An email address cannot end with a period.";
    }
    if (part.find("..") != part.npos) return "An email address cannot have two periods in a row.";
    return std::nullopt;
}

std::optional<std::string> local_part_fault(std::string_view local) {
    constexpr std::size_t longest = 64;
    if (local.empty()) return "There must be something before the @-sign.";
    if (local.size() > longest)
        return fmt::format("The email address is too long before the @-sign {}",
                           too_many(local, longest));
    const std::string bad = bad_characters(
        local, [](char c) { return is_alphanumeric(c) || contains("!#$%&'*+-/=?^_`{|}~.", c); });
    if (!bad.empty()) {
        return fmt::format("The email address contains invalid characters before the @-sign: {}.",
                           bad);
    }
    return dot_fault(local, true);
}

/// Names that RFC 6761 and others keep for something else.
bool is_reserved(std::string_view domain) {
    // NOLINTNEXTLINE(readability-use-anyofallof): of a list that is written here
    for (const std::string_view name : {"arpa", "invalid", "local", "localhost", "onion", "test"}) {
        if (!domain.ends_with(name)) continue;
        const auto rest = domain.substr(0, domain.size() - name.size());
        if (rest.empty() || rest.ends_with('.')) return true;
    }
    return false;
}

std::optional<std::string> domain_fault(std::string_view domain) {
    constexpr std::size_t longest_label = 63, longest = 253;
    if (domain.empty()) return "There must be something after the @-sign.";
    if (domain.front() == '[' && domain.back() == ']')
        return "A bracketed IP address after the @-sign is not allowed here.";
    const std::string bad =
        bad_characters(domain, [](char c) { return is_alphanumeric(c) || c == '-' || c == '.'; });
    if (!bad.empty())
        return fmt::format("The part after the @-sign contains invalid characters: {}.", bad);
    if (auto fault = dot_fault(domain, false)) return fault;
    if (domain.front() == '-')
        return "An email address cannot have a hyphen immediately after the @-sign.";
    if (domain.back() == '-') return "An email address cannot end with a hyphen.";
    if (domain.find(".-") != domain.npos || domain.find("-.") != domain.npos)
        return "An email address cannot have a period and a hyphen next to each other.";
    for (std::size_t begin = 0; begin < domain.size();) {
        const auto end = std::min(domain.find('.', begin), domain.size());
        const std::string_view label = domain.substr(begin, end - begin);
        if (label.size() > longest_label) {
            return fmt::format(
                "After the @-sign, periods cannot be separated by so many characters {}",
                too_many(label, longest_label));
        }
        if (label.size() >= 4 && label.substr(2, 2) == "--" && !label.starts_with("xn")) {
            return "An email address cannot have two letters followed by two dashes immediately "
                   "after the @-sign or after a period, except Punycode.";
        }
        begin = end + 1;
    }
    if (domain.size() > longest)
        return fmt::format("The email address is too long after the @-sign {}",
                           too_many(domain, longest));
    if (domain.find('.') == domain.npos)
        return "The part after the @-sign is not valid. It should have a period.";
    if (is_digit(domain.back())) {
        return "The part after the @-sign is not valid. It is not within a valid top-level domain.";
    }
    if (is_reserved(domain)) {
        return "The part after the @-sign is a special-use or reserved name that cannot be used "
               "with email.";
    }
    return std::nullopt;
}

/// `a@b` of `Ada <a@b>`.
std::string_view without_name(std::string_view text) {
    const auto open = text.find('<');
    if (open == text.npos || !text.ends_with('>')) return text;
    const bool is_name = std::all_of(
        text.begin(), text.begin() + static_cast<std::ptrdiff_t>(open),
        [](char c) { return is_alphanumeric(c) || c == '_' || c == ' ' || is_beyond_ascii(c); });
    return is_name ? text.substr(open + 1, text.size() - open - 2) : text;
}

}  // namespace

Read<std::string> read_email(std::string_view text) {
    constexpr std::size_t longest_text = 2048, longest = 254;
    const auto fault = [](std::string reason) {
        return Read<std::string>{.value = std::nullopt, .fault = std::move(reason)};
    };
    if (text.size() > longest_text) return fault("Length must not exceed 2048 characters");
    const std::string_view address = trim(without_name(trim(text, white_space)), white_space);
    const auto at = address.find('@');
    if (at == address.npos) return fault("An email address must have an @-sign.");
    if (address.front() == '"')
        return fault("Quoting the part before the @-sign is not allowed here.");
    const auto local = address.substr(0, at);
    const std::string domain = to_lower(address.substr(at + 1));
    if (auto wrong = local_part_fault(local)) return fault(std::move(*wrong));
    if (auto wrong = domain_fault(domain)) return fault(std::move(*wrong));
    if (address.size() > longest)
        return fault(fmt::format("The email address is too long {}", too_many(address, longest)));
    return {.value = fmt::format("{}@{}", local, domain)};
}

// --- URLs, as the WHATWG's URL Standard has them, in the words of the url crate
// -------------------

namespace {

using Text = Read<std::string>;

Text fault(std::string_view reason) {
    return {.value = std::nullopt, .fault = std::string(reason)};
}

/// What its paths, queries and fragments cannot have as it is.
void append_encoded(std::string& url, std::string_view text, std::string_view encoded) {
    for (const char c : text) {
        const auto code = static_cast<unsigned char>(c);
        if (code <= 0x20 || code >= 0x7f || contains(encoded, c)) {
            url += fmt::format("%{:02X}", code);
        } else {
            url += c;
        }
    }
}

/// A number of an IPv4 address: decimal, 0x hexadecimal, or 0 octal. Nothing where it is none, or
/// beyond 32 bits.
std::optional<std::uint64_t> address_number(std::string_view text) {
    int base = 10;
    if (text.starts_with("0x")) {
        base = 16;
        text.remove_prefix(2);
    } else if (text.size() > 1 && text.front() == '0') {
        base = 8;
        text.remove_prefix(1);
    }
    if (text.empty()) return 0;
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
    if (error != std::errc{} || end != text.data() + text.size() || number > 0xFFFFFFFFU)
        return std::nullopt;
    return number;
}

/// Whether a host is meant as an IPv4 address: its last part is a number.
bool ends_in_a_number(std::string_view host) {
    if (host.ends_with('.')) host.remove_suffix(1);
    const auto dot = host.rfind('.');
    const std::string_view last = dot == host.npos ? host : host.substr(dot + 1);
    if (last.empty()) return false;
    return is_all_digits(last) || (last.starts_with("0x") && address_number(last).has_value());
}

/// `1.2.3` is 1.2.0.3.
std::optional<std::string> ipv4_address(std::string_view host) {
    if (host.ends_with('.')) host.remove_suffix(1);
    std::vector<std::uint64_t> numbers;
    for (std::size_t begin = 0; begin <= host.size();) {
        const auto end = std::min(host.find('.', begin), host.size());
        const auto number =
            begin == end ? std::nullopt : address_number(host.substr(begin, end - begin));
        if (!number || numbers.size() == 4) return std::nullopt;
        numbers.push_back(*number);
        begin = end + 1;
    }
    const std::uint64_t last = numbers.back();
    numbers.pop_back();
    if (last >= std::uint64_t{1} << (8 * (4 - numbers.size()))) return std::nullopt;
    std::uint64_t address = last;
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        if (numbers[i] > 255) return std::nullopt;
        address += numbers[i] << (8 * (3 - i));
    }
    return fmt::format("{}.{}.{}.{}", address >> 24U, address >> 16U & 255U, address >> 8U & 255U,
                       address & 255U);
}

/// In lower case with its longest row of zeros left out (RFC 5952). `text` is without brackets.
std::optional<std::string> ipv6_address(std::string_view text) {
    std::array<std::uint16_t, 8> groups{};
    std::size_t count = 0;
    std::optional<std::size_t> gap;
    if (text.starts_with("::")) {
        gap = 0;
        text.remove_prefix(2);
    }
    while (!text.empty()) {
        if (count == groups.size()) return std::nullopt;
        if (text.starts_with(':')) {
            if (gap) return std::nullopt;
            gap = count;
            text.remove_prefix(1);
            continue;
        }
        const std::string_view group = text.substr(0, text.find(':'));
        if (group.find('.') != group.npos) {  // the last 32 bits as an IPv4 address
            const auto address = ipv4_address(group);
            if (!address || *address != group || group.size() != text.size() || count > 6)
                return std::nullopt;
            std::array<std::uint32_t, 4> bytes{};
            std::size_t index = 0;
            for (const char c : group) {
                if (c == '.') {
                    ++index;
                } else {
                    bytes[index] = bytes[index] * 10 + static_cast<std::uint32_t>(c - '0');
                }
            }
            groups[count++] = static_cast<std::uint16_t>(bytes[0] << 8U | bytes[1]);
            groups[count++] = static_cast<std::uint16_t>(bytes[2] << 8U | bytes[3]);
            break;
        }
        std::uint16_t number = 0;
        const auto [end, error] =
            std::from_chars(group.data(), group.data() + group.size(), number, 16);
        if (group.size() > 4 || error != std::errc{} || end != group.data() + group.size())
            return std::nullopt;
        groups[count++] = number;
        text.remove_prefix(group.size());
        if (text == ":") return std::nullopt;
        if (text.starts_with("::")) {
            if (gap) return std::nullopt;
            gap = count;
            text.remove_prefix(2);
        } else if (!text.empty()) {
            text.remove_prefix(1);
        }
    }
    if (gap) {
        if (count == groups.size()) return std::nullopt;
        std::move_backward(groups.begin() + static_cast<std::ptrdiff_t>(*gap),
                           groups.begin() + static_cast<std::ptrdiff_t>(count), groups.end());
        std::fill_n(groups.begin() + static_cast<std::ptrdiff_t>(*gap), groups.size() - count, 0);
    } else if (count != groups.size()) {
        return std::nullopt;
    }
    std::size_t longest = 0, longest_size = 1;  // one zero is written
    for (std::size_t i = 0; i < groups.size(); ++i) {
        std::size_t size = 0;
        while (i + size < groups.size() && groups[i + size] == 0)
            ++size;
        if (size > longest_size) {
            longest = i;
            longest_size = size;
        }
    }
    std::string result;
    for (std::size_t i = 0; i < groups.size(); ++i) {
        if (longest_size > 1 && i == longest) {
            result += "::";
            i += longest_size - 1;
            continue;
        }
        if (!result.empty() && !result.ends_with(':')) result += ':';
        result += fmt::format("{:x}", groups[i]);
    }
    return result;
}

/// How many dots a segment consists of, as themselves or encoded; 0 when it has anything else.
std::size_t dots_of(std::string_view segment) {
    std::size_t dots = 0;
    for (; !segment.empty(); ++dots) {
        if (segment.starts_with('.')) {
            segment.remove_prefix(1);
        } else if (segment.starts_with("%2e") || segment.starts_with("%2E")) {
            segment.remove_prefix(3);
        } else {
            return 0;
        }
    }
    return dots;
}

/// A path without its dot segments: `/a/./b/..` is `/a/`.
std::string resolved_path(std::string_view path) {
    std::vector<std::string_view> segments;
    bool folder = false;  // it ends in one that is left out
    while (!path.empty()) {
        path.remove_prefix(1);  // the slash
        const std::string_view segment = path.substr(0, path.find_first_of("/\\"));
        path.remove_prefix(segment.size());
        const std::size_t dots = dots_of(segment);
        folder = dots == 1 || dots == 2;
        if (dots == 2 && !segments.empty()) segments.pop_back();
        if (!folder) segments.push_back(segment);
    }
    if (folder) segments.emplace_back();
    std::string result;
    for (const std::string_view segment : segments) {
        result += '/';
        append_encoded(result, segment, "\"#<>?`{}^");
    }
    return result.empty() ? "/" : result;
}

/// In its normal form, or what is wrong with it.
Text normal_host(std::string_view host) {
    if (host.empty()) return fault("empty host");
    if (host.starts_with('[')) {
        const auto address =
            host.ends_with(']') ? ipv6_address(host.substr(1, host.size() - 2)) : std::nullopt;
        if (!address) return fault("invalid IPv6 address");
        return {.value = fmt::format("[{}]", *address)};
    }
    // A name that is not ASCII stays as it is: nothing here knows Unicode's rules for names.
    const std::string name = to_lower(host);
    for (const char c : name) {
        const auto code = static_cast<unsigned char>(c);
        if (code <= 0x20 || code == 0x7f || contains("\"#%/:<>?@[\\]^`{|}", c))
            return fault("invalid international domain name");
    }
    if (ends_in_a_number(name)) {
        if (auto address = ipv4_address(name)) return {.value = std::move(*address)};
        return fault("invalid IPv4 address");
    }
    return {.value = name};
}

}  // namespace

Read<std::string> read_url(std::string_view input) {
    std::string clean;
    for (const char c : input) {
        if (c != '\t' && c != '\n' && c != '\r') clean += c;
    }
    std::string_view text = clean;
    while (!text.empty() && static_cast<unsigned char>(text.front()) <= 0x20)
        text.remove_prefix(1);
    while (!text.empty() && static_cast<unsigned char>(text.back()) <= 0x20)
        text.remove_suffix(1);
    if (count_characters(input) > longest_url) return fault(url_too_long_fault);
    if (text.empty()) return fault("input is empty");

    const auto colon = text.find(':');
    if (colon == text.npos || !is_letter(text.front())) return fault("relative URL without a base");
    const std::string scheme = to_lower(text.substr(0, colon));
    const bool is_scheme = std::all_of(scheme.begin(), scheme.end(), [](char c) {
        return is_alphanumeric(c) || c == '+' || c == '-' || c == '.';
    });
    if (!is_scheme) return fault("relative URL without a base");
    if (scheme != "http" && scheme != "https") return fault(url_scheme_fault);

    std::string_view rest = text.substr(colon + 1);
    while (rest.starts_with('/') || rest.starts_with('\\'))
        rest.remove_prefix(1);
    std::string_view authority = rest.substr(0, rest.find_first_of("/?#\\"));
    rest.remove_prefix(authority.size());

    std::string normal = scheme + "://";
    if (const auto at = authority.rfind('@'); at != authority.npos) {
        const std::string_view user = authority.substr(0, at);
        const auto separator = std::min(user.find(':'), user.size());
        constexpr std::string_view encoded = "\"#<>?`{}/:;=@[\\]^|";
        append_encoded(normal, user.substr(0, separator), encoded);
        const std::string_view password = user.substr(std::min(separator + 1, user.size()));
        if (!password.empty()) {
            normal += ':';
            append_encoded(normal, password, encoded);
        }
        if (!normal.ends_with("://")) normal += '@';
        authority.remove_prefix(at + 1);
    }
    std::string_view port;
    const auto bracket = authority.starts_with('[') ? authority.find(']') : std::size_t{0};
    if (bracket == authority.npos) return fault("invalid IPv6 address");
    if (const auto port_colon = authority.find(':', bracket); port_colon != authority.npos) {
        port = authority.substr(port_colon + 1);
        authority = authority.substr(0, port_colon);
    }
    auto host = normal_host(authority);
    if (!host.value) return host;
    normal += *host.value;
    if (!port.empty()) {
        std::uint16_t number = 0;
        const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
        if (error != std::errc{} || end != port.data() + port.size())
            return fault("invalid port number");
        if (number != (scheme == "http" ? 80 : 443)) normal += fmt::format(":{}", number);
    }
    const std::string_view path = rest.substr(0, rest.find_first_of("?#"));
    rest.remove_prefix(path.size());
    normal += resolved_path(path);
    const std::string_view query = rest.substr(0, rest.find('#'));
    rest.remove_prefix(query.size());
    if (!query.empty()) {
        normal += '?';
        append_encoded(normal, query.substr(1), "\"#'<>");
    }
    if (!rest.empty()) {
        normal += '#';
        append_encoded(normal, rest.substr(1), "\"<>`");
    }
    return {.value = std::move(normal)};
}

}  // namespace signalbox::model
