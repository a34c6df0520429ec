#include "signalbox/docs/routes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "signalbox/docs/assets.hpp"
#include "signalbox/docs/scripts.hpp"
#include "signalbox/fast/json_string.hpp"
#include "signalbox/http/wire/accept_encoding.hpp"

namespace signalbox::docs {

namespace {

using http::Request;
using http::Response;

constexpr std::string_view html = "text/html; charset=utf-8";
constexpr std::string_view javascript = "text/javascript; charset=utf-8";

/// For an element's text and for an attribute's value.
std::string escape_html(std::string_view text) {
    std::string escaped;
    append_utf8(escaped, text);
    std::string result;
    for (const char c : escaped) {
        switch (c) {
            case '&':
                result += "&amp;";
                break;
            case '<':
                result += "&lt;";
                break;
            case '>':
                result += "&gt;";
                break;
            case '"':
                result += "&quot;";
                break;
            default:
                result += c;
        }
    }
    return result;
}

/// Where the pages find things.
class Places {
  public:
    explicit Places(const Options& options)
        : root_(options.root_path), assets_(options.assets_url) {
        if (!assets_.empty()) return;
        assets_ = has_assets() ? root_ + std::string(assets_path) : std::string(default_assets_url);
    }

    std::string own(std::string_view path) const { return escape_html(root_ + std::string(path)); }
    std::string of(const Asset& asset) const {
        return escape_html(assets_ + std::string(asset.path()));
    }

    std::string style(const Asset& asset) const {
        return fmt::format(
            R"(<link rel="stylesheet" href="{}" integrity="{}" crossorigin="anonymous">)",
            of(asset), asset.integrity);
    }
    std::string script(const Asset& asset) const {
        return fmt::format(R"(<script src="{}" integrity="{}" crossorigin="anonymous"></script>)",
                           of(asset), asset.integrity);
    }

    /// A source of a Content-Security-Policy that this asset is from. A CDN has everybody's
    /// packages, so of another origin only this version of this package is allowed.
    std::string source(const Asset& asset) const {
        if (assets_.starts_with('/')) return "'self'";
        return assets_ + std::string(asset.path().substr(0, asset.path().find('/', 1) + 1));
    }

  private:
    std::string root_;
    std::string assets_;
};

struct Page {
    std::string html;
    std::string policy;
};

/// Images of descriptions and of answers may be data or blobs that the page has made itself.
constexpr std::string_view policy_of_all =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "connect-src 'self'; ";

Page swagger_ui(std::string_view title, const Places& places) {
    const Asset& bundle = asset("swagger-ui-bundle.js");
    const Asset& css = asset("swagger-ui.css");
    const Asset& icon = asset("favicon-32x32.png");
    const std::string source = places.source(bundle);
    return {
        fmt::format(R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} - Swagger UI</title>
<link rel="icon" type="image/png" href="{icon}">
{style}
</head>
<body>
<div id="swagger-ui"></div>
<noscript>Swagger UI needs JavaScript. The document itself is at <a href="{openapi}">{openapi}</a>.</noscript>
{bundle}
<script src="{start}" data-openapi-url="{openapi}" data-oauth2-redirect-url="{redirect}"></script>
</body>
</html>
)",
                    fmt::arg("title", escape_html(title)), fmt::arg("icon", places.of(icon)),
                    fmt::arg("style", places.style(css)), fmt::arg("bundle", places.script(bundle)),
                    fmt::arg("start", places.own("/docs/assets/swagger-ui.js")),
                    fmt::arg("openapi", places.own("/openapi.json")),
                    fmt::arg("redirect", places.own("/docs/oauth2-redirect"))),
        fmt::format(
            "{}script-src 'self' {source}; style-src {source}; img-src 'self' {source} data: "
            "blob:; media-src 'self' blob:",
            policy_of_all, fmt::arg("source", source))};
}

/// Where an authorization server sends the browser back to: the script hands what that says to the
/// page that has opened this one.
Page oauth2_redirect(const Places& places) {
    const Asset& script = asset("oauth2-redirect.js");
    return {fmt::format(R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Swagger UI: OAuth2 Redirect</title>
<link rel="icon" href="data:,">
</head>
<body>
{}
</body>
</html>
)",
                        places.script(script)),
            fmt::format("{}script-src {}; img-src data:", policy_of_all, places.source(script))};
}

Page redoc(std::string_view title, const Places& places) {
    const Asset& bundle = asset("redoc.standalone.js");
    // Of Redoc 2.5.4: the elements that it fills by calls, which no policy is asked about, but
    // empty, and the one style that it adds as text, that of scroll bars.
    constexpr auto styles =
        "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=' "
        "'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc='";
    return {fmt::format(R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} - ReDoc</title>
<link rel="icon" href="data:,">
</head>
<body>
<div id="redoc"></div>
<noscript>Redoc needs JavaScript. The document itself is at <a href="{openapi}">{openapi}</a>.</noscript>
{bundle}
<script src="{start}" data-openapi-url="{openapi}"></script>
</body>
</html>
)",
                        fmt::arg("title", escape_html(title)),
                        fmt::arg("bundle", places.script(bundle)),
                        fmt::arg("start", places.own("/docs/assets/redoc.js")),
                        fmt::arg("openapi", places.own("/openapi.json"))),
            fmt::format("{}script-src 'self' {}; style-src {}; img-src 'self' data:; "
                        "worker-src blob:",
                        policy_of_all, places.source(bundle), styles)};
}

