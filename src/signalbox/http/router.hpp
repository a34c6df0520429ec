#pragma once

#include <pistache/router.h>

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "signalbox/async/task.hpp"
#include "signalbox/http/request.hpp"
#include "signalbox/http/response.hpp"

namespace signalbox::http {

/// Answers a request. Runs on the connection's event loop and must not block it. The request
/// lives until the task is done. What it throws becomes a 500, except HttpError.
using Handler = std::function<async::Task<Response>(Request&)>;

/// One row of a table of routes: `{"GET", "/users/{id}", get_user}`.
struct Route {
    std::string_view method;
    std::string_view path;  ///< a template; also the route's name in logs and metrics
    Handler handler;
    bool sheddable = true;  ///< false: answered beyond --limit-concurrency, too
};

/// Finds the route of a request in Pistache's tree of path segments. Immutable once built, so
/// that any thread may ask.
class Router {
  public:
    /// Throws std::invalid_argument for an unknown method, a path that no request could find (one
    /// without a slash at its beginning or with one at its end, or with a parameter that is not a
    /// whole segment), the same method and path twice, or paths that differ only in the names of
    /// their parameters.
    explicit Router(std::vector<Route> routes);

    /// Sets the request's match and path parameters. HEAD finds GET's route.
    void route(Request& request) const;

  private:
    struct Path {
        std::map<Method, const Route*> routes;
        std::string allow;
    };
    /// What the tree holds for a path. Pistache would call it; we only look into it.
    struct Leaf {
        const Path* path;
        Pistache::Rest::Route::Result operator()(const Pistache::Rest::Request&,
                                                 const Pistache::Http::ResponseWriter&) const {
            return Pistache::Rest::Route::Result::Failure;
        }
    };

    const Path* find(std::string_view path, Request* request) const;

    std::deque<Route> routes_;
    std::map<std::string, Path, std::less<>> paths_;
    Pistache::Rest::SegmentTreeNode tree_;
};

/// The answer to a request that no route handles: 404, 405 with Allow, 307 to the path without
/// its trailing slash, or 204 to `OPTIONS *`.
Response answer_without_route(const Request& request);

}  // namespace signalbox::http
