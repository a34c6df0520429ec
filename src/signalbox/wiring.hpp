#pragma once

#include <string_view>
#include <vector>

#include "signalbox/admin/health.hpp"
#include "signalbox/config/config.hpp"
#include "signalbox/db/pool.hpp"
#include "signalbox/http/router.hpp"
#include "signalbox/http/server/server.hpp"
#include "signalbox/observe/log.hpp"
#include "signalbox/observe/metrics.hpp"

namespace signalbox {

/// The value of the label db_client_connection_pool_name.
inline constexpr const char* database_pool_name = "signalbox";

/// What each part of the program takes from the configuration.
db::PoolOptions pool_options(const Config& config, observe::Log& log,
                             observe::DatabaseMetrics& metrics);
http::ServerOptions api_options(const Config& config);
http::ServerOptions admin_options(const Config& config);

/// The metrics that are read when asked for: those of the process and the pool, and those of the
/// API's server.
void add_metrics(observe::Metrics& metrics, const admin::Health& health, const observe::Log& log,
                 const db::Pool& database, const Config& config);
void add_metrics(observe::Metrics& metrics, const http::Server& api);

void append(std::vector<http::Route>& routes, std::vector<http::Route> more);

}  // namespace signalbox
