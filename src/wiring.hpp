#pragma once

#include <vector>

#include "config/config.hpp"
#include "db/pool.hpp"
#include "http/router.hpp"
#include "http/server_options.hpp"
#include "observe/log.hpp"

namespace signalbox {

/// What each part of the program takes from the configuration.
db::PoolOptions pool_options(const Config& config, observe::Log& log);
http::ServerOptions api_options(const Config& config);
http::ServerOptions admin_options(const Config& config);

void append(std::vector<http::Route>& routes, std::vector<http::Route> more);

}  // namespace signalbox
