#pragma once

#include <optional>
#include <string>
#include <vector>

#include "signalbox/admin/allowed_hosts.hpp"
#include "signalbox/admin/health.hpp"
#include "signalbox/api/module.hpp"
#include "signalbox/config/config.hpp"
#include "signalbox/db/notices.hpp"
#include "signalbox/db/pool.hpp"
#include "signalbox/db/pool_options.hpp"
#include "signalbox/http/router.hpp"
#include "signalbox/http/server/server.hpp"
#include "signalbox/observe/database_metrics.hpp"
#include "signalbox/observe/log.hpp"
#include "signalbox/observe/metrics.hpp"
#include "signalbox/observe/resource.hpp"
#include "signalbox/process/reload_counts.hpp"

namespace signalbox {

/// What each part of the program takes from the configuration. The pool is named for the service.
db::PoolOptions pool_options(const config::Config& config, const observe::Resource& service,
                             observe::Log& log, db::Notices& notices,
                             observe::DatabaseMetrics& metrics);
/// For Health.
std::optional<std::vector<std::string>> pending_migrations(const db::Pool& database);
http::ServerOptions api_options(const config::Config& config);
http::ServerOptions admin_options(const config::Config& config);
admin::AllowedHosts admin_hosts(const config::Config& config);

/// The metrics that are read when asked for: those of the process and the pool, of its reloads, and
/// those of the API's server.
void add_metrics(observe::Metrics& metrics, const observe::Resource& service,
                 const admin::Health& health, const observe::Log& log, const db::Pool& database,
                 const config::Config& config);
void add_metrics(observe::Metrics& metrics, const process::ReloadCounter& reloads);
void add_metrics(observe::Metrics& metrics, const http::Server& api, const config::Config& config);

void append(std::vector<http::Route>& routes, std::vector<http::Route> more);

}  // namespace signalbox
