#pragma once

#include <string_view>
#include <vector>

#include "admin/health.hpp"
#include "config/config.hpp"
#include "db/pool.hpp"
#include "http/router.hpp"
#include "http/server.hpp"
#include "observe/log.hpp"
#include "observe/metrics.hpp"

namespace signalbox {

/// The value of the label db_client_connection_pool_name.
inline constexpr const char* database_pool_name = "signalbox";

/// What each part of the program takes from the configuration.
db::PoolOptions pool_options(const Config& config, observe::Log& log,
                             observe::DatabaseMetrics& metrics);
http::ServerOptions api_options(const Config& config);
http::ServerOptions admin_options(const Config& config);

/// The metrics that are read when asked for.
void add_metrics(observe::Metrics& metrics, const admin::Health& health, const observe::Log& log,
                 const db::Pool& database, const Config& config, const http::Server& api);

/// Listens, or throws std::runtime_error that says which flags choose another address.
void listen(http::Server& server, std::string_view flags);

void append(std::vector<http::Route>& routes, std::vector<http::Route> more);

}  // namespace signalbox
