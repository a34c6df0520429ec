#pragma once

#include "async/task.hpp"
#include "db/pool.hpp"
#include "http/request.hpp"
#include "http/response.hpp"

namespace signalbox::app {

async::Task<http::Response> get_users(http::Request&, db::Pool& database);

}  // namespace signalbox::app
