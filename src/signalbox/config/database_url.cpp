#include "signalbox/config/database_url.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "signalbox/ascii.hpp"
#include "signalbox/config/secret_file.hpp"

namespace signalbox::config {
namespace {

using Options = std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)>;

/// Empty when libpq cannot read the text. libpq's own message is dropped: it quotes what it
/// stumbled over, which may be the password.
Options parse(std::string_view url) {
    // libpq reads up to a NUL byte: what follows would go unnoticed.
    if (url.find('\0') != std::string_view::npos) return {nullptr, &PQconninfoFree};
    char* message = nullptr;
    Options options{PQconninfoParse(std::string{url}.c_str(), &message), &PQconninfoFree};
    PQfreemem(message);
    return options;
}

/// What the text says for a keyword; what libpq would take instead where it says nothing.
std::string value_of(const Options& given, const Options& defaults, std::string_view keyword) {
    for (const Options* options : {&given, &defaults}) {
        for (const PQconninfoOption* o = options->get(); o != nullptr && o->keyword != nullptr;
             ++o) {
            if (keyword == o->keyword && o->val != nullptr && *o->val != '\0') return o->val;
        }
    }
    return {};
}

std::vector<std::string> split_at_commas(const std::string& text) {
    std::vector<std::string> parts;
    for (std::size_t start = 0; start <= text.size();) {
        const auto comma = std::min(text.find(',', start), text.size());
        parts.push_back(text.substr(start, comma - start));
        start = comma + 1;
    }
    return parts;
}

/// What libpq will connect to, after its defaults.
struct Target {
    std::string hosts;
    std::string ports;
    std::string database;
};

Target target_of(const Options& given) {
    const Options defaults{PQconndefaults(), &PQconninfoFree};
    Target target{value_of(given, defaults, "host"), value_of(given, defaults, "port"),
                  value_of(given, defaults, "dbname")};
    if (target.hosts.empty()) target.hosts = value_of(given, defaults, "hostaddr");
    return target;
}

/// In a URI whose password has an unescaped '@', ':' or '/', libpq takes the password's tail for
/// the host, the port or the database. No honest one has these characters, but for '@' as the first
/// of an abstract socket.
bool holds_a_piece_of_password(const Target& target) {
    return target.hosts.find_first_of("@=", 1) != std::string::npos ||
           target.database.find_first_of("@=", 1) != std::string::npos ||
           target.ports.find_first_not_of("0123456789,") != std::string::npos;
}

/// What is before the `://`, when it is a name.
std::string_view scheme_of(std::string_view url) {
    const auto scheme = url.substr(0, url.find("://"));
    const bool is_name = scheme.size() < url.size() && std::ranges::all_of(scheme, [](char c) {
                             return is_letter(c) || is_digit(c) || c == '+' || c == ':';
                         });
    return is_name ? scheme : std::string_view{};
}

bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool has_wrong_escape(std::string_view uri) {
    for (std::size_t i = 0; i < uri.size(); ++i) {
        if (uri[i] != '%') continue;
        if (i + 2 >= uri.size() || hex_value(uri[i + 1]) < 0 || hex_value(uri[i + 2]) < 0)
            return true;
    }
    return false;
}

/// What libpq cannot read for a reason that many texts have.
std::optional<Invalid> misread(std::string_view url) {
    if (url.starts_with('"') || url.starts_with('\'')) {
        return Invalid{
            "it begins with a quotation mark: those are the shell's, and no part of the value "
            "where there is no shell"};
    }
    std::string scheme(scheme_of(url));
    if (scheme == "postgresql" || scheme == "postgres") {
        if (is_blank(url.back())) return Invalid{"it ends with a blank"};
        if (has_wrong_escape(url)) {
            return Invalid{
                "a % is not followed by two hexadecimal digits: where it stands for itself, it is "
                "%25"};
        }
        return std::nullopt;
    }
    if (!url.empty() && is_blank(url.front())) return Invalid{"it begins with a blank"};
    scheme = to_lower(scheme);
    if (scheme == "postgresql" || scheme == "postgres") {
        return Invalid{"the scheme has capitals; libpq takes postgresql://"};
    }
    if (scheme.starts_with("postgres") || scheme.starts_with("jdbc:postgres")) {
        return Invalid{"the scheme " + scheme +
                       ":// is another library's; libpq takes postgresql://"};
    }
    if (!scheme.empty() && scheme.find(':') == std::string::npos) {
        return Invalid{"the scheme " + scheme +
                       ":// is not PostgreSQL's; libpq takes postgresql://"};
    }
    return std::nullopt;
}

bool is_known(std::string_view keyword) {
    // libpq's own name for sslmode=require, as JDBC has it.
    if (keyword == "ssl") return true;
    const Options known{PQconndefaults(), &PQconninfoFree};
    for (const PQconninfoOption* o = known.get(); o != nullptr && o->keyword != nullptr; ++o) {
        if (keyword == o->keyword) return true;
    }
    return false;
}

/// The parameter that libpq does not know, in a URI that it cannot read. Nothing where what looks
/// like a name may be a piece of a password.
std::optional<std::string> unknown_parameter(std::string_view url) {
    const auto question = url.find('?');
    if (scheme_of(url).empty() || question == std::string_view::npos) return std::nullopt;
    const auto query = url.substr(question + 1);
    const auto authority = url.substr(0, question).substr(url.find("://") + 3);
    const bool split = authority.find('@') == std::string_view::npos &&
                       authority.find(':') != std::string_view::npos &&
                       authority.find('/') == std::string_view::npos;
    if (split || query.find('@') != std::string_view::npos) return std::nullopt;
    for (std::size_t start = 0; start < query.size();) {
        const auto end = std::min(query.find('&', start), query.size());
        const auto name = query.substr(start, end - start);
        const auto keyword = name.substr(0, name.find('='));
        if (keyword.find("password") != std::string_view::npos) return std::nullopt;
        if (!is_known(keyword)) {
            const bool is_name =
                !keyword.empty() && keyword.size() < name.size() &&
                std::ranges::all_of(keyword, [](char c) { return is_letter(c) || c == '_'; });
            return is_name ? std::optional<std::string>(keyword) : std::nullopt;
        }
        start = end + 1;
    }
    return std::nullopt;
}

/// The same in a keyword string.
std::optional<std::string> unknown_keyword(std::string_view text) {
    for (bool first = true;; first = false) {
        while (!text.empty() && is_blank(text.front()))
            text.remove_prefix(1);
        const auto keyword = text.substr(0, text.find('='));
        const bool is_name =
            !keyword.empty() && keyword.size() < text.size() &&
            std::ranges::all_of(keyword, [](char c) { return is_letter(c) || c == '_'; });
        if (!is_name || keyword.find("password") != std::string_view::npos) return std::nullopt;
        // What begins with a name that is none may be anything.
        if (!is_known(keyword)) return first ? std::nullopt : std::optional<std::string>(keyword);
        text.remove_prefix(keyword.size() + 1);
        const bool quoted = text.starts_with('\'');
        std::size_t end = quoted ? 1 : 0;
        while (end < text.size() && (quoted ? text[end] != '\'' : !is_blank(text[end])))
            end += text[end] == '\\' ? 2 : 1;
        text.remove_prefix(std::min(end + (quoted ? 1 : 0), text.size()));
    }
}

bool is_address(const std::string& text) {
    in6_addr address{};
    // libpq takes a zone behind it, as fe80::1%eth0.
    const std::string without_zone = text.substr(0, text.find('%'));
    return ::inet_pton(AF_INET, without_zone.c_str(), &address) == 1 ||
           ::inet_pton(AF_INET6, without_zone.c_str(), &address) == 1;
}

bool is_number(std::string_view text, long lowest, long highest) {
    long value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() && value >= lowest &&
           value <= highest;
}

std::size_t list_size(const std::string& text) {
    return text.empty() ? 0 : split_at_commas(text).size();
}

/// What libpq looks at only when it connects.
std::optional<Invalid> wrong_late(const Options& given, const Options& defaults) {
    for (const char* keyword : {"connect_timeout", "keepalives", "keepalives_idle",
                                "keepalives_interval", "keepalives_count", "tcp_user_timeout"}) {
        const auto value = value_of(given, defaults, keyword);
        if (!value.empty() && !is_number(value, INT_MIN, INT_MAX)) {
            return Invalid{std::string(keyword) + " is no number"};
        }
    }
    const auto ports = value_of(given, defaults, "port");
    for (const std::string& port : split_at_commas(ports)) {
        if (!port.empty() && !is_number(port, 1, 65535)) {
            return Invalid{"port is no number from 1 to 65535"};
        }
    }
    const auto hosts = list_size(value_of(given, defaults, "host"));
    const auto addresses = list_size(value_of(given, defaults, "hostaddr"));
    if (hosts > 0 && addresses > 0 && hosts != addresses) {
        return Invalid{"hostaddr has another number of servers than host"};
    }
    for (const std::string& address : split_at_commas(value_of(given, defaults, "hostaddr"))) {
        if (!address.empty() && !is_address(address)) return Invalid{"hostaddr is no IP address"};
    }
    const auto servers = std::max(hosts, addresses);
    if (list_size(ports) > 1 && list_size(ports) != servers) {
        return Invalid{"port has another number of servers than host"};
    }
    for (const char* keyword : {"sslrootcert", "sslcrl", "sslcert", "sslkey"}) {
        const auto value = value_of(given, defaults, keyword);
        const bool is_file = value.starts_with('/') || value.starts_with('.');
        if (is_file && ::access(value.c_str(), R_OK) != 0) {
            return Invalid{std::string(keyword) +
                           ": the file cannot be read: " + std::strerror(errno)};
        }
    }
    return std::nullopt;
}

std::string choices(std::string_view keyword) {
    if (keyword == "sslmode") {
        return ": expected disable, allow, prefer, require, verify-ca or verify-full";
    }
    if (keyword == "target_session_attrs") {
        return ": expected any, read-write, read-only, primary, standby or prefer-standby";
    }
    if (keyword == "channel_binding" || keyword == "gssencmode") {
        return ": expected disable, prefer or require";
    }
    return " has a value that libpq does not take";
}

/// What libpq looks at before it connects, which it is had do to a place where nobody can be. Its
/// message quotes a value, so only the parameter is taken from it.
std::optional<Invalid> wrong_early(const Options& given) {
    constexpr auto nowhere = "/dev/null";
    if (std::getenv("PGHOSTADDR") != nullptr) return std::nullopt;  // it would go there
    std::vector<const char*> keywords;
    std::vector<const char*> values;
    const auto add = [&](const char* keyword, const char* value) {
        keywords.push_back(keyword);
        values.push_back(value);
    };
    for (const PQconninfoOption* o = given.get(); o->keyword != nullptr; ++o) {
        const std::string_view keyword = o->keyword;
        if (o->val == nullptr || keyword == "host" || keyword == "hostaddr" || keyword == "port" ||
            keyword == "password") {
            continue;
        }
        add(o->keyword, o->val);
    }
    add("host", nowhere);
    add("port", "5432");
    add("password", "none");  // or it would look for one in a file
    add(nullptr, nullptr);
    const std::unique_ptr<PGconn, decltype(&PQfinish)> attempt{
        PQconnectStartParams(keywords.data(), values.data(), 0), &PQfinish};
    if (attempt == nullptr || PQstatus(attempt.get()) != CONNECTION_BAD) return std::nullopt;
    const std::string message = PQerrorMessage(attempt.get());
    if (message.find(nowhere) != std::string::npos) return std::nullopt;
    const PQconninfoOption* named = nullptr;
    for (const PQconninfoOption* o = given.get(); o->keyword != nullptr; ++o) {
        const bool longer = named == nullptr || std::string_view(o->keyword).size() >
                                                    std::string_view(named->keyword).size();
        if (longer && message.find(o->keyword) != std::string::npos) named = o;
    }
    if (named == nullptr) return Invalid{"a parameter has a value that libpq does not take"};
    std::string text = named->keyword;
    if (named->val == nullptr && named->envvar != nullptr) {
        text += " (of " + std::string(named->envvar) + ')';
    }
    return Invalid{text + choices(named->keyword)};
}

bool is_remote(std::string_view host) {
    return !host.empty() && host.front() != '/' && host.front() != '@' && host != "localhost" &&
           host != "::1" && !host.starts_with("127.");
}

}  // namespace

