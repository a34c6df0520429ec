#include "signalbox/config/database_url.hpp"

#include <libpq-fe.h>

#include <algorithm>
#include <memory>
#include <vector>

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
    const Options given = parse(url);
    if (!given) {
        return Invalid{
            "neither a libpq URI (postgresql://user:password@host/database) nor a keyword string "
            "(not shown, as it may hold a password)"};
    }
    if (holds_a_piece_of_password(target_of(given))) {
        return Invalid{
            "host, port or database make no sense: does the password hold an @, : or / that is "
            "not percent-encoded? (not shown, as it may hold a password)"};
    }
    return std::string{url};
}

Parsed<std::string> read_database_url(const std::filesystem::path& file) {
    const auto content = read_secret(file);
    return content ? parse_database_url(*content) : content;
}

}  // namespace signalbox::config
