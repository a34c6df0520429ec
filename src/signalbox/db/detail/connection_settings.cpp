#include "signalbox/db/detail/connection_settings.hpp"

#include <libpq-fe.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

namespace signalbox::db {

namespace {

using Settings = std::map<std::string, std::string, std::less<>>;

// libpq sends these two as start-up parameters of their own. They beat ALTER ROLE, ALTER DATABASE,
// postgresql.conf and `options`; PgBouncer lets them pass, which it does not with `options`; and a
// SET of ours would cost a round trip and be lost in PgBouncer's transaction mode. libpq takes them
// from the environment only. Before main() no other thread can be reading that.
const bool utc_and_iso = [] {
    return ::setenv("PGTZ", "UTC", 1) == 0 && ::setenv("PGDATESTYLE", "ISO", 1) == 0;
}();

// libpq's own words are not passed on: they quote the URL, password and all.
[[noreturn]] void throw_unreadable() {
    throw std::invalid_argument(
        "the database URL is not one: expected postgresql://user:password@host/"
        "database, with @ : / ? % in the password as %40 %3A %2F %3F %25");
}

// A password with a raw @ or / in it reads as a host, port or database, and would be quoted as one.
void refuse_misplaced_password(std::string_view url) {
    const auto scheme = url.find("://");
    if (!url.starts_with("postgres") || scheme == std::string_view::npos) return;
    url.remove_prefix(scheme + 3);
    url = url.substr(0, url.find('?'));
    const auto at = url.find('@');
    if (at == std::string_view::npos) return;
    if (at > url.find('/') || url.find('@', at + 1) != std::string_view::npos) throw_unreadable();
}

Settings parse(const std::string& url) {
    if (url.find('\0') != std::string::npos) throw_unreadable();  // libpq would read up to it
    refuse_misplaced_password(url);
    char* message = nullptr;
    const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> parsed{
        PQconninfoParse(url.c_str(), &message), PQconninfoFree};
    PQfreemem(message);
    if (!parsed) throw_unreadable();
    Settings settings;
    for (const auto* option = parsed.get(); option->keyword != nullptr; ++option) {
        if (option->val != nullptr) settings[option->keyword] = option->val;
    }
    const auto port = settings.find("port");
    if (port != settings.end() &&
        port->second.find_first_not_of("0123456789,") != std::string::npos)
        throw_unreadable();
    return settings;
}

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr ? value : "";
}

std::string find_or(const Settings& settings, std::string_view keyword,
                    const std::string& otherwise) {
    const auto found = settings.find(keyword);
    return found != settings.end() && !found->second.empty() ? found->second : otherwise;
}

std::string in_quotes(std::string_view value) {
    std::string result = "'";
    for (const char c : value) {
        if (c == '\'' || c == '\\') result += '\\';
        result += c;
    }
    return result + "'";
}

/// Whether libpq chooses a server by whether sessions there are read only.
bool looks_for_writable(const Settings& settings) {
    const auto target =
        find_or(settings, "target_session_attrs", environment("PGTARGETSESSIONATTRS"));
    return target == "read-write" || target == "read-only";
}

/// Of a session in PostgreSQL.
using SessionSettings = std::vector<std::pair<std::string, std::string>>;

// PostgreSQL's own defaults, which roles and databases change for people and other programs.
const SessionSettings forms{{"IntervalStyle", "postgres"},
                            {"extra_float_digits", "1"},
                            {"bytea_output", "hex"},
                            {"array_nulls", "on"}};

/// How long PostgreSQL lets us do what. A role's lock_timeout is meant for somebody at a prompt,
/// and its idle_session_timeout would end connections that a pool keeps.
SessionSettings limits(const ConnectionOptions& options) {
    const auto text = [&](std::chrono::milliseconds limit) {
        return std::to_string(options.migrates ? 0 : limit.count());
    };
    SessionSettings result{
        {"statement_timeout", text(options.query_timeout)},
        {"idle_in_transaction_session_timeout", text(options.idle_in_transaction_timeout)},
        {"lock_timeout", "0"}};
    if (options.server_version >= 170000) result.emplace_back("transaction_timeout", "0");
    return result;
}

std::string start_up_options(const ConnectionOptions& options, const Settings& settings) {
    const auto text = [](const SessionSettings& some) {
        std::string result;
        for (const auto& [name, value] : some)
            result.append(" -c ").append(name).append("=").append(value);
        return result;
    };
    auto ours = limits(options);
    if (options.server_version == 0 || options.server_version >= 140000)
        ours.emplace_back("idle_session_timeout", "0");
    if (!options.migrates && !looks_for_writable(settings))
        ours.insert(ours.begin(), {"default_transaction_read_only", "on"});
    // PostgreSQL takes the last of several.
    const auto theirs = find_or(settings, "options", environment("PGOPTIONS"));
    const std::string given = theirs.empty() ? "" : " " + theirs;
    const std::string all = options.migrates ? given + text(ours) : text(ours) + given;
    return (all + text(forms)).substr(1);
}

}  // namespace

std::string connection_settings(const ConnectionOptions& options) {
    using std::chrono::ceil, std::chrono::seconds;
    auto settings = parse(options.url);

    // A connection that went silent is noticed within half a minute, also while it waits for a
    // result and while nothing is asked of it.
    settings.try_emplace("keepalives", "1");
    settings.try_emplace("keepalives_idle", "15");
    settings.try_emplace("keepalives_interval", "5");
    settings.try_emplace("keepalives_count", "3");
    settings.try_emplace("tcp_user_timeout", "15000");
    if (!options.application_name.empty())
        settings.try_emplace("fallback_application_name", options.application_name);
    if (environment("PGCONNECT_TIMEOUT").empty())
        settings.try_emplace("connect_timeout",
                             std::to_string(ceil<seconds>(options.connect_timeout).count()));
    settings["client_encoding"] = options.sql_ascii ? "SQL_ASCII" : "UTF8";

    if (options.prepare) {
        settings["options"] = start_up_options(options, settings);
    }

    std::string text;
    for (const auto& [keyword, value] : settings)
        text += keyword + "=" + in_quotes(value) + " ";
    return text;
}

bool is_read_only_by_set(const ConnectionOptions& options) {
    return options.prepare && looks_for_writable(parse(options.url));
}

std::vector<std::string> local_settings(const ConnectionOptions& options) {
    auto all = limits(options);
    all.insert(all.end(), {{"TimeZone", "UTC"}, {"DateStyle", "ISO"}});
    all.insert(all.end(), forms.begin(), forms.end());
    std::vector<std::string> statements;
    statements.reserve(all.size());
    for (const auto& [name, value] : all)
        statements.push_back(
            std::string("SET LOCAL ").append(name).append(" = '").append(value).append("'"));
    return statements;
}

std::string behind_begin(const std::vector<std::string>& local_settings) {
    std::string text;
    for (const auto& statement : local_settings)
        text.append("; ").append(statement);
    return text;
}

}  // namespace signalbox::db