// What these are given lives in the route, which lives longer than any request.

Response answer_page(JsonText body, const std::string& policy) {
    return {.content_type = std::string(html),
            .body = std::move(body),
            .headers = {{"Content-Security-Policy", policy}, {"Cache-Control", "no-cache"}}};
}

async::Task<Response> answer(const JsonText& body, const std::string& policy) {
    co_return answer_page(body, policy);
}

async::Task<Response> answer_document(JsonText openapi) {
    co_return http::json(std::move(openapi));
}

/// These change with the library, whose version is not in their path.
async::Task<Response> answer_script(std::string_view script) {
    co_return Response{.content_type = std::string(javascript),
                       .body = std::string(script),
                       .headers = {{"Cache-Control", "no-cache"}}};
}

async::Task<Response> answer_below(std::string_view root_path,
                                   const std::function<Page(const Places&)>& write,
                                   const Options& options) {
    Options those = options;
    those.root_path = root_path;
    Page page = write(Places(those));
    co_return answer_page(JsonText(std::move(page.html)), page.policy);
}

http::Route page_route(std::string_view path, const Options& options,
                       const std::function<Page(const Places&)>& write) {
    Page page = write(Places(options));
    return {"GET", path,
            [options, write, body = JsonText(std::move(page.html)),
             policy = std::move(page.policy)](Request& request) {
                const bool usual = request.root_path == options.root_path;
                return usual ? answer(body, policy)
                             : answer_below(request.root_path, write, options);
            }};
}

http::Route document_route(const Options& options, const Document& openapi) {
    return {"GET", "/openapi.json",
            [root_path = options.root_path, usual = openapi(options.root_path),
             openapi](Request& request) {
                return answer_document(request.root_path == root_path ? usual
                                                                      : openapi(request.root_path));
            }};
}

/// What of an asset is sent: made when it is first asked for, because most instances never are.
class Served {
  public:
    explicit Served(const Asset& asset) : asset_(asset) {}

    Response answer(bool compressed) {
        std::call_once(compressed ? compressed_once_ : inflated_once_, [&] {
            (compressed ? compressed_ : inflated_) =
                JsonText(compressed ? std::string(asset_.gzip) : inflate(asset_.gzip));
        });
        Response response{.content_type = std::string(asset_.content_type),
                          .body = compressed ? compressed_ : inflated_,
                          .headers = {{"Cache-Control", "public, max-age=31536000, immutable"},
                                      {"Vary", "Accept-Encoding"},
                                      {"Access-Control-Allow-Origin", "*"}}};
        if (asset_.content_type.starts_with("text/")) response.content_type += "; charset=utf-8";
        if (compressed) response.headers.emplace_back("Content-Encoding", "gzip");
        return response;
    }

  private:
    const Asset& asset_;
    std::once_flag compressed_once_;
    std::once_flag inflated_once_;
    JsonText compressed_;
    JsonText inflated_;
};

async::Task<Response> answer_asset(Request& request, Served& served) {
    co_return served.answer(
        http::accepts_gzip(request.header("accept-encoding").value_or(std::string_view{})));
}

}  // namespace

std::vector<http::Route> routes(const Options& options, const Document& openapi) {
    std::vector<http::Route> routes{
        document_route(options, openapi),
        page_route(
            "/docs", options,
            [title = options.title](const Places& places) { return swagger_ui(title, places); }),
        page_route("/docs/oauth2-redirect", options, oauth2_redirect),
        page_route("/redoc", options,
                   [title = options.title](const Places& places) { return redoc(title, places); }),
        {"GET", "/docs/assets/swagger-ui.js",
         [](Request&) { return answer_script(swagger_ui_script); }},
        {"GET", "/docs/assets/redoc.js", [](Request&) { return answer_script(redoc_script); }},
    };
    if (!has_assets()) return routes;
    for (const Asset& asset : assets()) {
        routes.push_back(
            {"GET", asset.served_at, [served = std::make_shared<Served>(asset)](Request& request) {
                 return answer_asset(request, *served);
             }});
    }
    return routes;
}

void refuse_collisions(const std::vector<http::Route>& docs,
                       const std::vector<http::Route>& others) {
    for (const http::Route& route : docs) {
        const bool taken = std::ranges::any_of(others, [&route](const http::Route& other) {
            return other.method == route.method && other.path == route.path;
        });
        if (taken) {
            throw std::invalid_argument(fmt::format(
                "{} {} is an endpoint of the application, and {} is where the API is documented: "
                "give the endpoint another path, or say --docs off",
                route.method, route.path, route.path));
        }
    }
}

}  // namespace signalbox::docs
