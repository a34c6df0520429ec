#pragma once

#include <pistache/router.h>

#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "signalbox/http/request.hpp"
#include "signalbox/http/response.hpp"
#include "signalbox/http/route.hpp"
#include "signalbox/http/wire/request_decoder.hpp"

namespace signalbox::http {

/// Finds the route of a request in Pistache's tree of path segments. Immutable once built, so
/// that any thread may ask.
class Router final : public HeadReceiver {
  public:
    /// Throws std::invalid_argument for an unknown method, a path that no request could find (one
    /// without a slash at its beginning or with one at its end, or with a parameter that is not a
    /// whole segment), the same method and path twice, paths that differ only in the names of their
    /// parameters, or a timeout of nothing.
    explicit Router(std::vector<Route> routes);

    /// Sets the request's match and path parameters. HEAD finds GET's route.
    void route(Request& request) const;

    /// Routes it, and has the route's limit for its body.
    std::size_t on_head(Request& request, std::size_t usual_body_limit) const override {
        route(request);
        const Route* const found = request.match.route;
        return found != nullptr && found->body_limit ? *found->body_limit : usual_body_limit;
    }

    const std::deque<Route>& routes() const noexcept { return routes_; }

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

/// The answer to a request that no route handles: 404, 405 with Allow, 501 to a method that nobody
/// knows, 307 to the path without its trailing slash, or 204 to `OPTIONS *`.
Response answer_without_route(const Request& request);

}  // namespace signalbox::http
