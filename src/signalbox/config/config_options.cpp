#include "signalbox/config/config_options.hpp"

#include <array>
#include <chrono>
#include <utility>

#include "signalbox/config/config_values.hpp"
#include "signalbox/config/database_url.hpp"

namespace signalbox {
namespace {

using namespace std::chrono_literals;
using namespace config_values;

constexpr std::size_t operator""_KiB(unsigned long long count) {
    return count << 10U;
}
constexpr std::size_t operator""_GiB(unsigned long long count) {
    return count << 30U;
}

using enum LogLevel;
constexpr std::array<std::pair<std::string_view, LogLevel>, 6> log_levels{{{"trace", trace},
                                                                           {"debug", debug},
                                                                           {"info", info},
                                                                           {"warning", warning},
                                                                           {"error", error},
                                                                           {"critical", critical}}};
constexpr std::array<std::pair<std::string_view, LogFormat>, 2> log_formats{
    {{"json", LogFormat::json}, {"text", LogFormat::text}}};
constexpr std::array<std::pair<std::string_view, AccessLog>, 3> access_logs{
    {{"all", AccessLog::all}, {"errors", AccessLog::errors}, {"off", AccessLog::off}}};

Parsed<LogFormat> parse_log_format(std::string_view text) {
    return parse_name(log_formats, text);
}

constexpr auto positive = 1ms;  ///< the lowest value of a duration for which 0 makes no sense

// clang-format off
std::vector<Option> make_options() {
    using enum OptionGroup;
    using C = Config;
    return {
        {listening, "--host", "ADDRESS", {"SIGNALBOX_HOST"}, "127.0.0.1",
         "where the API listens", not_empty(&C::host)},
        {listening, "--port", "PORT", {"SIGNALBOX_PORT"}, "8000",
         "0: any free one, named in the ready line", port(&C::port)},
        {listening, "--uds", "PATH", {}, "",
         "listen on a Unix socket instead", not_empty(&C::uds)},
        {listening, "--fd", "NUMBER", {}, "",
         "listen on this descriptor instead, a socket that already does",
         descriptor(&C::fd)},
        {listening, "--workers", "COUNT", {"SIGNALBOX_WORKERS", "WEB_CONCURRENCY"}, "",
         "event loops of the API, each a thread; by default the cores it may use, at least 1",
         count(&C::workers, 1, 256)},
        {listening, "--forwarded-allow-ips", "LIST", {"FORWARDED_ALLOW_IPS"}, "127.0.0.1",
         "peers whose X-Forwarded-For and -Proto are believed: addresses, networks, unix or *",
         parsed_by(IpAllowList::parse, &C::forwarded_allow_ips)},

        {admin, "--admin-host", "ADDRESS", {"SIGNALBOX_ADMIN_HOST"}, "127.0.0.1",
         "where metrics, probes and /debug listen", not_empty(&C::admin_host)},
        {admin, "--admin-port", "PORT", {"SIGNALBOX_ADMIN_PORT"}, "9464",
         "the same as --port: served there too", port(&C::admin_port)},

        {database, "--database-url", "URL", {"DATABASE_URL"}, "postgresql://localhost/signalbox",
         "any libpq URI, several hosts included; DATABASE_URL_FILE names a file that holds it",
         parsed_by(parse_database_url, &C::database_url)},
        {database, "--database-pool-size", "COUNT", {"SIGNALBOX_DATABASE_POOL_SIZE"}, "10",
         "connections", count(&C::database_pool_size, 1, 1000)},
        {database, "--database-max-queue", "COUNT", {"SIGNALBOX_DATABASE_MAX_QUEUE"}, "1024",
         "reads that wait for a connection; above it 503", count(&C::database_max_queue, 1, 1'000'000)},
        {database, "--database-startup-timeout", "DURATION", {"SIGNALBOX_DATABASE_STARTUP_TIMEOUT"}, "30s",
         "how long to wait for the database at start", duration(&C::database_startup_timeout, positive)},
        {database, "--database-query-timeout", "DURATION", {"SIGNALBOX_DATABASE_QUERY_TIMEOUT"}, "5s",
         "waiting for a connection included; at most --request-timeout",
         duration(&C::database_query_timeout, positive)},
        {database, "--database-prepare", "on|off", {"SIGNALBOX_DATABASE_PREPARE"}, "on",
         "prepared statements; off for PgBouncer", on_or_off(&C::database_prepare)},
        {database, "--database-max-lifetime", "DURATION", {"SIGNALBOX_DATABASE_MAX_LIFETIME"}, "30m",
         "a connection is replaced after about this long; 0: never",
         duration(&C::database_max_lifetime, 0ms)},
        {database, "--no-share-reads", "", {"SIGNALBOX_NO_SHARE_READS"}, "off",
         "every read is executed by itself", on_or_off(&C::no_share_reads)},

        {migrations, "--migrations-dir", "FOLDER", {"SIGNALBOX_MIGRATIONS_DIR"}, "",
         "by default the installed migrations", not_empty(&C::migrations_dir)},
        {migrations, "--migrate", "", {"SIGNALBOX_MIGRATE"}, "off",
         "apply pending migrations before serving", on_or_off(&C::migrate)},

        {time_limits, "--request-timeout", "DURATION", {"SIGNALBOX_REQUEST_TIMEOUT"}, "30s",
         "for a handler; then 504", duration(&C::request_timeout, positive)},
        {time_limits, "--timeout-keep-alive", "DURATION", {"SIGNALBOX_TIMEOUT_KEEP_ALIVE"}, "75s",
         "an idle connection is closed", duration(&C::timeout_keep_alive, positive)},
        {time_limits, "--timeout-request-head", "DURATION", {"SIGNALBOX_TIMEOUT_REQUEST_HEAD"}, "10s",
         "for a request's head to arrive", duration(&C::timeout_request_head, positive)},
        {time_limits, "--timeout-request-body", "DURATION", {"SIGNALBOX_TIMEOUT_REQUEST_BODY"}, "30s",
         "for a request's body to arrive", duration(&C::timeout_request_body, positive)},
        {time_limits, "--timeout-write", "DURATION", {"SIGNALBOX_TIMEOUT_WRITE"}, "30s",
         "for a client that reads nothing of its response", duration(&C::timeout_write, positive)},
        {time_limits, "--timeout-graceful-shutdown", "DURATION", {"SIGNALBOX_TIMEOUT_GRACEFUL_SHUTDOWN"}, "30s",
         "for requests in flight at shutdown, then they are cancelled",
         duration(&C::timeout_graceful_shutdown, 0ms)},
        {time_limits, "--shutdown-delay", "DURATION", {"SIGNALBOX_SHUTDOWN_DELAY"}, "0s",
         "goes on serving, not ready, until load balancers have noticed",
         duration(&C::shutdown_delay, 0ms)},

        {limits, "--limit-concurrency", "COUNT", {"SIGNALBOX_LIMIT_CONCURRENCY"}, "10000",
         "requests at once; above it 503", count(&C::limit_concurrency, 1, 1'000'000)},
        {limits, "--limit-connections", "COUNT", {"SIGNALBOX_LIMIT_CONNECTIONS"}, "",
         "by default what RLIMIT_NOFILE allows, at most 20000", count(&C::limit_connections, 1, 1'000'000)},
        {limits, "--limit-request-head", "SIZE", {"SIGNALBOX_LIMIT_REQUEST_HEAD"}, "32KiB",
         "request line and headers; above it 431", size(&C::limit_request_head, 1_KiB, 1024_KiB)},
        {limits, "--limit-request-body", "SIZE", {"SIGNALBOX_LIMIT_REQUEST_BODY"}, "1MiB",
         "above it 413", size(&C::limit_request_body, 0, 1_GiB)},
        {limits, "--limit-buffered", "SIZE", {"SIGNALBOX_LIMIT_BUFFERED"}, "",
         "of all requests that arrive, and of all responses not yet taken; above it connections are "
         "cut; by default a quarter of the memory, at most 512MiB",
         size(&C::limit_buffered, 1024_KiB, 1024_GiB)},

        {log, "--log-level", "LEVEL", {"SIGNALBOX_LOG_LEVEL"}, "info",
         "trace, debug, info, warning, error or critical", parsed_by(parse_log_level, &C::log_level)},
        {log, "--log-format", "FORMAT", {"SIGNALBOX_LOG_FORMAT"}, "",
         "json or text; by default json, on a terminal text", parsed_by(parse_log_format, &C::log_format)},
        {log, "--access-log", "WHICH", {"SIGNALBOX_ACCESS_LOG"}, "all",
         "all, errors or off", parsed_by(parse_access_log, &C::access_log)},
        {log, "--slow-request-log", "DURATION", {"SIGNALBOX_SLOW_REQUEST_LOG"}, "10s",
         "a request that takes longer is logged while it runs; 0: off",
         duration(&C::slow_request_log, 0ms)},
        {log, "--observability", "on|off", {"SIGNALBOX_OBSERVABILITY"}, "on",
         "metrics of each request, trace context and /debug/requests; off to measure their cost",
         on_or_off(&C::observability)},
    };
}
// clang-format on

}  // namespace

const std::vector<Option>& config_options() {
    static const std::vector<Option> options = make_options();
    return options;
}

std::string_view to_string(LogLevel level) {
    return log_levels.at(static_cast<std::size_t>(level)).first;
}

std::string_view to_string(AccessLog which) {
    return access_logs.at(static_cast<std::size_t>(which)).first;
}

Parsed<LogLevel> parse_log_level(std::string_view name) {
    return parse_name(log_levels, name);
}

Parsed<AccessLog> parse_access_log(std::string_view name) {
    return parse_name(access_logs, name);
}

}  // namespace signalbox
