#pragma once

#include "signalbox/async/task.hpp"
#include "signalbox/http/request.hpp"
#include "signalbox/http/response.hpp"

namespace signalbox::app {

async::Task<http::Response> slow_task(http::Request&);
async::Task<http::Response> fast_task(http::Request&);
async::Task<http::Response> multiple_tasks(http::Request&);

}  // namespace signalbox::app
