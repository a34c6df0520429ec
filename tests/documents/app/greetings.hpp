#pragma once

#include "signalbox/async/task.hpp"
#include "signalbox/http/request.hpp"
#include "signalbox/http/response.hpp"

namespace signalbox::app {

async::Task<http::Response> greet(http::Request& request);

}  // namespace signalbox::app
