#include "signalbox/http/wire/forwarded.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <utility>

#include "signalbox/ascii.hpp"

namespace signalbox::http {

namespace {

constexpr std::size_t longest_address = INET6_ADDRSTRLEN;

template <class Address>
std::string to_text(int family, const Address& address) {
    char text[INET6_ADDRSTRLEN] = "";
    ::inet_ntop(family, &address, text, sizeof text);
    return text;
}

std::optional<std::string> parse_v4(std::string_view text) {
    in_addr address{};
    if (text.size() > longest_address || text.find('\0') != std::string_view::npos ||
        ::inet_pton(AF_INET, std::string(text).c_str(), &address) != 1) {
        return std::nullopt;
    }
    return to_text(AF_INET, address);
}

std::optional<std::string> parse_v6(std::string_view text) {
    text = text.substr(0, text.find('%'));
    in6_addr address{};
    if (text.size() > longest_address || text.find('\0') != std::string_view::npos ||
        ::inet_pton(AF_INET6, std::string(text).c_str(), &address) != 1) {
        return std::nullopt;
    }
    if (!IN6_IS_ADDR_V4MAPPED(&address)) return to_text(AF_INET6, address);
    in_addr mapped{};
    std::copy_n(&address.s6_addr[12], sizeof mapped, reinterpret_cast<unsigned char*>(&mapped));
    return to_text(AF_INET, mapped);
}

/// With its colon (RFC 7239, section 6).
bool is_port(std::string_view text) {
    if (!text.starts_with(':')) return false;
    text.remove_prefix(1);
    if (text.starts_with('_')) {
        return text.size() > 1 && std::ranges::all_of(text, [](char c) {
                   return is_alphanumeric(c) || c == '.' || c == '_' || c == '-';
               });
    }
    return !text.empty() && text.size() <= 5 && is_all_digits(text);
}

bool is_space(char c) {
    return c == ' ' || c == '\t';
}

/// Reads a Forwarded header from its beginning to its end.
class Reader {
  public:
    explicit Reader(std::string_view text) : rest_(text) {}

    bool at_end() const noexcept { return rest_.empty(); }

    bool at_end_of_pair() const noexcept {
        return at_end() || rest_.front() == ';' || rest_.front() == ',';
    }

    void skip_space() {
        while (!rest_.empty() && is_space(rest_.front()))
            rest_.remove_prefix(1);
    }

    bool skip(char c) {
        if (!rest_.starts_with(c)) return false;
        rest_.remove_prefix(1);
        return true;
    }

    /// What stands before any of these.
    std::string_view until(std::string_view ends) {
        const auto text = rest_.substr(0, rest_.find_first_of(ends));
        rest_.remove_prefix(text.size());
        return text;
    }

    /// A token or a quoted string. Some proxies leave the quotation marks out that brackets and
    /// colons need.
    std::optional<std::string> value() {
        if (!skip('"')) return std::string(until(",; \t\""));
        std::string text;
        while (!rest_.empty()) {
            char c = rest_.front();
            rest_.remove_prefix(1);
            if (c == '"') return text;
            if (c == '\\') {
                if (rest_.empty()) return std::nullopt;
                c = rest_.front();
                rest_.remove_prefix(1);
            }
            text += c;
        }
        return std::nullopt;
    }

  private:
    std::string_view rest_;
};

}  // namespace

std::optional<std::string> parse_node(std::string_view node) {
    if (node.starts_with('[')) {
        const auto end = node.find(']');
        if (end == std::string_view::npos) return std::nullopt;
        const auto port = node.substr(end + 1);
        if (!port.empty() && !is_port(port)) return std::nullopt;
        return parse_v6(node.substr(1, end - 1));
    }
    const auto colon = node.find(':');
    if (colon != node.rfind(':')) return parse_v6(node);
    if (colon != std::string_view::npos && !is_port(node.substr(colon))) return std::nullopt;
    return parse_v4(node.substr(0, colon));
}

std::optional<std::vector<ForwardedElement>> parse_forwarded(std::string_view value) {
    std::vector<ForwardedElement> elements;
    Reader reader(value);
    bool empty = true;
    bool has_client = false;
    ForwardedElement element;
    const auto end_element = [&] {
        if (!std::exchange(empty, true)) elements.push_back(std::exchange(element, {}));
        has_client = false;
    };
    for (;;) {
        reader.skip_space();
        if (reader.at_end()) break;
        if (reader.skip(',')) {
            end_element();
            continue;
        }
        if (reader.skip(';')) continue;
        const std::string name = to_lower(reader.until("=,; \t\""));
        if (name.empty() || !reader.skip('=')) return std::nullopt;
        const auto text = reader.value();
        reader.skip_space();
        if (!text || !reader.at_end_of_pair()) return std::nullopt;
        if (name == "for" && std::exchange(has_client, true)) return std::nullopt;
        if (name == "for") element.client = parse_node(*text);
        if (name == "proto") element.scheme = to_lower(*text);
        empty = false;
    }
    end_element();
    return elements;
}

bool is_path_prefix(std::string_view text) {
    if (!text.starts_with('/') || text.ends_with('/')) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        const bool slash = c == '/' && (i == 0 || text[i - 1] != '/');
        if (!slash && !is_alphanumeric(c) && c != '.' && c != '_' && c != '~' && c != '-')
            return false;
    }
    return true;
}

}  // namespace signalbox::http
