#pragma once

#include "signalbox/async/task.hpp"
#include "signalbox/db/pool.hpp"
#include "signalbox/http/response.hpp"

namespace signalbox::app {

async::Task<http::Response> get_users(db::Pool& database);

}  // namespace signalbox::app
