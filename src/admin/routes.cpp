#include "admin/routes.hpp"

#include "version.hpp"

namespace signalbox::admin {

namespace {

http::Response health_response(Health::Report report) {
    return {.status = report.pass ? 200 : 503,
            .content_type = "application/health+json",
            .body = std::move(report.json)};
}

async::Task<http::Response> livez(http::Request&, const Health& health) {
    co_return health_response(health.live());
}

async::Task<http::Response> readyz(http::Request& request, const Health& health) {
    const bool exclude_database = request.query_parameter("exclude") == "database";
    co_return health_response(health.ready(exclude_database));
}

async::Task<http::Response> get_version(http::Request&) {
    co_return http::json({{"version", version}, {"revision", revision}});
}

}  // namespace

std::vector<http::Route> routes(const Health& health) {
    return {
        {"GET", "/livez", [&](http::Request& request) { return livez(request, health); }},
        {"GET", "/readyz", [&](http::Request& request) { return readyz(request, health); }},
        {"GET", "/version", get_version},
    };
}

}  // namespace signalbox::admin
