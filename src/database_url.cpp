#include "database_url.hpp"

#include <libpq-fe.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <vector>

namespace signalbox {
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

/// In a URI whose password has an unescaped '@' or '/', libpq takes the password's tail for the
/// host or the database. No honest name has these characters, but for an abstract socket's first.
bool may_hold_a_password(const std::string& name) {
    return name.find_first_of("@=", 1) != std::string::npos;
}

bool is_port(const std::string& text) {
    return text.find_first_not_of("0123456789") == std::string::npos;
}

}  // namespace

std::string redact_url(std::string_view url) {
    const Options given = parse(url);
    constexpr auto unreadable = "an unreadable database URL";
    if (!given) return unreadable;
    const Options defaults{PQconndefaults(), &PQconninfoFree};

    std::string hosts = value_of(given, defaults, "host");
    if (hosts.empty()) hosts = value_of(given, defaults, "hostaddr");
    if (hosts.empty()) hosts = "the local socket";
    const auto ports = split_at_commas(value_of(given, defaults, "port"));
    std::string database = value_of(given, defaults, "dbname");
    if (may_hold_a_password(hosts) || may_hold_a_password(database) ||
        !std::ranges::all_of(ports, is_port)) {
        return unreadable;
    }

    if (database.empty()) database = "the user's database";
    std::string text = database + " on ";
    const auto host_list = split_at_commas(hosts);
    for (std::size_t i = 0; i < host_list.size(); ++i) {
        if (i > 0) text += ", ";
        text += host_list[i];
        const std::string& port = ports[ports.size() == 1 ? 0 : std::min(i, ports.size() - 1)];
        if (!host_list[i].starts_with('/') && !port.empty()) text += ':' + port;
    }
    return text;
}

Parsed<std::string> parse_database_url(std::string_view url) {
    if (parse(url)) return std::string{url};
    return Invalid{
        "neither a libpq URI (postgresql://user:password@host/database) nor a keyword string "
        "(not shown, as it may hold a password)"};
}

Parsed<std::string> read_database_url(const std::filesystem::path& file) {
    constexpr std::string_view space = " \t\r\n";
    std::ifstream stream{file, std::ios::binary};
    const std::string content{std::istreambuf_iterator<char>{stream}, {}};
    if (!stream.is_open() || stream.bad()) {
        return Invalid{"cannot read " + file.string() + ": " + std::strerror(errno)};
    }
    const auto first = content.find_first_not_of(space);
    if (first == std::string::npos) return Invalid{file.string() + " is empty"};
    return parse_database_url(
        std::string_view{content}.substr(first, content.find_last_not_of(space) - first + 1));
}

}  // namespace signalbox
