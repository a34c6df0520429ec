#include "signalbox/http/router.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace signalbox::http {
namespace {

std::optional<std::string> header_of_response(const Response& response, std::string_view name) {
    for (const auto& [known, value] : response.headers) {
        if (known == name) return value;
    }
    return std::nullopt;
}

using Table = std::vector<Route>;
using Parameters = std::vector<std::pair<std::string, std::string>>;

async::Task<Response> nothing(Request&) {
    co_return Response{};
}

Table table(std::initializer_list<std::pair<std::string_view, std::string_view>> routes) {
    Table table;
    for (const auto& [method, path] : routes)
        table.push_back({method, path, nothing});
    return table;
}

std::unique_ptr<Request> route(const Router& router, Method method, std::string_view path,
                               std::string_view raw_path = {}) {
    auto request = std::make_unique<Request>();
    request->method = method;
    request->path = path;
    request->raw_path = raw_path.empty() ? path : raw_path;
    router.route(*request);
    return request;
}

/// What a GET of the path finds: the route's template, or nothing.
std::string found(const Router& router, std::string_view path) {
    const auto request = route(router, Method::Get, path);
    return request->match.route == nullptr ? "" : std::string(request->match.route->path);
}

TEST(Router, finds_the_route_of_method_and_path) {
    const Router router(table({{"GET", "/"},
                               {"GET", "/users"},
                               {"POST", "/users"},
                               {"GET", "/users/all"},
                               {"GET", "/a/b/c"}}));
    for (const std::string_view path : {"/", "/users", "/users/all", "/a/b/c"}) {
        EXPECT_EQ(found(router, path), path);
    }
    const auto post = route(router, Method::Post, "/users");
    ASSERT_NE(post->match.route, nullptr);
    EXPECT_EQ(post->match.route->method, "POST");
    for (const std::string_view path :
         {"/user", "/userss", "/users/none", "/a", "/a/b", "/a/b/c/d", "/Users", "/users ", "*", "",
          "users", "/users/all/x", "/:id", "/*"}) {
        EXPECT_EQ(found(router, path), "") << path;
        EXPECT_EQ(route(router, Method::Get, path)->match.allow, "") << path;
    }
}

TEST(Router, without_a_root_has_none) {
    EXPECT_EQ(found(Router(table({{"GET", "/a"}})), "/"), "");
    EXPECT_EQ(found(Router({}), "/"), "");
    EXPECT_EQ(found(Router({}), "/a"), "");
}

TEST(Router, gives_head_the_route_of_get_only) {
    const Router router(table({{"GET", "/a"}, {"POST", "/b"}}));
    const auto head = route(router, Method::Head, "/a");
    ASSERT_NE(head->match.route, nullptr);
    EXPECT_EQ(head->match.route->method, "GET");
    EXPECT_EQ(route(router, Method::Head, "/b")->match.route, nullptr);
    EXPECT_EQ(route(router, Method::Head, "/b")->match.allow, "POST");
}

TEST(Router, says_which_methods_a_path_has) {
    const Router router(
        table({{"POST", "/a"}, {"GET", "/a"}, {"DELETE", "/b"}, {"PUT", "/c"}, {"PATCH", "/c"}}));
    const auto put = route(router, Method::Put, "/a");
    EXPECT_EQ(put->match.route, nullptr);
    EXPECT_EQ(put->match.allow, "GET, HEAD, POST");
    EXPECT_EQ(route(router, Method::Get, "/b")->match.allow, "DELETE");
    EXPECT_EQ(route(router, Method::Trace, "/c")->match.allow, "PUT, PATCH");
    EXPECT_EQ(route(router, Method::Options, "/c")->match.route, nullptr);
}

TEST(Router, has_no_route_for_a_method_it_does_not_know) {
    const Router router(table({{"GET", "/a"}}));
    Request request;
    request.method_known = false;  // and `method` is meaningless: it says Get
    request.path = "/a";
    request.raw_path = request.path;
    router.route(request);
    EXPECT_EQ(request.match.route, nullptr);
    EXPECT_EQ(request.match.allow, "GET, HEAD");
    EXPECT_FALSE(request.match.redirect);
}

TEST(Router, knows_a_path_without_its_trailing_slash) {
    const Router router(table({{"GET", "/a"}, {"GET", "/b/{id}"}, {"POST", "/c"}, {"GET", "/"}}));
    for (const std::string_view path : {"/a/", "/b/1/", "/c/"}) {
        const auto request = route(router, Method::Get, path);
        EXPECT_EQ(request->match.route, nullptr) << path;
        EXPECT_EQ(request->match.allow, "") << path;
        EXPECT_TRUE(request->match.redirect) << path;
        EXPECT_TRUE(request->path_parameters.empty()) << path;
    }
    for (const std::string_view path : {"/a", "/", "/none/", "/a//", "/b/", "//a/", "/a/b/"}) {
        EXPECT_FALSE(route(router, Method::Get, path)->match.redirect) << path;
    }
}

TEST(Router, redirects_only_when_a_slash_can_be_taken_off_what_was_sent) {
    const Router router(table({{"GET", "/a"}}));
    EXPECT_FALSE(route(router, Method::Get, "/a/", "/a%2F")->match.redirect);
    EXPECT_TRUE(route(router, Method::Get, "/a/", "/%61/")->match.redirect);
}

TEST(Router, sends_nobody_to_another_host) {
    // Browsers take a backslash for a slash, and what begins with two names a host.
    const Router router(table({{"GET", "/"}, {"GET", "/{page}"}, {"GET", "/{a}/{b}"}}));
    for (const std::string_view path : {"/\\evil.example/", "/\\/evil/", "//evil.example/", "//"}) {
        EXPECT_FALSE(route(router, Method::Get, path)->match.redirect) << path;
    }
}

TEST(Router, takes_doubled_slashes_for_what_they_are) {
    const Router router(table({{"GET", "/"}, {"GET", "/a/b"}, {"GET", "/{id}/c"}}));
    for (const std::string_view path : {"//", "//a/b", "/a//b", "/a/b//", "//c", "///"}) {
        EXPECT_EQ(found(router, path), "") << path;
    }
}

TEST(Router, finds_path_parameters_by_name) {
    const Router router(
        table({{"GET", "/users/{id}"}, {"GET", "/users/{id}/posts/{post}"}, {"GET", "/users/me"}}));
    const auto user = route(router, Method::Get, "/users/42");
    ASSERT_NE(user->match.route, nullptr);
    EXPECT_EQ(user->match.route->path, "/users/{id}");
    EXPECT_EQ(user->path_parameter("id"), "42");
    EXPECT_EQ(user->path_parameter("post"), std::nullopt);
    const auto post = route(router, Method::Get, "/users/a b/posts/c");
    EXPECT_EQ(post->path_parameters, (Parameters{{"id", "a b"}, {"post", "c"}}));
    // What is written out goes before a parameter.
    const auto me = route(router, Method::Get, "/users/me");
    EXPECT_EQ(me->match.route->path, "/users/me");
    EXPECT_TRUE(me->path_parameters.empty());
    const auto my_posts = route(router, Method::Get, "/users/me/posts/1");
    EXPECT_EQ(my_posts->path_parameters, (Parameters{{"id", "me"}, {"post", "1"}}));
    EXPECT_EQ(found(router, "/users"), "");
    EXPECT_EQ(found(router, "/users//posts/1"), "");
}

TEST(Router, hands_over_parameters_with_any_bytes) {
    const Router router(table({{"GET", "/{text}"}}));
    for (const std::string_view text :
         {"caf\xc3\xa9", " two  words ", "\xff", "a:b", ":id", "*", "?", "{x}", "+1", "\t"}) {
        EXPECT_EQ(route(router, Method::Get, "/" + std::string(text))->path_parameter("text"),
                  text);
    }
}

TEST(Router, leaves_no_parameters_of_a_route_that_did_not_fit) {
    const Router router(table({{"GET", "/{a}/x"}, {"GET", "/{a}/{b}/y"}}));
    EXPECT_EQ(route(router, Method::Get, "/1/x")->path_parameters, (Parameters{{"a", "1"}}));
    EXPECT_EQ(route(router, Method::Get, "/1/2/y")->path_parameters,
              (Parameters{{"a", "1"}, {"b", "2"}}));
    EXPECT_TRUE(route(router, Method::Get, "/1/2/z")->path_parameters.empty());
}

TEST(Router, bears_a_path_of_very_many_segments) {
    const Router router(table({{"GET", "/{a}/{b}"}}));
    std::string path;
    for (int i = 0; i < 16000; ++i)
        path += "/x";
    EXPECT_EQ(found(router, path), "");
}

TEST(Router, keeps_its_own_copy_of_the_handlers) {
    auto alive = std::make_shared<int>(1);
    const std::weak_ptr<int> watched = alive;
    {
        Table routes;
        routes.push_back({"GET", "/a", [alive](Request& request) { return nothing(request); }});
        const Router router(std::move(routes));
        alive.reset();
        routes.clear();
        EXPECT_FALSE(watched.expired());
        EXPECT_TRUE(route(router, Method::Get, "/a")->match.route->handler);
    }
    EXPECT_TRUE(watched.expired());
}

class BadTable : public testing::TestWithParam<Table> {};

TEST_P(BadTable, is_refused) {
    EXPECT_THROW(Router{GetParam()}, std::invalid_argument);
}

INSTANTIATE_TEST_SUITE_P(
    all, BadTable,
    testing::Values(table({{"GET", ""}}), table({{"GET", "users"}}), table({{"FETCH", "/a"}}),
                    table({{"get", "/a"}}), table({{"", "/a"}}), table({{"HEAD", "/a"}}),
                    table({{"GET", "/a"}, {"GET", "/a"}}),
                    table({{"GET", "/{id}"}, {"GET", "/{id}"}}),
                    // Paths that no request could ever find, or only one of two.
                    table({{"GET", "/a/"}}), table({{"GET", "/a//b"}}), table({{"GET", "//"}}),
                    table({{"GET", "/{id}"}, {"GET", "/{name}"}}),
                    table({{"GET", "/{id}/a"}, {"PUT", "/{name}/a"}}), table({{"GET", "/a{id}"}}),
                    table({{"GET", "/{id"}}), table({{"GET", "/id}"}}), table({{"GET", "/{}"}}),
                    table({{"GET", "/{a}b"}}), table({{"GET", "/{{a}}"}}),
                    table({{"GET", "/{a}{b}"}}), table({{"GET", "/{a}/{a}"}}),
                    // What means something else to Pistache.
                    table({{"GET", "/:id"}}), table({{"GET", "/*"}}), table({{"GET", "/a?"}})),
    [](const auto& info) { return "row_" + std::to_string(info.index); });

TEST(Router, has_the_body_limit_of_the_route_or_the_usual_one) {
    const Router router(
        {{.method = "POST", .path = "/large", .handler = nothing, .body_limit = 100},
         {.method = "GET", .path = "/large", .handler = nothing, .body_limit = 1},
         {.method = "POST", .path = "/none", .handler = nothing, .body_limit = 0},
         {.method = "POST", .path = "/usual", .handler = nothing}});
    const auto limit = [&](Method method, std::string_view path) {
        Request request;
        request.method = method;
        request.path = path;
        request.raw_path = path;
        const std::size_t found = router.on_head(request, 16);
        EXPECT_EQ(request.match.route != nullptr, found != 16 || path == "/usual") << path;
        return found;
    };
    EXPECT_EQ(limit(Method::Post, "/large"), 100U);
    EXPECT_EQ(limit(Method::Get, "/large"), 1U);
    EXPECT_EQ(limit(Method::Head, "/large"), 1U) << "HEAD is GET's";
    EXPECT_EQ(limit(Method::Post, "/none"), 0U);
    EXPECT_EQ(limit(Method::Post, "/usual"), 16U);
    EXPECT_EQ(limit(Method::Put, "/large"), 16U) << "not with this method";
    EXPECT_EQ(limit(Method::Post, "/unknown"), 16U);
    EXPECT_EQ(limit(Method::Post, "/large/"), 16U);
}

TEST(Router, takes_timeouts_that_a_deadline_can_be_made_of) {
    using namespace std::chrono_literals;
    const auto router = [](std::chrono::nanoseconds timeout) {
        return Router({{.method = "GET", .path = "/", .handler = nothing, .timeout = timeout}});
    };
    EXPECT_THROW(router(0ns), std::invalid_argument);
    EXPECT_THROW(router(-1s), std::invalid_argument);
    EXPECT_EQ(router(1ns).routes().front().timeout, 1ns);
    EXPECT_EQ(router(std::chrono::nanoseconds::max()).routes().front().timeout, 365 * 24h);
}

TEST(Router, leaves_a_request_with_the_size_of_all_it_has_then) {
    const Router router(table({{"GET", "/things/{name}"}}));
    const auto request = route(router, Method::Get, "/things/" + std::string(10'000, 'x'));
    ASSERT_EQ(request->path_parameter("name")->size(), 10'000U);
    EXPECT_GT(request->memory_size(), 20'000U) << "the path, and the parameter besides";
}

TEST(WithoutRoute, is_not_found) {
    Request request;
    request.raw_path = "/none";
    EXPECT_EQ(answer_without_route(request).status, 404);
    EXPECT_EQ(answer_without_route(request).body.view(), R"({"detail":"Not Found"})");
}

TEST(WithoutRoute, lists_the_methods_that_the_path_has) {
    Request request;
    request.raw_path = "/users";
    request.match.allow = "GET, HEAD";
    const Response response = answer_without_route(request);
    EXPECT_EQ(response.status, 405);
    EXPECT_EQ(response.body.view(), R"({"detail":"Method Not Allowed"})");
    EXPECT_EQ(header_of_response(response, "Allow"), "GET, HEAD");
}

TEST(WithoutRoute, knows_no_such_method_on_any_path) {
    Request request;
    request.method_known = false;
    for (const char* allow : {"", "GET, HEAD"}) {
        request.match.allow = allow;
        request.match.redirect = true;
        const Response response = answer_without_route(request);
        EXPECT_EQ(response.status, 501);
        EXPECT_NE(response.body.view().find("no such method"), std::string_view::npos);
    }
}

TEST(WithoutRoute, redirects_to_what_may_stand_in_a_header) {
    Request request;
    request.raw_path = "/a/";
    request.match.redirect = true;
    request.query = "q=caf\xc3\xa9%20&\"";
    EXPECT_EQ(header_of_response(answer_without_route(request), "Location"),
              "/a?q=caf%C3%A9%20&%22");
}

TEST(WithoutRoute, redirects_relatively_and_keeps_the_query_as_sent) {
    Request request;
    request.raw_path = "/caf%C3%A9/";
    request.match.redirect = true;
    EXPECT_EQ(answer_without_route(request).status, 307);
    EXPECT_EQ(header_of_response(answer_without_route(request), "Location"), "/caf%C3%A9");
    request.query = "a=%20&b";
    EXPECT_EQ(header_of_response(answer_without_route(request), "Location"), "/caf%C3%A9?a=%20&b");
}

TEST(WithoutRoute, redirects_below_the_path_that_a_proxy_has_it_at) {
    Request request;
    request.raw_path = "/users/";
    request.root_path = "/shop/v1";
    request.query = "a=1";
    request.match.redirect = true;
    EXPECT_EQ(header_of_response(answer_without_route(request), "Location"), "/shop/v1/users?a=1");
}

TEST(WithoutRoute, answers_options_of_the_server_as_a_whole) {
    Request request;
    request.raw_path = "*";
    const Response response = answer_without_route(request);
    EXPECT_EQ(response.status, 204);
    EXPECT_EQ(response.body.view(), "");
}

}  // namespace
}  // namespace signalbox::http
