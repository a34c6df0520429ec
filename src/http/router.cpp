#include "http/router.hpp"

#include <memory>
#include <stdexcept>

namespace signalbox::http {

namespace {

Method parse_method(std::string_view name) {
    for (const Method method :
         {Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete, Method::Options}) {
        if (Pistache::Http::methodString(method) == name) return method;
    }
    throw std::invalid_argument("unknown method in the table of routes: " + std::string(name));
}

/// FastAPI's `/users/{id}` as Pistache's tree wants it: `users/:id`.
std::string to_pistache(std::string_view path) {
    std::string segments;
    for (const char c : path.substr(1)) {
        if (c == '{') segments += ':';
        if (c != '{' && c != '}') segments += c;
    }
    return segments;
}

}  // namespace

Router::Router(std::vector<Route> routes)
    : routes_(std::make_move_iterator(routes.begin()), std::make_move_iterator(routes.end())) {
    for (const Route& route : routes_) {
        if (route.path.empty() || route.path.front() != '/') {
            throw std::invalid_argument("a route's path must begin with a slash: " +
                                        std::string(route.path));
        }
        Path& path = paths_[std::string(route.path)];
        if (!path.routes.emplace(parse_method(route.method), &route).second) {
            throw std::invalid_argument("this route is there twice: " + std::string(route.method) +
                                        " " + std::string(route.path));
        }
    }
    for (auto& [name, path] : paths_) {
        for (const auto& [method, route] : path.routes) {
            if (!path.allow.empty()) path.allow += ", ";
            path.allow += Pistache::Http::methodString(method);
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
        const std::string_view whole = request.path;
        request.match.redirect = whole.size() > 1 && whole.back() == '/' &&
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

}  // namespace signalbox::http
