#include "signalbox/admin/routes.hpp"

#include <asio/ip/address.hpp>

#include <system_error>
#include <utility>

#include "signalbox/admin/debug.hpp"
#include "signalbox/admin/panel.hpp"
#include "signalbox/http/errors.hpp"

namespace signalbox::admin {

namespace {

using http::Request;
using http::Response;

Response health_response(Health::Report report) {
    return {.status = report.pass ? 200 : 503,
            .content_type = "application/health+json",
            .body = std::move(report.json)};
}

async::Task<Response> livez(Request&, const Health& health) {
    co_return health_response(health.live());
}

async::Task<Response> readyz(Request& request, const Health& health) {
    const bool exclude_database = request.query_parameter("exclude") == "database";
    co_return health_response(health.ready(exclude_database));
}

async::Task<Response> get_metrics(Request&, const observe::Metrics& metrics) {
    co_return Response{.content_type = observe::Metrics::content_type, .body = metrics.text()};
}

async::Task<Response> get_version(Request&, const observe::Resource& service) {
    co_return http::json({{"service", service.service_name},
                          {"version", service.service_version},
                          {"revision", service.revision}});
}

async::Task<Response> get_panel(Request&) {
    co_return Response{
        .content_type = "text/html; charset=utf-8",
        .body = std::string(panel_html),
        .headers = {{"Content-Security-Policy",
                     "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
                     "img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
                     "frame-ancestors 'none'"},
                    {"Cache-Control", "no-cache"}}};
}

bool is_loopback(std::string_view address) {
    std::error_code error;
    return asio::ip::make_address(address, error).is_loopback() && !error;
}

/// Whether a proxy says that it passes on what somebody else asked, be it trusted or not.
bool is_forwarded(const Request& request) {
    return request.header("forwarded") || request.header("x-forwarded-for") ||
           request.header("x-real-ip");
}

/// Others than the machine itself find nothing there. A proxy on this machine does not make those
/// who come through it local, if it says so; one that hides its clients cannot be told from them.
async::Task<Response> only_from_loopback(Request& request, http::Handler handler) {
    if (!is_loopback(request.peer_address) || is_forwarded(request)) {
        throw http::HttpError(404);
    }
    co_return co_await handler(request);
}

}  // namespace

std::vector<http::Route> routes(Instance instance, DebugAccess access) {
    std::vector<http::Route> routes{
        {"GET", "/livez", [=](Request& request) { return livez(request, instance.health); }},
        {"GET", "/readyz", [=](Request& request) { return readyz(request, instance.health); }},
        {"GET", "/metrics",
         [=](Request& request) { return get_metrics(request, instance.metrics); }},
        {"GET", "/version",
         [=](Request& request) { return get_version(request, instance.service); }},
    };
    const std::vector<http::Route> debug_routes{
        {"GET", "/", get_panel},
        {"GET", "/debug/requests",
         [=](Request& request) { return get_requests(request, instance.telemetry); }},
        {"GET", "/debug/log-level",
         [=](Request& request) {
             return get_log_level(request, instance.log, instance.telemetry);
         }},
        {"PUT", "/debug/log-level",
         [=](Request& request) {
             return put_log_level(request, instance.log, instance.telemetry);
         }},
    };
    for (const http::Route& route : debug_routes) {
        routes.push_back(route);
        if (access == DebugAccess::everyone) continue;
        routes.back().handler = [handler = route.handler](Request& request) {
            return only_from_loopback(request, handler);
        };
    }
    // On the API's port, too, they answer when it has more to do than it can: a probe that is
    // turned away would take the instance out just then, and its load would go to the others.
    for (http::Route& route : routes)
        route.sheddable = false;
    return routes;
}

}  // namespace signalbox::admin
