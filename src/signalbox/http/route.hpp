#pragma once

#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <optional>
#include <string_view>

#include "signalbox/async/task.hpp"
#include "signalbox/http/request.hpp"
#include "signalbox/http/response.hpp"

namespace signalbox::http {

/// Answers a request. Runs on the connection's event loop and must not block it. The request
/// lives until the task is done. An exception becomes a 500, except HttpError.
using Handler = std::function<async::Task<Response>(Request&)>;

/// Answers an exception that a handler has thrown, or leaves that to http's own table: it is for an
/// application's own exceptions. Runs on the connection's event loop and must not block it. It may
/// rethrow the exception, which leaves it to the table as well; any other that it throws becomes a
/// 500, with both causes in the log.
using ErrorHandler =
    std::function<std::optional<Response>(const std::exception_ptr& thrown, Request& request)>;

/// One row of a table of routes: `{"GET", "/items/{id}", get_item}`.
struct Route {
    std::string_view method;
    std::string_view path;  ///< a template; also the route's name in logs and metrics
    Handler handler;
    bool sheddable = true;  ///< false: answered beyond --limit-concurrency, too
    /// Asked first when the handler has thrown, but not when the request was cancelled. May be
    /// empty.
    ErrorHandler on_error{};
    /// Bytes of content, in place of --limit-request-body, be it more or less. --limit-buffered
    /// still bounds it.
    std::optional<std::size_t> body_limit{};
    /// Its handler may add BackgroundTasks: it takes one of their places
    /// (--limit-background-tasks).
    bool has_background_tasks = false;
    /// A large body goes to a file while it arrives, and is in Request::body_file.
    bool spools_body = false;
    /// In place of --timeout-request; a year at most. A client's Request-Timeout can only shorten
    /// it.
    std::optional<std::chrono::nanoseconds> timeout{};
};

}  // namespace signalbox::http
