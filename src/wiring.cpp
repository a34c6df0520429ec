#include "wiring.hpp"

#include <iterator>
#include <utility>

#include "process/file_limit.hpp"

namespace signalbox {

db::PoolOptions pool_options(const Config& config, observe::Log& log) {
    return {.url = config.database_url,
            .url_file = config.database_url_file,
            .size = config.database_pool_size,
            .max_queue = config.database_max_queue,
            .startup_timeout = config.database_startup_timeout,
            .query_timeout = config.database_query_timeout,
            .max_lifetime = config.database_max_lifetime,
            .prepare = config.database_prepare,
            .share_reads = !config.no_share_reads,
            .on_event = [&log](db::Event event, std::string_view what) {
                log.write(event == db::Event::connected ? LogLevel::info : LogLevel::warning, what);
            }};
}

http::ServerOptions api_options(const Config& config) {
    return {.name = "http",
            .host = config.host,
            .port = config.port,
            .workers = config.workers,
            .forwarded_allow_ips = config.forwarded_allow_ips,
            .limits = {.head = config.limit_request_head, .body = config.limit_request_body},
            .limit_concurrency = config.effective_concurrency(),
            .limit_connections = config.limit_connections,
            .request_timeout = config.request_timeout,
            .timeout_keep_alive = config.timeout_keep_alive,
            .timeout_request_head = config.timeout_request_head,
            .timeout_request_body = config.timeout_request_body,
            .timeout_write = config.timeout_write,
            .slow_request_log = config.slow_request_log};
}

http::ServerOptions admin_options(const Config& config) {
    // The operators' own few requests: the defaults do, whatever the API is limited to.
    return {.name = "admin",
            .host = config.admin_host,
            .port = config.admin_port,
            .limit_connections = process::admin_connections};
}

void append(std::vector<http::Route>& routes, std::vector<http::Route> more) {
    routes.insert(routes.end(), std::make_move_iterator(more.begin()),
                  std::make_move_iterator(more.end()));
}

}  // namespace signalbox
