// docs/endpoints.md, "Around every request".
#include "signalbox/http/middleware.hpp"

#include "signalbox/api/logger.hpp"
#include "signalbox/application.hpp"
#include "signalbox/http/middleware/compression.hpp"
#include "signalbox/http/middleware/cors.hpp"
#include "signalbox/http/middleware/process_time.hpp"
#include "signalbox/http/middleware/trusted_hosts.hpp"

namespace signalbox::app {

// [snippet: own]
async::Task<http::Response> with_tenant(http::Request& request, const http::Next& next,
                                        api::Logger& log) {
    log.field({"tenant", request.header("X-Tenant").value_or("none")});
    http::Response response = co_await next(request);
    response.headers.emplace_back("X-Api-Version", "2");
    co_return response;
}
// [/snippet]

}  // namespace signalbox::app

namespace signalbox {

void documented_middleware(Application& app) {
    // [snippet: add]
    app.add_middleware(http::compression());
    app.add_middleware<app::with_tenant>();
    app.add_middleware(http::cors({.allow_origins = {"https://shop.example"},
                                   .allow_methods = {"*"},
                                   .allow_headers = {"Authorization"}}));
    // [/snippet]
    // [snippet: more]
    app.add_middleware(http::process_time());
    app.add_middleware(http::trusted_hosts({.allowed_hosts = {"example.com", "*.example.com"}}));
    // [/snippet]
}

}  // namespace signalbox
