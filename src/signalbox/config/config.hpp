#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "signalbox/default_settings.hpp"
#include "signalbox/parsed.hpp"

namespace signalbox::config {

enum class LogLevel { trace, debug, info, warning, error, critical };
enum class LogFormat { json, text };
enum class AccessLog { all, errors, off };

/// Everything of the library that can be set from outside; each member is the flag of the same
/// name, at its default. What a flag means and takes stands in command_line/server_settings.cpp,
/// of which --help and docs/configuration.md are made. "computed" are those of defaults.cpp.
///
/// Durations are milliseconds, sizes bytes. database_url holds a password: it is for libpq only,
/// messages take redact_url().
// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): what belongs together stands together
struct Config {
    std::string program = "signalbox";  ///< no flag: the command's name, for messages

    // Listening
    std::string host = "127.0.0.1";
    std::uint16_t port = 8000;  ///< 0: any free one
    std::string uds;            ///< the path of a Unix socket instead of host and port; empty: none
    std::optional<int> fd;      ///< a socket that listens already, instead of host and port
    std::size_t workers = 1;    ///< event loops of the API, each a thread; computed
    std::string forwarded_allow_ips = "127.0.0.1,::1";  ///< http::IpAllowList::parse() takes it
    /// http::ForwardedHeaders::parse() takes it.
    std::string forwarded_headers = "x-forwarded-for,x-forwarded-proto";

    /// The path below which a proxy has the API, and which it does not pass on: empty, or with a
    /// slash in front and none at the end.
    std::string root_path;

    // Documents
    bool docs = true;             ///< /openapi.json, /docs and /redoc
    std::string docs_assets_url;  ///< docs::Options has what this means

    // Admin listener
    std::string admin_host = "127.0.0.1";
    std::uint16_t admin_port = 9464;  ///< 0: any free one
    std::string admin_allowed_hosts;  ///< admin::AllowedHosts::parse() takes it
    /// Whether the API's listener serves the operators too, and they have none of their own.
    bool admin_shares_port() const {
        return admin_port != 0 && admin_port == port && uds.empty() && !fd;
    }

    // Database
    std::string database_url = "postgresql://localhost/signalbox";
    /// Where database_url was read from, to be read again for new connections with
    /// read_database_url(); empty when the URL came from elsewhere.
    std::filesystem::path database_url_file;
    std::string database_listen_url;  ///< empty: database_url
    std::filesystem::path database_listen_url_file;
    std::size_t database_pool_size = defaults::database_pool_size;
    /// Reads waiting for a connection.
    std::size_t database_max_queue = defaults::database_max_queue;
    std::size_t database_max_streams = defaults::database_pool_size / 3;  ///< computed
    std::chrono::milliseconds database_startup_timeout = defaults::database_startup_timeout;
    std::chrono::milliseconds database_query_timeout = defaults::database_query_timeout;
    /// Of a connection; 0: unlimited.
    std::chrono::milliseconds database_transaction_idle_timeout =
        defaults::database_transaction_idle_timeout;
    std::chrono::milliseconds database_max_lifetime = defaults::database_max_lifetime;
    bool database_prepare = defaults::database_prepare;
    bool database_share_reads = defaults::database_share_reads;

    // Migrations
    bool migrate = false;                  ///< apply pending migrations before serving
    std::filesystem::path migrations_dir;  ///< computed

    // Time limits
    std::chrono::milliseconds timeout_request = defaults::timeout_request;
    std::chrono::milliseconds timeout_keep_alive = defaults::timeout_keep_alive;
    std::chrono::milliseconds timeout_request_head = defaults::timeout_request_head;
    std::chrono::milliseconds timeout_request_body = defaults::timeout_request_body;
    std::chrono::milliseconds timeout_write = defaults::timeout_write;  ///< without progress
    /// 0: cancel what runs at once.
    std::chrono::milliseconds timeout_graceful_shutdown = std::chrono::seconds{30};
    std::chrono::milliseconds shutdown_delay{0};

    // Limits
    /// As asked for; see effective_concurrency().
    std::size_t limit_concurrency = defaults::limit_concurrency;
    /// Requests that have some.
    std::size_t limit_background_tasks = defaults::limit_background_tasks;
    std::size_t limit_connections = defaults::limit_connections;  ///< computed
    /// 0: no limit.
    std::size_t limit_connections_per_address = defaults::limit_connections_per_address;
    std::size_t limit_request_head = defaults::limit_request_head;
    std::size_t limit_request_body = defaults::limit_request_body;
    std::size_t limit_buffered = defaults::limit_buffered;        ///< bytes; computed
    std::size_t limit_upload_disk = defaults::limit_upload_disk;  ///< bytes
    std::filesystem::path upload_dir;                             ///< computed

    // Log
    LogLevel log_level = LogLevel::info;
    LogFormat log_format = LogFormat::json;  ///< computed
    AccessLog access_log = AccessLog::all;
    std::chrono::milliseconds slow_request_log = defaults::slow_request_log;  ///< 0: off
    std::string log_secret_paths;  ///< http::parse_secret_paths() takes it
    bool observability = true;     ///< metrics, traces, requests in flight

    /// Requests answered at the same time: no more than there may be connections.
    std::size_t effective_concurrency() const;
};

/// The names used by --log-level, --access-log and PUT /debug/log-level.
std::string_view to_string(LogLevel level);
std::string_view to_string(AccessLog which);
Parsed<LogLevel> parse_log_level(std::string_view name);
Parsed<AccessLog> parse_access_log(std::string_view name);

}  // namespace signalbox::config
