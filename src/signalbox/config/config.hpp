#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "signalbox/config/ip_allow_list.hpp"
#include "signalbox/parsed.hpp"

namespace signalbox {

enum class LogLevel { trace, debug, info, warning, error, critical };
enum class LogFormat { json, text };
enum class AccessLog { all, errors, off };

/// Everything that can be set from outside; each member is the flag of the same name. What a flag
/// means, its environment variable and its default stand in config_options.cpp and nowhere else,
/// so a Config made by hand (as tests do) starts from default_config().
///
/// Durations are milliseconds, sizes bytes. database_url holds a password: it is for libpq only,
/// messages take redact_url().
struct Config {
    // Listening
    std::string host;
    std::uint16_t port{};   ///< 0: any free one
    std::string uds;        ///< path of a Unix socket instead; empty: none
    std::optional<int> fd;  ///< a listening socket that the process was started with instead
    std::size_t workers{};  ///< event loops of the API, each a thread
    IpAllowList forwarded_allow_ips;

    // Admin listener
    std::string admin_host;
    std::uint16_t admin_port{};  ///< 0: any free one
    /// Whether the API's listener serves the operators too, and they have none of their own.
    bool admin_shares_port() const {
        return admin_port != 0 && admin_port == port && uds.empty() && !fd;
    }

    // Database
    std::string database_url;
    /// Where database_url was read from, to be read again for new connections with
    /// read_database_url(); empty when the URL came from elsewhere.
    std::filesystem::path database_url_file;
    std::size_t database_pool_size{};
    std::size_t database_max_queue{};  ///< reads waiting for a connection
    std::chrono::milliseconds database_startup_timeout{};
    std::chrono::milliseconds database_query_timeout{};
    std::chrono::milliseconds database_max_lifetime{};  ///< of a connection; 0: unlimited
    bool database_prepare{};
    bool no_share_reads{};

    // Migrations
    bool migrate{};  ///< apply pending migrations before serving
    std::filesystem::path migrations_dir;

    // Time limits
    std::chrono::milliseconds request_timeout{};
    std::chrono::milliseconds timeout_keep_alive{};
    std::chrono::milliseconds timeout_request_head{};
    std::chrono::milliseconds timeout_request_body{};
    std::chrono::milliseconds timeout_write{};              ///< without progress
    std::chrono::milliseconds timeout_graceful_shutdown{};  ///< 0: cancel what runs at once
    std::chrono::milliseconds shutdown_delay{};

    // Limits
    std::size_t limit_concurrency{};  ///< as asked for; see effective_concurrency()
    std::size_t limit_connections{};
    std::size_t limit_request_head{};
    std::size_t limit_request_body{};
    std::size_t limit_buffered{};  ///< bytes

    // Log
    LogLevel log_level{};
    LogFormat log_format{};
    AccessLog access_log{};
    std::chrono::milliseconds slow_request_log{};  ///< 0: off
    bool observability{};                          ///< metrics, traces, requests in flight

    /// Requests answered at the same time: no more than there may be connections.
    std::size_t effective_concurrency() const;
};

/// Every flag at its default, for this machine.
Config default_config();

/// The names used by --log-level, --access-log and PUT /debug/log-level.
std::string_view to_string(LogLevel level);
std::string_view to_string(AccessLog which);
Parsed<LogLevel> parse_log_level(std::string_view name);
Parsed<AccessLog> parse_access_log(std::string_view name);

}  // namespace signalbox
