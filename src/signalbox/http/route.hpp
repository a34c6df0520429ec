#pragma once

#include <functional>
#include <string_view>

#include "signalbox/async/task.hpp"
#include "signalbox/http/request.hpp"
#include "signalbox/http/response.hpp"

namespace signalbox::http {

/// Answers a request. Runs on the connection's event loop and must not block it. The request
/// lives until the task is done. What it throws becomes a 500, except HttpError.
using Handler = std::function<async::Task<Response>(Request&)>;

/// One row of a table of routes: `{"GET", "/items/{id}", get_item}`.
struct Route {
    std::string_view method;
    std::string_view path;  ///< a template; also the route's name in logs and metrics
    Handler handler;
    bool sheddable = true;  ///< false: answered beyond --limit-concurrency, too
};

}  // namespace signalbox::http