std::string redact_url(std::string_view url) {
    constexpr auto unreadable = "an unreadable database URL";
    const Options given = parse(url);
    if (!given) return unreadable;
    const Target target = target_of(given);
    if (holds_a_piece_of_password(target)) return unreadable;

    std::string text = target.database.empty() ? "the user's database" : target.database;
    text += " on ";
    if (target.hosts.empty()) return text + "the local socket";
    const auto hosts = split_at_commas(target.hosts);
    const auto ports = split_at_commas(target.ports);
    for (std::size_t i = 0; i < hosts.size(); ++i) {
        if (i > 0) text += ", ";
        text += hosts[i].find(':') == std::string::npos ? hosts[i] : '[' + hosts[i] + ']';
        const std::string& port = ports[std::min(i, ports.size() - 1)];
        if (!hosts[i].starts_with('/') && !port.empty()) text += ':' + port;
    }
    return text;
}

Parsed<std::string> parse_database_url(std::string_view url) {
    if (auto why = misread(url)) return *std::move(why);
    const Options given = parse(url);
    if (!given) {
        const bool is_uri = !scheme_of(url).empty();
        if (const auto name = is_uri ? unknown_parameter(url) : unknown_keyword(url)) {
            return Invalid{"libpq knows no parameter " + *name};
        }
        return Invalid{
            "neither a libpq URI (postgresql://user:password@host/database) nor a keyword string "
            "(not shown, as it may hold a password)"};
    }
    if (holds_a_piece_of_password(target_of(given))) {
        return Invalid{
            "host, port or database make no sense: does the password hold an @, : or / that is "
            "not percent-encoded? (not shown, as it may hold a password)"};
    }
    const Options defaults{PQconndefaults(), &PQconninfoFree};
    if (auto why = wrong_late(given, defaults)) return *std::move(why);
    if (auto why = wrong_early(given)) return *std::move(why);
    return std::string{url};
}

bool has_password(std::string_view url) {
    const Options given = parse(url);
    const Options nothing{nullptr, &PQconninfoFree};
    return !value_of(given, nothing, "password").empty() ||
           !value_of(given, nothing, "sslpassword").empty();
}

std::optional<std::string> unencrypted_server(std::string_view url) {
    const Options given = parse(url);
    if (!given) return std::nullopt;
    const Options defaults{PQconndefaults(), &PQconninfoFree};
    const auto mode = value_of(given, defaults, "sslmode");
    if (mode == "require" || mode.starts_with("verify-")) return std::nullopt;
    if (value_of(given, defaults, "gssencmode") == "require") return std::nullopt;
    const auto addresses = value_of(given, defaults, "hostaddr");
    const auto hosts = addresses.empty() ? value_of(given, defaults, "host") : addresses;
    for (const std::string& host : split_at_commas(hosts)) {
        if (is_remote(host)) return fmt::format("{} (sslmode={})", host, mode);
    }
    return std::nullopt;
}

Parsed<std::string> read_database_url(const std::filesystem::path& file) {
    const auto content = read_secret(file);
    return content ? parse_database_url(*content) : content;
}

}  // namespace signalbox::config
