#include "signalbox/wiring.hpp"

#include <fmt/format.h>

#include <iterator>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "signalbox/admin/connections.hpp"
#include "signalbox/observe/process_metrics.hpp"

namespace signalbox {

namespace {

config::LogLevel level_of(db::Event event) {
    switch (event) {
        case db::Event::connected:
        case db::Event::conflict:
        case db::Event::migrations_applied:
            return config::LogLevel::info;
        case db::Event::lost:
        case db::Event::cannot_connect:
        case db::Event::transaction_idle:
        case db::Event::migrations_unknown:
            return config::LogLevel::warning;
        case db::Event::migrations_pending:
            break;
    }
    return config::LogLevel::error;
}

}  // namespace

db::PoolOptions pool_options(const config::Config& config, const observe::Resource& service,
                             observe::Log& log, db::Notices& notices,
                             observe::DatabaseMetrics& metrics) {
    return {.url = config.database_url,
            .url_file = config.database_url_file,
            .listen_url = config.database_listen_url,
            .listen_url_file = config.database_listen_url_file,
            .application_name = service.service_name,
            .size = config.database_pool_size,
            .max_queue = config.database_max_queue,
            .max_streams = config.database_max_streams,
            .streams_left_over = config.limit_buffered / 8,
            .startup_timeout = config.database_startup_timeout,
            .query_timeout = config.database_query_timeout,
            .transaction_idle_timeout = config.database_transaction_idle_timeout,
            .max_lifetime = config.database_max_lifetime,
            .prepare = config.database_prepare,
            .share_reads = config.database_share_reads,
            .on_event = [&log](db::Event event,
                               std::string_view what) { log.write(level_of(event), what); },
            .on_notice = [&notices](std::string_view message) { notices.add(message); },
            .observer = config.observability ? &metrics : nullptr};
}

std::optional<std::vector<std::string>> pending_migrations(const db::Pool& database) {
    auto migrations = database.migrations();
    if (!migrations.known) return std::nullopt;
    return std::move(migrations.pending);
}

http::ServerOptions api_options(const config::Config& config) {
    return {.name = "http",
            .host = config.host,
            .port = config.port,
            .workers = config.workers,
            .forwarded_allow_ips = *http::IpAllowList::parse(config.forwarded_allow_ips),
            .forwarded_headers = *http::ForwardedHeaders::parse(config.forwarded_headers),
            .root_path = config.root_path,
            .limits = {.head = config.limit_request_head, .body = config.limit_request_body},
            .upload_dir = config.upload_dir,
            .limit_upload_disk = config.limit_upload_disk,
            .limit_concurrency = config.effective_concurrency(),
            .limit_background_tasks = config.limit_background_tasks,
            .limit_connections = config.limit_connections,
            .limit_connections_per_address = config.limit_connections_per_address,
            .limit_buffered = config.limit_buffered,
            .timeout_request = config.timeout_request,
            .timeout_keep_alive = config.timeout_keep_alive,
            .timeout_request_head = config.timeout_request_head,
            .timeout_request_body = config.timeout_request_body,
            .timeout_write = config.timeout_write,
            .slow_request_log = config.slow_request_log};
}

http::ServerOptions admin_options(const config::Config& config) {
    // The operators' own few requests: the defaults do, whatever the API is limited to.
    return {.name = "admin",
            .host = config.admin_host,
            .port = config.admin_port,
            .limit_connections = admin::max_connections,
            .newest_first = true,
            .limit_buffered = config.limit_buffered};
}

admin::AllowedHosts admin_hosts(const config::Config& config) {
    auto hosts = *admin::AllowedHosts::parse(config.admin_allowed_hosts);
    hosts.allow_host(config.admin_shares_port() ? config.host : config.admin_host);
    return hosts;
}

namespace {

double number(auto value) {
    return static_cast<double>(value);
}

}  // namespace

void add_metrics(observe::Metrics& metrics, const observe::Resource& service,
                 const admin::Health& health, const observe::Log& log, const db::Pool& database,
                 const config::Config& config) {
    metrics.gauge("signalbox_build_info", "Always 1; the labels say what is running.",
                  {{"service", service.service_name},
                   {"version", service.service_version},
                   {"revision", service.revision},
                   {"compiler", "g++ " __VERSION__}},
                  [] { return 1; });
    for (const auto state : {admin::State::starting, admin::State::ready, admin::State::draining}) {
        metrics.gauge("signalbox_state", "1 for where in its life the process is, else 0.",
                      {{"state", std::string(to_string(state))}},
                      [&health, state] { return health.state() == state ? 1 : 0; });
    }
    metrics.counter("signalbox_log_messages_dropped_total",
                    "Log lines that standard output did not take in time.", {},
                    [&log] { return number(log.dropped()); });

    const auto migrations = [&metrics](const char* state, auto count) {
        metrics.gauge("signalbox_database_migrations",
                      "Migrations: those of this version that the database has, those that it "
                      "lacks, and those of other versions that it has.",
                      {{"state", state}}, std::move(count));
    };
    migrations("applied", [&database] { return number(database.migrations().applied); });
    migrations("pending", [&database] { return number(database.migrations().pending.size()); });
    migrations("unknown", [&database] { return number(database.migrations().unknown); });
    metrics.gauge("signalbox_database_reachable",
                  "1 while the database answers, else 0: what /readyz looks at.", {},
                  [&database] { return database.reachable() ? 1 : 0; });
    const prometheus::Labels pool{{"db_client_connection_pool_name", service.service_name}};
    const auto with_state = [&pool](const char* state) {
        auto labels = pool;
        labels.emplace("db_client_connection_state", state);
        return labels;
    };
    metrics.gauge("db_client_connections", "Connections to the database, by what they do.",
                  with_state("idle"), [&database] { return number(database.usage().idle); });
    metrics.gauge("db_client_connections", "Connections to the database, by what they do.",
                  with_state("used"), [&database] { return number(database.usage().used); });
    metrics.gauge("db_client_connection_max", "--database-pool-size", pool,
                  [size = number(config.database_pool_size)] { return size; });
    metrics.gauge("db_client_connection_pending_requests",
                  "Statements and transactions that wait for a connection; reads that share one "
                  "count once.",
                  pool, [&database] { return number(database.usage().waiting); });
    metrics.gauge("signalbox_database_transactions",
                  "Transactions that have a connection, whether or not it does something.", {},
                  [&database] { return number(database.usage().transactions); });
    metrics.gauge("signalbox_database_streams",
                  "Streams of rows that have a connection, or wait for one; those who share one "
                  "count once.",
                  {{"state", "reading"}}, [&database] { return number(database.usage().streams); });
    metrics.gauge("signalbox_database_streams",
                  "Streams of rows that have a connection, or wait for one; those who share one "
                  "count once.",
                  {{"state", "waiting"}},
                  [&database] { return number(database.usage().streams_waiting); });
    metrics.gauge("signalbox_database_streams_max", "--database-max-streams", {},
                  [limit = number(config.database_max_streams)] { return limit; });
    metrics.add(std::make_unique<observe::ProcessMetrics>());
}

void add_metrics(observe::Metrics& metrics, const http::Server& api, const config::Config& config) {
    metrics.gauge("signalbox_connections",
                  "Clients' connections, by whether a request is in flight.", {{"state", "active"}},
                  [&api] { return number(api.connections().active); });
    metrics.gauge("signalbox_connections",
                  "Clients' connections, by whether a request is in flight.", {{"state", "idle"}},
                  [&api] { return number(api.connections().idle); });
    metrics.gauge("signalbox_background_tasks",
                  "What requests have left to be done without them and has not ended: their "
                  "background tasks, each request's as one, and spawned ones.",
                  {}, [&api] { return number(api.background_tasks().running); });
    using Ended = async::SpawnedTasks::Ended;
    const auto ended = [&](const char* result, std::uint64_t Ended::*which) {
        metrics.counter("signalbox_background_tasks_total",
                        "Background and spawned tasks of requests, by how they ended.",
                        {{"result", result}},
                        [&api, which] { return number(api.background_tasks().ended.*which); });
    };
    ended("completed", &Ended::completed);
    ended("failed", &Ended::failed);
    ended("cancelled", &Ended::cancelled);
    metrics.gauge("signalbox_background_tasks_max", "--limit-background-tasks", {},
                  [limit = number(config.limit_background_tasks)] { return limit; });
    using Refusals = http::Server::Refusals;
    const auto count = [&](const char* name, const char* help, const char* label, const char* value,
                           std::uint64_t Refusals::*which) {
        metrics.counter(name, help, {{label, value}},
                        [&api, which] { return number(api.refusals().*which); });
    };
    constexpr auto rejected = "signalbox_connections_rejected_total";
    constexpr auto rejected_help =
        "Connections answered with 503 and closed, by the limit that they are beyond; resources: "
        "no "
        "memory, or the kernel can watch no more of them.";
    count(rejected, rejected_help, "reason", "limit_connections", &Refusals::at_limit);
    count(rejected, rejected_help, "reason", "limit_connections_per_address",
          &Refusals::at_limit_per_address);
    count(rejected, rejected_help, "reason", "resources", &Refusals::without_resources);
    constexpr auto evicted = "signalbox_connections_evicted_total";
    constexpr auto evicted_help =
        "Connections closed at --limit-connections to make room for new ones, by what they did.";
    count(evicted, evicted_help, "state", "idle", &Refusals::evicted_idle);
    count(evicted, evicted_help, "state", "receiving", &Refusals::evicted_receiving);
    count(evicted, evicted_help, "state", "sending", &Refusals::evicted_sending);
    metrics.gauge("signalbox_streams_open",
                  "Responses that are written piece by piece, and have begun.", {},
                  [&api] { return number(api.streams().open); });
    metrics.counter("signalbox_stream_sent_bytes_total",
                    "Bytes of streamed responses, bodies only.", {},
                    [&api] { return number(api.streams().bytes); });
    constexpr auto buffered = "signalbox_buffered_bytes";
    constexpr auto buffered_help =
        "Requests that arrive or are answered, responses that clients do not take, and what the "
        "kernel has of both: --limit-buffered is for all of it together.";
    metrics.gauge(buffered, buffered_help, {{"what", "requests"}},
                  [&api] { return number(api.buffered().requests); });
    metrics.gauge(buffered, buffered_help, {{"what", "requests_in_kernel"}},
                  [&api] { return number(api.buffered().requests_in_kernel); });
    metrics.gauge(buffered, buffered_help, {{"what", "responses"}},
                  [&api] { return number(api.buffered().responses); });
    metrics.gauge(buffered, buffered_help, {{"what", "responses_in_kernel"}},
                  [&api] { return number(api.buffered().responses_in_kernel); });
    metrics.gauge("signalbox_buffered_max_bytes", "--limit-buffered", {},
                  [limit = number(config.limit_buffered)] { return limit; });
    const http::UploadDisk& uploads = api.upload_disk();
    metrics.gauge("signalbox_upload_disk_bytes",
                  "Bodies of requests that are on disk (--upload-dir) or on their way there.", {},
                  [&uploads] { return number(uploads.bytes()); });
    metrics.gauge("signalbox_upload_disk_max_bytes", "--limit-upload-disk", {},
                  [&uploads] { return number(uploads.limit()); });
    metrics.gauge("signalbox_upload_disk_files", "Requests whose body is on disk.", {},
                  [&uploads] { return number(uploads.files()); });
    metrics.counter("signalbox_upload_disk_written_bytes_total",
                    "Bytes of bodies that were written to disk.", {},
                    [&uploads] { return number(uploads.written()); });
    metrics.counter("signalbox_upload_disk_refused_total",
                    "Bodies that did not fit, or could not be written in time.", {},
                    [&uploads] { return number(uploads.refused()); });
    for (const http::Cut why : http::CutCounts<int>::all) {
        metrics.counter("signalbox_connections_cut_total",
                        "Connections that were ended for what was the matter with them, by reason.",
                        {{"reason", std::string(to_string(why))}},
                        [&api, why] { return number(api.cut(why)); });
    }
}

void add_metrics(observe::Metrics& metrics, const process::ReloadCounter& reloads) {
    constexpr auto name = "signalbox_reloads_total";
    constexpr auto help =
        "Reloads that SIGHUP asked for, by how they ended. A process that takes over goes on "
        "counting where the one before it was.";
    metrics.counter(name, help, {{"result", "taken_over"}},
                    [&reloads] { return number(reloads.counts().taken_over); });
    metrics.counter(name, help, {{"result", "failed"}},
                    [&reloads] { return number(reloads.counts().failed); });
    metrics.counter(name, help, {{"result", "refused"}},
                    [&reloads] { return number(reloads.refusals()); });
}

void append(std::vector<http::Route>& routes, std::vector<http::Route> more) {
    routes.insert(routes.end(), std::make_move_iterator(more.begin()),
                  std::make_move_iterator(more.end()));
}

}  // namespace signalbox
