#include "signalbox/config/config_validation.hpp"

#include <algorithm>

#include "signalbox/config/units.hpp"
#include "signalbox/process/file_limit.hpp"

namespace signalbox {

void complete(Config& config, const OptionSources& sources, const process::Machine& machine) {
    if (!sources.is_set("--workers")) {
        config.workers = std::max<std::size_t>(1, machine.cores);
    }
    if (!sources.is_set("--limit-connections")) {
        constexpr std::size_t most = 20'000;
        config.limit_connections = std::clamp<std::size_t>(
            process::connections_allowed(machine.open_files, config.database_pool_size,
                                         config.workers),
            1, most);
    }
    if (!sources.is_set("--limit-buffered")) {
        constexpr std::size_t least = std::size_t{1} << 20;
        constexpr std::size_t most = std::size_t{512} << 20;
        config.limit_buffered = std::max(std::clamp(machine.memory / 4, least, most),
                                         config.limit_request_head + config.limit_request_body);
    }
    if (!sources.is_set("--log-format")) {
        config.log_format = machine.stdout_is_terminal ? LogFormat::text : LogFormat::json;
    }
    if (!sources.is_set("--migrations-dir")) config.migrations_dir = machine.migrations_dir;
}

std::optional<Invalid> check_together(const Config& config, const OptionSources& sources,
                                      const process::Machine& machine) {
    if (config.database_query_timeout > config.request_timeout) {
        return Invalid{sources.name("--database-query-timeout") + ": " +
                       format_duration(config.database_query_timeout) + " is above " +
                       sources.name("--request-timeout") + " (" +
                       format_duration(config.request_timeout) +
                       "), which would end the request before its query"};
    }
    if (config.fd && !config.uds.empty()) {
        return Invalid{sources.name("--fd") + ": " + sources.name("--uds") +
                       " is given as well; the API listens on one of them"};
    }
    const std::size_t largest_request = config.limit_request_head + config.limit_request_body;
    if (config.limit_buffered < largest_request) {
        return Invalid{sources.name("--limit-buffered") + ": " +
                       std::to_string(config.limit_buffered) +
                       " bytes are less than one request of " + std::to_string(largest_request) +
                       ", which --limit-request-head and --limit-request-body allow"};
    }
    const std::size_t needed =
        process::files_needed(config.limit_connections, config.database_pool_size, config.workers);
    if (needed > machine.open_files) {
        return Invalid{sources.name("--limit-connections") + ": " +
                       std::to_string(config.limit_connections) + " needs " +
                       std::to_string(needed) + " open files, and the hard limit (ulimit -Hn) is " +
                       std::to_string(machine.open_files)};
    }
    return std::nullopt;
}

std::size_t Config::effective_concurrency() const {
    return std::min(limit_concurrency, limit_connections);
}

}  // namespace signalbox
