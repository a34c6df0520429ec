#include "signalbox/command_line/defaults.hpp"

#include <algorithm>
#include <cstdlib>

#include "signalbox/command_line/open_files.hpp"
#include "signalbox/config/units.hpp"
#include "signalbox/db/migration_file.hpp"
#include "signalbox/default_settings.hpp"
#include "signalbox/http/server/server_options.hpp"

namespace signalbox::command_line {

namespace {

/// What an idle connection takes, two thirds of it in the kernel; bench/memory-limit measures it.
constexpr std::size_t connection_size = 6 * 1024;

/// Of the memory, for connections, and as much for what they hold (--limit-buffered). The other
/// half is the program's, and the requests' that are handled.
constexpr std::size_t share = 4;

std::size_t largest_request(const config::Config& config) {
    return config.limit_request_head + config.limit_request_body +
           http::ServerOptions::room_to_arrive;
}

}  // namespace

void complete(config::Config& config, const Sources& sources, const process::Machine& machine) {
    if (!sources.is_set("--workers")) {
        config.workers = std::max<std::size_t>(1, machine.cores);
    }
    if (!sources.is_set("--database-max-streams"))
        config.database_max_streams = std::max<std::size_t>(1, config.database_pool_size / 3);
    if (!sources.is_set("--limit-connections")) {
        config.limit_connections = std::clamp<std::size_t>(
            std::min(
                connections_allowed(machine.open_files, config.database_pool_size, config.workers),
                machine.memory / share / connection_size),
            1, defaults::limit_connections);
    }
    if (!sources.is_set("--limit-buffered")) {
        constexpr std::size_t least = std::size_t{1} << 20;
        config.limit_buffered =
            std::max(std::clamp(machine.memory / share, least, defaults::limit_buffered),
                     largest_request(config));
    }
    if (!sources.is_set("--log-format")) {
        config.log_format =
            machine.stdout_is_terminal ? config::LogFormat::text : config::LogFormat::json;
    }
    if (!sources.is_set("--upload-dir")) {
        const char* const temporary = std::getenv("TMPDIR");
        config.upload_dir = temporary != nullptr && *temporary != '\0' ? temporary : "/var/tmp";
    }
    if (!sources.is_set("--migrations-dir"))
        config.migrations_dir = db::find_migrations(machine.binary_folder, config.program);
}

namespace {

/// A variable for an address, as a container's image sets it, does not contradict a socket; a flag
/// does.
std::optional<Invalid> check_listening(const config::Config& config, const Sources& sources) {
    if (config.uds.empty() && !config.fd) return std::nullopt;
    const std::string socket = sources.name(config.uds.empty() ? "--fd" : "--uds");
    const auto excluded = [&](std::string_view flag) {
        return Invalid{socket + ": " + sources.name(flag) +
                       " is given as well; one of them has to go"};
    };
    if (!config.uds.empty() && config.fd) return excluded("--fd");
    for (const std::string_view flag : {"--host", "--port"}) {
        if (sources.is_flag(flag)) return excluded(flag);
    }
    return std::nullopt;
}

}  // namespace

std::optional<Invalid> check_together(const config::Config& config, const Sources& sources,
                                      const process::Machine& machine) {
    if (auto invalid = check_listening(config, sources)) return invalid;
    if (config.database_query_timeout > config.timeout_request) {
        return Invalid{sources.name("--database-query-timeout") + ": " +
                       config::format_duration(config.database_query_timeout) + " is above " +
                       sources.name("--timeout-request") + " (" +
                       config::format_duration(config.timeout_request) +
                       "), which would end the request before its query"};
    }
    if (config.limit_buffered < largest_request(config)) {
        return Invalid{sources.name("--limit-buffered") + ": " +
                       std::to_string(config.limit_buffered) + " bytes are less than the " +
                       std::to_string(largest_request(config)) +
                       " that one request may take, as --limit-request-head and "
                       "--limit-request-body allow"};
    }
    const std::size_t needed =
        files_needed(config.limit_connections, config.database_pool_size, config.workers);
    if (needed > machine.open_files) {
        return Invalid{sources.name("--limit-connections") + ": " +
                       std::to_string(config.limit_connections) + " needs " +
                       std::to_string(needed) + " open files, and the hard limit (ulimit -Hn) is " +
                       std::to_string(machine.open_files)};
    }
    return std::nullopt;
}

}  // namespace signalbox::command_line
