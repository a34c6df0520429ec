#include "signalbox/http/middleware.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "signalbox/api/module.hpp"
#include "signalbox/async/sleep.hpp"
#include "signalbox/http/errors.hpp"
#include "signalbox/testing/client.hpp"

namespace signalbox::api {
namespace {

using namespace std::chrono_literals;
using test::Client;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Optional;

using Text = std::string_view;

async::Task<http::Response> hello() {
    co_return http::json({{"hello", "you"}});
}
async::Task<http::Response> fail() {
    co_await async::sleep_for(1ms);
    throw std::runtime_error("secret");
}
struct OutOfStock : std::runtime_error {
    using std::runtime_error::runtime_error;
};
async::Task<http::Response> sell() {
    throw OutOfStock("no pens");
    co_return http::Response{};
}
http::Response answer_out_of_stock(const OutOfStock& error) {
    return {.status = 409, .body = std::string(error.what())};
}
async::Task<int> twice(int number) {
    co_return 2 * number;
}
struct Text40 {
    std::string text;
};
async::Task<http::Response> keep(Text40 text) {
    co_return http::Response{.body = text.text};
}

Module endpoints() {
    Module module;
    module.get<hello>("/hello").get<fail>("/fail").get<sell>("/sell").get<twice>("/twice/{number}");
    module.post<keep>("/small", {.body_limit = 40});
    return module;
}

/// A service.
struct Seen {
    std::vector<std::string> all;
};

/// What a middleware learns of a request, and adds.
async::Task<http::Response> note(http::Request& request, const http::Next& next, Seen& seen) {
    std::string line(request.method_name);
    line.append(" ").append(request.path);
    http::Response response = co_await next(request);
    line.append(" ").append(std::to_string(response.status));
    seen.all.push_back(line);
    response.headers.emplace_back("X-Seen", line);
    co_return response;
}

TEST(Middleware, sees_every_response_the_servers_own_included) {
    Seen seen;
    Module module = endpoints();
    module.provide(seen).on_error<OutOfStock, answer_out_of_stock>().add_middleware<note>();
    Client client(module);
    const auto is_shown = [](const test::Response& response, Text line) {
        return response.header("X-Seen") == line;
    };
    EXPECT_PRED2(is_shown, client.get("/hello"), "GET /hello 200");
    EXPECT_PRED2(is_shown, client.head("/hello"), "HEAD /hello 200");
    EXPECT_PRED2(is_shown, client.get("/none"), "GET /none 404");
    EXPECT_PRED2(is_shown, client.del("/hello"), "DELETE /hello 405");
    EXPECT_PRED2(is_shown, client.get("/twice/x"), "GET /twice/x 422");
    EXPECT_PRED2(is_shown, client.get("/sell"), "GET /sell 409");
    EXPECT_PRED2(is_shown, client.get("/hello/"), "GET /hello/ 307");
    EXPECT_PRED2(is_shown, client.request("FETCH", "/hello"), "FETCH /hello 501");
    EXPECT_PRED2(is_shown, client.get("/hello", {{"Request-Timeout", "soon"}}), "GET /hello 400");
    EXPECT_PRED2(is_shown, client.get("/fail", {{"Request-Timeout", "0.0001"}}), "GET /fail 504");
    const auto failed = client.get("/fail");
    EXPECT_PRED2(is_shown, failed, "GET /fail 500");
    EXPECT_EQ(failed.cause, "secret");
    EXPECT_EQ(failed.body, R"({"detail":"Internal Server Error"})");
    const auto refused = client.post("/small", R"({"text":")" + std::string(40, 'x') + R"("})");
    EXPECT_PRED2(is_shown, refused, "POST /small 413");
    EXPECT_EQ(refused.cause, "body_too_large");
    EXPECT_THAT(refused.header("connection"), Optional(Text("close")));
    EXPECT_EQ(seen.all.size(), 12U);
}

template <char name>
async::Task<http::Response> mark(http::Request& request, const http::Next& next) {
    http::Response response = co_await next(request);
    response.body = std::string(response.body.view()) + name;
    co_return response;
}

TEST(Middleware, is_the_outermost_when_it_is_added_last) {
    Module inner = endpoints();
    inner.add_middleware<mark<'a'>>();
    Module module;
    module.add_middleware<mark<'0'>>().include(inner).add_middleware<mark<'b'>>();
    Client client(module);
    EXPECT_EQ(client.get("/hello").body, R"({"hello":"you"}0ab)");
}

async::Task<http::Response> close_shop(http::Request& request, const http::Next& next) {
    if (request.path == "/hello") co_return http::Response{.status = 418};
    co_return co_await next(request);
}

TEST(Middleware, can_answer_by_itself) {
    Seen seen;
    Module module = endpoints();
    module.provide(seen).add_middleware<close_shop>().add_middleware<note>();
    Client client(module);
    EXPECT_EQ(client.get("/hello").status, 418);
    EXPECT_EQ(client.get("/twice/2").body, "4");
    EXPECT_THAT(seen.all, ElementsAre("GET /hello 418", "GET /twice/2 200"));
}

async::Task<http::Response> break_down(http::Request& request, const http::Next& next) {
    http::Response response = co_await next(request);
    if (request.path == "/hello") throw std::runtime_error("no oil");
    if (request.path == "/none") throw http::HttpError(401, "Who are you?", {{"X-Ask", "1"}});
    if (request.path == "/twice/1") throw OutOfStock("nor pens");
    co_return response;
}

TEST(Middleware, throws_as_a_handler_does) {
    Seen seen;
    Module module = endpoints();
    module.provide(seen).on_error<OutOfStock, answer_out_of_stock>();
    module.add_middleware<break_down>().add_middleware<note>();
    Client client(module);
    const auto broken = client.get("/hello");
    EXPECT_EQ(broken.status, 500);
    EXPECT_EQ(broken.body, R"({"detail":"Internal Server Error"})");
    EXPECT_EQ(broken.cause, "no oil");
    const auto refused = client.get("/none");
    EXPECT_EQ(refused.status, 401);
    EXPECT_EQ(refused.body, R"({"detail":"Who are you?"})");
    EXPECT_THAT(refused.header("x-ask"), Optional(Text("1")));
    EXPECT_EQ(client.get("/twice/1").body, "nor pens");
    EXPECT_THAT(seen.all, ElementsAre("GET /hello 500", "GET /none 401", "GET /twice/1 409"));
}

async::Task<http::Response> try_again(http::Request& request, const http::Next& next) {
    co_await next(request);
    co_return co_await next(request);
}

async::Task<http::Response> pass_another(http::Request&, const http::Next& next) {
    http::Request another;
    co_return co_await next(another);
}

TEST(Middleware, passes_its_request_on_once) {
    Client again(endpoints().add_middleware<try_again>());
    const auto repeated = again.get("/hello");
    EXPECT_EQ(repeated.status, 500);
    EXPECT_THAT(repeated.cause, HasSubstr("twice"));
    Client other(endpoints().add_middleware<pass_another>());
    EXPECT_THAT(other.get("/hello").cause, HasSubstr("another request"));
    EXPECT_EQ(other.get("/none").status, 500);
}

TEST(Middleware, can_be_an_object) {
    int count = 0;
    Module module = endpoints();
    module.add_middleware([&count](http::Request& request, const http::Next& next) {
        ++count;
        return next(request);
    });
    Client client(module);
    EXPECT_EQ(client.get("/hello").status, 200);
    EXPECT_EQ(client.get("/none").status, 404);
    EXPECT_EQ(count, 2);
    EXPECT_THROW(module.add_middleware(http::Middleware()), std::invalid_argument);
}

TEST(Middleware, is_refused_when_nobody_provides_what_it_takes) {
    Client client(endpoints().add_middleware<note>());
    EXPECT_THAT([&] { client.start(); }, testing::ThrowsMessage<std::invalid_argument>(
                                             testing::AllOf(HasSubstr("Seen"), HasSubstr("note"))));
}

/// A service that only middleware takes can be replaced, too.
TEST(Middleware, takes_what_replaces_a_service) {
    Seen usual, replaced;
    Module module = endpoints();
    module.provide(usual).add_middleware<note>();
    Client client(module);
    client.replace(replaced);
    client.get("/hello");
    EXPECT_THAT(usual.all, IsEmpty());
    EXPECT_EQ(replaced.all.size(), 1U);
}

}  // namespace
}  // namespace signalbox::api
