#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "signalbox/http/route.hpp"
#include "signalbox/json.hpp"

namespace signalbox::docs {

/// Where the pages load Swagger UI and Redoc from when the library has them not: as FastAPI's pages
/// do.
constexpr std::string_view default_assets_url = "https://cdn.jsdelivr.net/npm";

struct Options {
    std::string title;  ///< of the API: `{title} - Swagger UI`
    /// The path below which a proxy has the API, which does not see it (FastAPI's `root_path`):
    /// empty, or with a slash in front and none at the end. A request may have another one.
    std::string root_path{};
    /// Where Swagger UI and Redoc are instead, as a URL or a path without a slash at the end;
    /// empty: in the library, or else at default_assets_url. Another origin has to send
    /// Access-Control-Allow-Origin, as CDNs do, for browsers compare what they get with a checksum.
    std::string assets_url{};
};

/// The OpenAPI document for a root path; any thread.
using Document = std::function<JsonText(std::string_view root_path)>;

/// What FastAPI serves of itself: the OpenAPI document at `/openapi.json`, Swagger UI at `/docs`
/// with
/// `/docs/oauth2-redirect`, Redoc at `/redoc`. What these pages load is below `/docs/assets`. Each
/// page has a Content-Security-Policy that lets it run nothing else, ask no other host, and be in
/// no frame.
std::vector<http::Route> routes(const Options& options, const Document& openapi);

/// Throws std::invalid_argument, which names the way out, when one of these routes is GET's and
/// also among the others: it would be a matter of chance which one answers.
void refuse_collisions(const std::vector<http::Route>& docs,
                       const std::vector<http::Route>& others);

}  // namespace signalbox::docs
