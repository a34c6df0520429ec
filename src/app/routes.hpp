#pragma once

#include <vector>

#include "signalbox/db/pool.hpp"
#include "signalbox/http/router.hpp"

namespace signalbox::app {

/// Every route of the API. `database` must outlive the server that they are given to.
std::vector<http::Route> routes(db::Pool& database);

}  // namespace signalbox::app
