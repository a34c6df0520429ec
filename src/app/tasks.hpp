#pragma once

#include "signalbox/async/task.hpp"
#include "signalbox/http/response.hpp"

namespace signalbox::app {

async::Task<http::Response> slow_task();
async::Task<http::Response> fast_task();
async::Task<http::Response> multiple_tasks();

}  // namespace signalbox::app
