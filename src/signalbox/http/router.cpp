#include "signalbox/http/router.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <set>
#include <stdexcept>

namespace signalbox::http {

namespace {

/// One that a route can have: HEAD is GET's, and the others nobody handles.
Method method_of(const Route& route) {
    const auto method = parse_method(route.method);
    if (!method || *method == Method::Head || *method == Method::Trace ||
        *method == Method::Connect) {
        throw std::invalid_argument("unknown method in the table of routes: " +
                                    std::string(route.method));
    }
    return *method;
}

/// A year, so that a deadline this far off is a time that the clock can have.
constexpr std::chrono::hours longest_timeout{365 * 24};

/// FastAPI's `/items/{id}` as Pistache's tree wants it: `items/:id`. Throws for what no request
/// could ever find, and for what means something else to Pistache.
std::string to_pistache(std::string_view path) {
    std::string segments;
    std::set<std::string_view> names;
    for (std::string_view rest = path; !rest.empty();) {
        rest.remove_prefix(1);  // the slash
        std::string_view segment = rest.substr(0, rest.find('/'));
        rest.remove_prefix(segment.size());
        const bool parameter = segment.starts_with('{') && segment.ends_with('}');
        if (parameter) segment = segment.substr(1, segment.size() - 2);
        if (segment.empty() || segment.starts_with(':') ||
            segment.find_first_of("{}*?") != std::string_view::npos ||
            (parameter && !names.insert(segment).second)) {
            throw std::invalid_argument("a route cannot have this path: " + std::string(path));
        }
        if (!segments.empty()) segments += '/';
        if (parameter) segments += ':';
        segments += segment;
    }
    return segments;
}

/// What paths that match the same requests have in common: `/items/{}` of `/items/{id}`.
std::string without_names(std::string_view path) {
    std::string shape;
    bool in_name = false;
    for (const char c : path) {
        if (c == '}') in_name = false;
        if (!in_name) shape += c;
        if (c == '{') in_name = true;
    }
    return shape;
}

}  // namespace

Router::Router(std::vector<Route> routes)
    : routes_(std::make_move_iterator(routes.begin()), std::make_move_iterator(routes.end())) {
    for (Route& route : routes_) {
        if (route.path.empty() || route.path.front() != '/') {
            throw std::invalid_argument("a route's path must begin with a slash: " +
                                        std::string(route.path));
        }
        if (route.timeout) {
            if (*route.timeout <= std::chrono::nanoseconds::zero()) {
                throw std::invalid_argument(
                    "a route's timeout must be above 0: " + std::string(route.method) + " " +
                    std::string(route.path));
            }
            route.timeout = std::min<std::chrono::nanoseconds>(*route.timeout, longest_timeout);
        }
        Path& path = paths_[std::string(route.path)];
        if (!path.routes.emplace(method_of(route), &route).second) {
            throw std::invalid_argument("this route is there twice: " + std::string(route.method) +
                                        " " + std::string(route.path));
        }
    }
    std::set<std::string> shapes;
    for (auto& [name, path] : paths_) {
        if (!shapes.insert(without_names(name)).second) {
            throw std::invalid_argument("another route differs only in its parameters' names: " +
                                        name);
        }
        for (const auto& [method, route] : path.routes) {
            if (!path.allow.empty()) path.allow += ", ";
            path.allow += to_string(method);
            if (method == Method::Get) path.allow += ", HEAD";
        }
        if (name == "/") continue;  // the tree takes no empty path
        const std::string segments = to_pistache(name);
        // The tree keeps views into the path, so it is given the path to own.
        const std::shared_ptr<char> owned(new char[segments.size()], std::default_delete<char[]>());
        segments.copy(owned.get(), segments.size());
        tree_.addRoute({owned.get(), segments.size()}, Leaf{&path}, owned);
    }
}

void Router::route(Request& request) const {
    const Path* path = find(request.path, &request);
    if (path == nullptr) {
        // Only a slash that was sent as one can be taken off again. Browsers take a backslash for
        // a slash, so a path that begins with `/\\` would send them to another host.
        const std::string_view whole = request.path;
        request.match.redirect = whole.size() > 2 && request.raw_path.ends_with('/') &&
                                 request.raw_path.find('\\') == std::string_view::npos &&
                                 find(whole.substr(0, whole.size() - 1), nullptr) != nullptr;
        return;
    }
    request.match.allow = path->allow;
    if (!request.method_known) return;
    const Method method = request.method == Method::Head ? Method::Get : request.method;
    const auto route = path->routes.find(method);
    if (route != path->routes.end()) request.match.route = route->second;
}

const Router::Path* Router::find(std::string_view path, Request* request) const {
    if (path == "/") {
        const auto root = paths_.find(path);
        return root == paths_.end() ? nullptr : &root->second;
    }
    // Pistache would take `a//b` and `a/` for `a/b` and `a`; FastAPI does not.
    if (path.size() < 2 || path.front() != '/' || path.back() == '/' ||
        path.find("//") != std::string_view::npos) {
        return nullptr;
    }
    const auto [leaf, parameters, splats] = tree_.findRoute(path.substr(1));
    if (!leaf) return nullptr;
    if (request != nullptr) {
        for (const auto& parameter : parameters) {
            request->path_parameters.emplace_back(parameter.name().substr(1),
                                                  parameter.as<std::string>());
        }
    }
    return leaf->handler_.target<Leaf>()->path;
}

Response answer_without_route(const Request& request) {
    if (!request.method_known) {
        // Of any path (RFC 9110, section 9.1).
        return json(
            {{"detail", "This server knows no such method; GET and the like are in capitals"}},
            501);
    }
    if (request.match.redirect) {
        // Relative, so that it is right behind any proxy. The path cannot begin with two slashes
        // and so name another host: the router sends no such path here, and no root path does.
        std::string location(request.root_path);
        location.append(request.raw_path.substr(0, request.raw_path.size() - 1));
        if (!request.query.empty()) location.append("?").append(request.query);
        return redirect(location);
    }
    if (!request.match.allow.empty()) {
        Response response = error(405);
        response.headers.emplace_back("Allow", request.match.allow);
        return response;
    }
    if (request.raw_path == "*") return {.status = 204};
    return error(404);
}

}  // namespace signalbox::http
