#include "signalbox/command_line/server_settings.hpp"

#include <sys/un.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <optional>
#include <string>

#include "signalbox/admin/allowed_hosts.hpp"
#include "signalbox/ascii.hpp"
#include "signalbox/config/database_url.hpp"
#include "signalbox/config/units.hpp"
#include "signalbox/default_settings.hpp"
#include "signalbox/docs/routes.hpp"
#include "signalbox/http/forwarded_headers.hpp"
#include "signalbox/http/ip_allow_list.hpp"
#include "signalbox/http/watch/redact.hpp"

namespace signalbox::command_line {
namespace {

using namespace std::chrono_literals;
using config::Settings;

constexpr std::size_t operator""_KiB(unsigned long long count) {
    return count << 10U;
}
constexpr std::size_t operator""_GiB(unsigned long long count) {
    return count << 30U;
}

constexpr auto positive = 1ms;  ///< the lowest value of a duration for which 0 makes no sense

Parsed<std::uint16_t> parse_port(std::string_view text) {
    if (text.starts_with("tcp://")) {
        return Invalid{config::printable(text) +
                       " comes from Kubernetes, which sets such a variable for each Service of the "
                       "namespace: set enableServiceLinks: false in the pod"};
    }
    const auto value = config::parse_number(text, 0, std::numeric_limits<std::uint16_t>::max());
    if (!value) return Invalid{value.reason()};
    return static_cast<std::uint16_t>(*value);
}

Parsed<std::optional<int>> parse_descriptor(std::string_view text) {
    const auto value = config::parse_number(text, 3, std::numeric_limits<int>::max());
    if (!value) return Invalid{value.reason()};
    return std::optional{static_cast<int>(*value)};
}

/// unix(7): the address has room for this much and a NUL byte.
Parsed<std::string> parse_socket_path(std::string_view text) {
    constexpr std::size_t longest = sizeof(sockaddr_un::sun_path) - 1;
    if (text.empty()) return Invalid{"expected a value, got none"};
    if (text.find('\0') != std::string_view::npos) return Invalid{"holds a NUL byte"};
    if (text.size() > longest) {
        return Invalid{config::printable(text) + " is longer than the " + std::to_string(longest) +
                       " bytes that the address of a Unix socket holds"};
    }
    return std::string{text};
}

Parsed<std::filesystem::path> parse_path(std::string_view text) {
    if (text.empty()) return Invalid{"expected a value, got none"};
    if (text.find('\0') != std::string_view::npos) return Invalid{"holds a NUL byte"};
    return std::filesystem::path{text};
}

Parsed<std::string> parse_allow_list(std::string_view text) {
    const auto list = http::IpAllowList::parse(text);
    if (!list) return Invalid{list.reason()};
    return std::string{text};
}

Parsed<std::string> parse_headers_list(std::string_view text) {
    const auto headers = http::ForwardedHeaders::parse(text);
    if (!headers) return Invalid{headers.reason()};
    return std::string{text};
}

Parsed<std::string> parse_log_secret_paths(std::string_view text) {
    const auto paths = http::parse_secret_paths(text);
    if (!paths) return Invalid{paths.reason()};
    return std::string{text};
}

Parsed<std::string> parse_admin_hosts(std::string_view text) {
    const auto hosts = admin::AllowedHosts::parse(text);
    if (!hosts) return Invalid{hosts.reason()};
    return std::string{text};
}

/// What may stand in a URL's path as it is (RFC 3986, section 3.3), but for what would end a source
/// in a Content-Security-Policy, which pages are sent with.
bool is_path(std::string_view text) {
    constexpr std::string_view marks = "/-._~%!$&'()*+=:@";
    return std::ranges::all_of(text, [&](char c) {
        return is_alphanumeric(c) || marks.find(c) != std::string_view::npos;
    });
}

std::string_view without_last_slash(std::string_view text) {
    return text.ends_with('/') ? text.substr(0, text.size() - 1) : text;
}

Parsed<std::string> parse_root_path(std::string_view text) {
    if (!text.starts_with('/') || text.find("//") != std::string_view::npos || !is_path(text)) {
        return Invalid{config::printable(text) + ": expected a path such as /api"};
    }
    return std::string{without_last_slash(text)};
}

Parsed<std::string> parse_assets_url(std::string_view text) {
    std::string_view rest = text;
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (text.starts_with(scheme)) rest = text.substr(scheme.size());
    }
    const bool has_origin = rest.size() < text.size();
    const bool right = !rest.empty() && (rest.front() == '/') != has_origin;
    if (!right || !is_path(rest) || rest.find("//") != std::string_view::npos) {
        return Invalid{config::printable(text) +
                       ": expected a URL such as https://cdn.example.com/npm, or a path"};
    }
    return std::string{without_last_slash(text)};
}

void add_listening(Settings& settings, config::Config& c) {
    settings.begin_group("Listening");
    settings
        .add("--host", c.host, "where the API listens: an address, or a name for all its addresses")
        .explain(
            "`::` is every address of both families, and of IPv4 alone where there is no IPv6.")
        .value_name = "ADDRESS";
    settings
        .add_parsed("--port", "PORT", c.port, parse_port, std::to_string(c.port),
                    "0: any free one, named in the ready line")
        .explain("It is the same port on all addresses of a name; asyncio takes another for each.");
    settings
        .add_parsed("--uds", "PATH", c.uds, parse_socket_path, c.uds,
                    "a Unix socket to listen on instead")
        .explain("For a proxy on the same machine.");
    settings
        .add_parsed("--fd", "DESCRIPTOR", c.fd, parse_descriptor, "",
                    "an open socket to accept from instead")
        .explain(
            "A descriptor from 3 on, of a socket that already listens when the process starts. "
            "systemd's `LISTEN_FDS` needs no flag: "
            "[deploying.md](deploying.md#sockets-that-systemd-holds).");
    settings
        .add("--workers", c.workers,
             "event loops of the API, each a thread that reads, handles and answers", {1, 256})
        .or_variable("WEB_CONCURRENCY")
        .default_is("the cores, at least 1")
        .explain("The cores are those the process may use: a container's CPU limit counts.");
    settings
        .add_parsed("--forwarded-allow-ips", "LIST", c.forwarded_allow_ips, parse_allow_list,
                    c.forwarded_allow_ips,
                    "peers whose --forwarded-headers are believed: addresses, networks, unix or *")
        .variable("FORWARDED_ALLOW_IPS")
        .explain(
            "A network is `10.0.0.0/8`; `unix` is everybody who comes by a Unix socket. The "
            "headers decide `client.address` in the log and `url_scheme` in the metrics.");
    settings
        .add_parsed("--forwarded-headers", "LIST", c.forwarded_headers, parse_headers_list,
                    c.forwarded_headers,
                    "those that the proxy sets; also x-forwarded-prefix, and forwarded in place "
                    "of x-forwarded-for")
        .explain(
            "Name only those that your proxy sets: it passes the others on as the client sent "
            "them. "
            "`x-forwarded-prefix` is a path in place of `--root-path`, `forwarded` is RFC 7239. "
            "Addresses may have ports and brackets; other text never counts as a client's "
            "address.");
    settings
        .add_parsed("--root-path", "PATH", c.root_path, parse_root_path, c.root_path,
                    "the path below which a proxy has the API; the proxy strips it from requests")
        .explain(
            "For instance `/api`. It is used in redirects, in `servers` of the OpenAPI document "
            "and "
            "in the pages' links, as FastAPI's `root_path` is.");

    settings.begin_group("Documents");
    settings.add("--docs", c.docs, "/openapi.json, /docs and /redoc")
        .explain("`off`: they are 404.");
    settings
        .add_parsed("--docs-assets-url", "URL", c.docs_assets_url, parse_assets_url, "",
                    "where their pages load Swagger UI and Redoc from")
        .default_is("the library, or else " + std::string{docs::default_assets_url})
        .explain(
            "A URL, or a path of the same origin. It has to have the pinned versions: browsers "
            "compare their checksums.");

    settings.begin_group(std::string{admin_group});
    settings.add("--admin-host", c.admin_host, "where metrics, probes and /debug listen")
        .explain("As `--host`.")
        .value_name = "ADDRESS";
    settings
        .add_parsed("--admin-port", "PORT", c.admin_port, parse_port, std::to_string(c.admin_port),
                    "the same as --port: served there too")
        .explain("`--admin-host` then means nothing.");
    settings
        .add_parsed(
            "--admin-allowed-hosts", "LIST", c.admin_allowed_hosts, parse_admin_hosts,
            c.admin_allowed_hosts,
            "names that /metrics, /debug and the like may be asked for by, besides addresses and "
            "localhost: host.example, *.example or *")
        .explain(
            "The name in `--admin-host` is allowed as well. A request with another `Host`, or with "
            "the `Origin` of another site, gets 403.");
}

void add_database(Settings& settings, config::Config& c) {
    settings.begin_group(std::string{database_group});
    settings
        .add_parsed("--database-url", "URL", c.database_url, config::parse_database_url,
                    c.database_url, "any libpq URI, several hosts included")
        .variable("DATABASE_URL")
        .secret(config::has_password)
        .or_file([&c](const std::string& path) { c.database_url_file = path; })
        .explain(
            "The file is read again for each new connection of the pool. The start names a "
            "parameter "
            "that is wrong. It warns of a password on the command line, of a password in a file "
            "that "
            "everybody may read (unless the file is in memory, as orchestrators mount secrets), "
            "and "
            "of a server over a network that may be spoken to unencrypted (`sslmode`).");
    settings
        .add_parsed("--database-listen-url", "URL", c.database_listen_url,
                    config::parse_database_url, "--database-url", "for LISTEN, past a pooler")
        .secret(config::has_password)
        .or_file([&c](const std::string& path) { c.database_listen_url_file = path; });
    settings.add("--database-pool-size", c.database_pool_size, "connections, and as many threads",
                 {1, 1000});
    settings
        .add("--database-max-queue", c.database_max_queue,
             "reads that wait for a connection; above it 503", {1, 1'000'000})
        .explain("A shared read counts once.");
    settings
        .add("--database-max-streams", c.database_max_streams,
             "connections that results of more than 1,000 rows may hold at once; others wait, then "
             "503",
             {1, 1000})
        .default_is("a third of --database-pool-size")
        .explain(
            "At least one. With transactions they hold at most four fifths of the pool. Those who "
            "ask for the same while they wait share one.");
    settings.add("--database-startup-timeout", c.database_startup_timeout,
                 "how long to wait for the database at start", positive);
    settings
        .add("--database-query-timeout", c.database_query_timeout,
             "for a read, waiting for a connection included; at most --timeout-request", positive)
        .explain("Then 503. PostgreSQL has it as `statement_timeout`, too.");
    settings.add("--database-prepare", c.database_prepare, "prepared statements; off for PgBouncer")
        .explain(
            "In transaction mode PgBouncer passes on neither prepared statements nor start-up "
            "options. With `off`, each read, write and transaction sets time zone, formats and "
            "timeouts by `SET LOCAL`.");
    settings.add("--database-transaction-idle-timeout", c.database_transaction_idle_timeout,
                 "a transaction that runs no statement for longer is rolled back", positive);
    settings.add("--database-max-lifetime", c.database_max_lifetime,
                 "a connection is replaced after about this long; 0: never");
    settings
        .add("--database-share-reads", c.database_share_reads,
             "identical reads that wait together are executed once; off: each by itself")
        .formerly_the_opposite("--no-share-reads", "SIGNALBOX_NO_SHARE_READS");

    settings.begin_group(std::string{migrations_group});
    settings
        .add_parsed("--migrations-dir", "FOLDER", c.migrations_dir, parse_path, "",
                    "the SQL files; must exist, also when nothing is pending")
        .default_is("those installed with the binary")
        .explain(
            "The installed ones are in `../share/NAME/migrations`, seen from the binary of the "
            "service NAME. A binary in a build tree takes the checkout's.");
    settings.add_switch("--migrate", c.migrate, "apply pending migrations before serving");
}

void add_limits(Settings& settings, config::Config& c) {
    settings.begin_group("Time limits");
    settings.add("--timeout-request", c.timeout_request, "for a handler; then 504", positive)
        .explain("The handler is cancelled.")
        .formerly("--request-timeout", "SIGNALBOX_REQUEST_TIMEOUT");
    settings.add("--timeout-keep-alive", c.timeout_keep_alive, "an idle connection is closed",
                 positive);
    settings.add("--timeout-request-head", c.timeout_request_head,
                 "for a request's whole head to arrive; then 408", positive);
    settings.add("--timeout-request-body", c.timeout_request_body,
                 "for a request's whole body to arrive; then 408", positive);
    settings.add("--timeout-write", c.timeout_write,
                 "for a client that reads nothing of its response; then its connection is closed",
                 positive);
    settings.add("--timeout-graceful-shutdown", c.timeout_graceful_shutdown,
                 "for requests in flight at shutdown; then they are cancelled with 503");
    settings.add("--shutdown-delay", c.shutdown_delay,
                 "goes on serving, not ready, until load balancers have noticed");

    settings.begin_group("Limits");
    settings
        .add("--limit-concurrency", c.limit_concurrency, "requests at once; above it 503",
             {1, 1'000'000})
        .explain(
            "Never more than there may be connections. Admin routes on the API's port do not "
            "count.");
    settings
        .add("--limit-background-tasks", c.limit_background_tasks,
             "requests whose background tasks have not ended; above it 503", {1, 1'000'000})
        .explain("Only of endpoints that have some, and before their handler runs.");
    settings
        .add("--limit-connections", c.limit_connections,
             "connections to the API, one file each; above it an idle one is closed, or else the "
             "new one",
             {1, 1'000'000})
        .default_is("what RLIMIT_NOFILE and the memory allow, at most " +
                    std::to_string(defaults::limit_connections))
        .explain(
            "6 KiB for each in a quarter of the memory: 5,461 with 128 MiB, 10,922 with 256. The "
            "idle one is of the address that has the most; a new one that is closed gets 503 "
            "first. The admin listener has 64 of its own.");
    settings
        .add("--limit-connections-per-address", c.limit_connections_per_address,
             "of one IPv4 address or IPv6 /64, proxies of --forwarded-allow-ips excepted; "
             "above it 503; 0: no such limit",
             {0, 1'000'000})
        .explain("The connection is closed. It is no limit for a Unix socket either.");
    settings
        .add_size("--limit-request-head", c.limit_request_head,
                  "request line and headers; above it 431", 1_KiB, 1024_KiB)
        .explain("414 when the first line alone is too long.");
    settings.add_size("--limit-request-body", c.limit_request_body, "above it 413", 0, 1_GiB);
    settings
        .add_size(
            "--limit-buffered", c.limit_buffered,
            "all that clients make the service hold, in the process and in the kernel: requests "
            "that arrive or are answered, responses not yet taken; above it clients that hold much "
            "and move little are cut",
            1024_KiB, 1024_GiB)
        .default_is("a quarter of the memory, at most " +
                    config::format_size(defaults::limit_buffered))
        .explain(
            "The memory is that of the container, or RLIMIT_AS; at least one request fits. A "
            "client whose request is arriving or handled gets 503. While a request is answered "
            "nothing more is read of its connection: what the client sends waits in the kernel, "
            "64 KiB at most, and then with the client.");
    settings
        .add_parsed("--upload-dir", "FOLDER", c.upload_dir, parse_path, "",
                    "bodies beyond 256 KiB of endpoints that take files are here while they are "
                    "handled")
        .default_is("TMPDIR, or else /var/tmp")
        .explain(
            "In files without a name, which are gone with their request, also when the process is "
            "killed. A tmpfs is memory. Only a service that takes files needs the folder.");
    settings
        .add_size("--limit-upload-disk", c.limit_upload_disk,
                  "bytes of all of them together; above it 503 for the slowest", 1024_KiB,
                  std::size_t{1024} * 1024_GiB)
        .explain("A disk that is full before that is 507.");
}

void add_log(Settings& settings, config::Config& c) {
    using config::AccessLog, config::LogFormat, config::LogLevel;
    settings.begin_group(std::string{log_group});
    settings
        .add_parsed("--log-level", "LEVEL", c.log_level, config::parse_log_level, "info",
                    "trace, debug, info, warning, error or critical")
        .explain("Below `info` the service writes nothing by itself.");
    settings
        .add_choice("--log-format", c.log_format,
                    {{"json", LogFormat::json}, {"text", LogFormat::text}},
                    "for a log collector, or for people")
        .default_is("json, on a terminal text");
    settings
        .add_choice(
            "--access-log", c.access_log,
            {{"all", AccessLog::all}, {"errors", AccessLog::errors}, {"off", AccessLog::off}},
            "all, errors (status 400 and up) or off")
        .explain("A response that is not sent to its end is an error, too.");
    settings
        .add("--slow-request-log", c.slow_request_log,
             "a request that takes longer is logged while it runs; 0: off")
        .explain("Once, with what it waits for.");
    settings
        .add_parsed("--log-secret-paths", "LIST", c.log_secret_paths, parse_log_secret_paths,
                    c.log_secret_paths,
                    "paths whose segments in braces no log shows: /reset/{token},/i/{code}")
        .explain(
            "Nor does `/debug/requests`. Routes whose parameters have secret names need not be "
            "named.");
    settings.add("--observability", c.observability,
                 "metrics of each request, trace context and /debug/requests; off to measure their "
                 "cost");
}

}  // namespace

config::Settings server_settings(config::Config& config) {
    Settings settings("", "SIGNALBOX_");
    add_listening(settings, config);
    add_database(settings, config);
    add_limits(settings, config);
    add_log(settings, config);
    return settings;
}

}  // namespace signalbox::command_line
