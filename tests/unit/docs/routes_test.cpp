#include "signalbox/docs/routes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "signalbox/docs/assets.hpp"
#include "signalbox/testing/run.hpp"

namespace signalbox::docs {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string header(const http::Response& response, std::string_view name) {
    for (const auto& [key, value] : response.headers) {
        if (key == name) return value;
    }
    return "";
}

struct Documents : testing::Test {
    /// What a GET of the path is answered with.
    static http::Response get(const std::vector<http::Route>& routes, std::string_view path,
                              std::string_view accept_encoding = {},
                              std::string_view root_path = {}) {
        const auto route =
            std::ranges::find_if(routes, [path](const auto& each) { return each.path == path; });
        if (route == routes.end()) throw std::runtime_error("no such route: " + std::string(path));
        EXPECT_EQ(route->method, "GET");
        http::Request request;
        request.root_path = root_path;
        if (!accept_encoding.empty())
            request.headers.push_back({"Accept-Encoding", accept_encoding});
        return test::run(route->handler(request));
    }
    static http::Response get(const Options& options, std::string_view path) {
        return get_below(options.root_path, options, path);
    }
    /// Of a request that came below this path.
    static http::Response get_below(std::string_view root_path, const Options& options,
                                    std::string_view path) {
        const auto document = [](auto) { return JsonText(R"({"openapi":"3.1.0"})"); };
        return get(routes(options, document), path, {}, root_path);
    }
    static std::string body(const http::Response& response) {
        return std::string(response.body.view());
    }
};

TEST_F(Documents, are_where_fastapi_has_them) {
    const Options options{.title = "Shop"};
    const auto document = get(options, "/openapi.json");
    EXPECT_EQ(document.status, 200);
    EXPECT_EQ(document.content_type, "") << "which is application/json";
    EXPECT_EQ(body(document), R"({"openapi":"3.1.0"})");
    for (const auto& [path, title] :
         {std::pair{"/docs", "<title>Shop - Swagger UI</title>"},
          std::pair{"/redoc", "<title>Shop - ReDoc</title>"},
          std::pair{"/docs/oauth2-redirect", "<title>Swagger UI: OAuth2 Redirect</title>"}}) {
        const auto page = get(options, path);
        EXPECT_EQ(page.status, 200) << path;
        EXPECT_EQ(page.content_type, "text/html; charset=utf-8") << path;
        EXPECT_THAT(body(page), HasSubstr(title));
    }
    for (const char* path : {"/docs", "/redoc"})
        EXPECT_THAT(body(get(options, path)), HasSubstr(R"(data-openapi-url="/openapi.json")"));
}

TEST_F(Documents, run_nothing_inline_and_ask_nobody_else) {
    const Options options{.title = "Shop", .assets_url = "/static"};
    for (const char* path : {"/docs", "/redoc", "/docs/oauth2-redirect"}) {
        const auto page = get(options, path);
        EXPECT_THAT(header(page, "Content-Security-Policy"),
                    AllOf(HasSubstr("default-src 'none'; "), HasSubstr("script-src 'self'"),
                          HasSubstr("frame-ancestors 'none'"), HasSubstr("connect-src 'self'"),
                          Not(HasSubstr("unsafe")), Not(HasSubstr("http"))))
            << path;
        EXPECT_THAT(body(page), AllOf(Not(HasSubstr("<script>")), Not(HasSubstr("http")),
                                      Not(HasSubstr("style="))))
            << path;
    }
}

TEST_F(Documents, are_below_the_root_path_of_the_request_where_it_has_another) {
    const Options options{.title = "Shop", .root_path = "/shop"};
    EXPECT_THAT(body(get_below("/other", options, "/docs")), HasSubstr("\"/other/openapi.json\""));
    EXPECT_THAT(body(get_below("/other", options, "/redoc")), HasSubstr("\"/other/openapi.json\""));
    EXPECT_THAT(body(get_below("", options, "/docs")), HasSubstr("\"/openapi.json\""));
    const auto documents = routes(
        options, [](auto root_path) { return JsonText("\"" + std::string(root_path) + "\""); });
    EXPECT_EQ(body(get(documents, "/openapi.json", {}, "/other")), "\"/other\"");
    EXPECT_EQ(body(get(documents, "/openapi.json", {}, "/shop")), "\"/shop\"");
}

TEST_F(Documents, are_below_the_root_path) {
    const Options options{.title = "Shop", .root_path = "/shop/v1", .assets_url = "/static"};
    EXPECT_THAT(body(get(options, "/docs")),
                AllOf(HasSubstr(R"(data-openapi-url="/shop/v1/openapi.json")"),
                      HasSubstr(R"(data-oauth2-redirect-url="/shop/v1/docs/oauth2-redirect")"),
                      HasSubstr(R"(src="/shop/v1/docs/assets/swagger-ui.js")"),
                      Not(HasSubstr("\"/docs")), Not(HasSubstr("\"/openapi"))));
    EXPECT_THAT(body(get(options, "/redoc")),
                AllOf(HasSubstr(R"(data-openapi-url="/shop/v1/openapi.json")"),
                      HasSubstr(R"(src="/shop/v1/docs/assets/redoc.js")"),
                      Not(HasSubstr("\"/docs")), Not(HasSubstr("\"/openapi"))));
}

TEST_F(Documents, load_pinned_versions_with_their_checksums) {
    const Options options{.title = "Shop", .assets_url = "https://cdn.example.com/npm"};
    const Asset& bundle = asset("swagger-ui-bundle.js");
    const auto page = get(options, "/docs");
    EXPECT_THAT(std::string(bundle.path()), StartsWith("/swagger-ui-dist@5."));
    EXPECT_THAT(body(page),
                HasSubstr("src=\"https://cdn.example.com/npm" + std::string(bundle.path()) +
                          "\" integrity=\"" + std::string(bundle.integrity) + "\" crossorigin="));
    const std::string package(bundle.path().substr(0, bundle.path().find('/', 1) + 1));
    EXPECT_THAT(header(page, "Content-Security-Policy"),
                HasSubstr("script-src 'self' https://cdn.example.com/npm" + package + ';'))
        << "a CDN has everybody's packages";
    EXPECT_THAT(header(get(options, "/redoc"), "Content-Security-Policy"),
                HasSubstr("script-src 'self' https://cdn.example.com/npm/redoc@"));
}

TEST_F(Documents, load_from_the_library_or_else_from_where_fastapi_does) {
    const Options options{.title = "Shop", .root_path = "/v1"};
    const std::string page = body(get(options, "/docs"));
    EXPECT_THAT(page,
                HasSubstr(has_assets() ? "src=\"/v1/docs/assets/swagger-ui-dist@"
                                       : "src=\"https://cdn.jsdelivr.net/npm/swagger-ui-dist@"));
}

TEST_F(Documents, show_a_title_that_is_text) {
    const Options options{.title = R"(</title><script>alert("&")</script>)"
                                   "\xff"};
    for (const char* path : {"/docs", "/redoc"}) {
        EXPECT_THAT(body(get(options, path)),
                    AllOf(HasSubstr("<title>&lt;/title&gt;&lt;script&gt;alert(&quot;&amp;&quot;)"
                                    "&lt;/script&gt;\xef\xbf\xbd - "),
                          Not(HasSubstr("alert(\""))))
            << path;
    }
}

TEST_F(Documents, refuse_an_endpoint_that_is_in_their_place) {
    const auto documents = routes({.title = "Shop"}, [](auto) { return JsonText("{}"); });
    const auto nothing = [](http::Request&) -> async::Task<http::Response> {
        co_return http::Response{};
    };
    EXPECT_NO_THROW(refuse_collisions(
        documents,
        {{"POST", "/docs", nothing}, {"GET", "/docs/more", nothing}, {"GET", "/{page}", nothing}}));
    try {
        refuse_collisions(documents, {{"GET", "/items", nothing}, {"GET", "/redoc", nothing}});
        ADD_FAILURE() << "was accepted";
    } catch (const std::invalid_argument& error) {
        EXPECT_THAT(error.what(), AllOf(HasSubstr("GET /redoc"), HasSubstr("--docs off")));
    }
}

TEST(Inflate, gives_what_was_compressed_and_refuses_what_is_broken) {
    using namespace std::string_view_literals;
    // printf 'signalbox' | gzip -n
    constexpr std::string_view gzip =
        "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x2b\xce\x4c\xcf\x4b\xcc\x49\xca\xaf\x00\x00"
        "\x01\xcb\x26\xbe"
        "\x09\x00\x00\x00"sv;
    EXPECT_EQ(inflate(gzip), "signalbox");
    std::string flipped(gzip);
    flipped[12] ^= 1;
    for (const std::string& broken :
         {std::string(), std::string("signalbox"), std::string(gzip.substr(0, gzip.size() - 1)),
          std::string(gzip) + "more", flipped}) {
        EXPECT_THROW(inflate(broken), std::runtime_error) << testing::PrintToString(broken);
    }
}

}  // namespace
}  // namespace signalbox::docs
