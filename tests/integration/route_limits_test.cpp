// What a route says of its requests, a limit of their bodies and a timeout, over real connections.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "signalbox/async/sleep.hpp"
#include "signalbox/http/server/server.hpp"
#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/raw_message.hpp"

namespace signalbox::http {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::get_bytes;
using test::RawClient;
using testing::Not;
using testing::StartsWith;

constexpr std::size_t usual = 512;
constexpr std::size_t large = 200'000;
constexpr std::size_t small = 4;
const std::string continue_bytes = "HTTP/1.1 100 Continue\r\n\r\n";

async::Task<Response> size_of_body(Request& request) {
    co_return Response{.body = std::to_string(request.body.size())};
}

async::Task<Response> wait(Request&) {
    co_await async::sleep_for(1h);
    co_return Response{};
}

Route route(std::string_view method, std::string_view path,
            std::optional<std::size_t> body_limit = std::nullopt) {
    return {.method = method, .path = path, .handler = size_of_body, .body_limit = body_limit};
}

std::vector<Route> routes() {
    return {route("POST", "/large", large),
            route("POST", "/small", small),
            route("POST", "/none", 0),
            route("POST", "/usual"),
            route("GET", "/small", small),
            {.method = "GET", .path = "/short", .handler = wait, .timeout = 50ms},
            {.method = "GET", .path = "/long", .handler = wait, .timeout = 1h}};
}

std::string message(std::string_view method, std::string_view path, std::string_view fields,
                    std::string_view body = {}, std::string_view version = "HTTP/1.1") {
    return std::string(method) + " " + std::string(path) + " " + std::string(version) +
           "\r\nHost: test\r\n" + std::string(fields) + "\r\n" + std::string(body);
}

std::string length(std::size_t size) {
    return "Content-Length: " + std::to_string(size) + "\r\n";
}

std::string sized(std::string_view path, std::size_t size) {
    return message("POST", path, length(size), std::string(size, 'x'));
}

/// In chunks of 1000 bytes, and one of what is left.
std::string chunked(std::string_view path, std::size_t size) {
    std::string bytes = message("POST", path, "Transfer-Encoding: chunked\r\n");
    for (; size >= 1000; size -= 1000)
        bytes.append("3e8\r\n").append(1000, 'x').append("\r\n");
    for (; size > 0; --size)
        bytes.append("1\r\nx\r\n");
    return bytes.append("0\r\n\r\n");
}

struct RouteLimits : testing::TestWithParam<std::size_t> {
    Server server{ServerOptions{.workers = GetParam(),
                                .limits = {.body = usual},
                                .limit_buffered = 8'000'000,
                                .timeout_request = 20s},
                  routes()};

    void SetUp() override { server.listen(); }

    /// What the client reads until the connection is closed.
    std::string all_of_the_answer(const std::string& bytes) {
        RawClient client(server.port());
        client.send(bytes);
        return client.read_to_end();
    }
    void expect_taken(const std::string& bytes, std::size_t size) {
        RawClient client(server.port());
        client.send(bytes + sized("/usual", 1));
        EXPECT_EQ(test::body_of(client.read_response()), std::to_string(size));
        EXPECT_EQ(test::body_of(client.read_response()), "1") << "the connection goes on";
    }
    void expect_refused(const std::string& bytes) {
        const std::string answer = all_of_the_answer(bytes);
        EXPECT_THAT(answer, StartsWith("HTTP/1.1 413 Request Entity Too Large\r\n"));
        EXPECT_EQ(test::header_of(answer, "Connection"), "close");
        EXPECT_EQ(test::body_of(answer),
                  R"({"detail":"The body is larger than this endpoint takes"})");
    }
};
INSTANTIATE_TEST_SUITE_P(workers, RouteLimits, testing::Values(1U, 2U));

TEST_P(RouteLimits, hold_for_content_of_a_length) {
    expect_taken(sized("/large", large), large);
    expect_taken(sized("/small", small), small);
    expect_taken(sized("/none", 0), 0);
    expect_taken(sized("/usual", usual), usual);
    // By the head alone: no byte of the body is sent.
    for (const auto& [path, limit] :
         {std::pair("/large", large), std::pair("/small", small), std::pair("/none", 0UL),
          std::pair("/usual", usual), std::pair("/unknown", usual), std::pair("/long", usual)}) {
        SCOPED_TRACE(path);
        expect_refused(message("POST", path, length(limit + 1)));
    }
}

TEST_P(RouteLimits, are_the_servers_where_no_route_is) {
    RawClient client(server.port());
    client.send(sized("/unknown", usual) + sized("/long", usual));
    EXPECT_EQ(test::status_of(client.read_response()), 404);
    EXPECT_EQ(test::status_of(client.read_response()), 405);
}

TEST_P(RouteLimits, hold_for_chunks) {
    expect_taken(chunked("/large", large), large);
    expect_taken(chunked("/small", small), small);
    expect_taken(chunked("/none", 0), 0);
    expect_taken(chunked("/usual", usual), usual);
    const std::string begin = "Transfer-Encoding: chunked\r\n";
    // By the line that says so, and before what it speaks of has come.
    expect_refused(message("POST", "/small", begin, "4\r\nxxxx\r\n1\r\n"));
    expect_refused(message("POST", "/none", begin, "1\r\n"));
    expect_refused(message("POST", "/usual", begin, "201\r\n"));
    expect_refused(message("POST", "/unknown", begin, "201\r\n"));
    expect_refused(message("POST", "/large", begin, "30d41\r\n"));
}

TEST_P(RouteLimits, hold_for_http_1_0) {
    const std::string taken =
        all_of_the_answer(message("POST", "/small", length(4), "xxxx", "HTTP/1.0"));
    EXPECT_EQ(test::status_of(taken), 200);
    EXPECT_EQ(test::body_of(taken), "4");
    expect_refused(message("POST", "/small", length(5), {}, "HTTP/1.0"));
    expect_refused(
        message("POST", "/small", length(5) + "Connection: keep-alive\r\n", {}, "HTTP/1.0"));
}

TEST_P(RouteLimits, are_told_to_who_asks_first) {
    const std::string asks = "Expect: 100-continue\r\n";
    expect_refused(message("POST", "/small", asks + length(5)));  // and no 100 before it
    RawClient client(server.port());
    client.send(message("POST", "/large", asks + length(usual + 1)));
    EXPECT_EQ(client.read_until("\r\n\r\n"), continue_bytes);
    client.send(std::string(usual + 1, 'x'));
    EXPECT_EQ(test::body_of(client.read_response()), std::to_string(usual + 1));
    // How much comes in chunks is not known before.
    RawClient in_chunks(server.port());
    in_chunks.send(message("POST", "/small", asks + "Transfer-Encoding: chunked\r\n"));
    EXPECT_EQ(in_chunks.read_until("\r\n\r\n"), continue_bytes);
    in_chunks.send("5\r\n");
    EXPECT_EQ(test::status_of(in_chunks.read_to_end()), 413);
}

TEST_P(RouteLimits, hold_for_head_which_is_gets) {
    const std::string refused = all_of_the_answer(message("HEAD", "/small", length(5)));
    EXPECT_EQ(test::status_of(refused), 413);
    EXPECT_EQ(test::body_of(refused), "") << "HEAD has no content";
    EXPECT_EQ(test::status_of(all_of_the_answer(
                  message("HEAD", "/small", length(4) + "Connection: close\r\n", "xxxx"))),
              200);
    EXPECT_EQ(test::status_of(all_of_the_answer(message("GET", "/small", length(5)))), 413);
}

TEST_P(RouteLimits, are_each_ones_in_a_pipeline) {
    RawClient client(server.port());
    client.send(sized("/large", 3000) + sized("/small", 4) + chunked("/large", 2500) +
                get_bytes("/small") + sized("/usual", usual) + sized("/small", 5) +
                sized("/usual", 1));
    for (const std::string_view size : {"3000", "4", "2500", "0", "512"})
        EXPECT_EQ(test::body_of(client.read_response()), size);
    EXPECT_EQ(test::status_of(client.read_response()), 413);
    EXPECT_EQ(client.read_to_end(), "") << "nothing behind it is served";
}

TEST_P(RouteLimits, are_none_of_the_bound_for_all_requests) {
    const auto limit_buffered = [](std::size_t bytes) {
        return ServerOptions{
            .workers = GetParam(), .limits = {.body = usual}, .limit_buffered = bytes};
    };
    const std::size_t least = large + ServerOptions{}.limits.head + ServerOptions::room_to_arrive;
    EXPECT_THROW(Server(limit_buffered(least - 1), routes()), std::invalid_argument);
    Server bounded(limit_buffered(least), routes());
    bounded.listen();
    // Two that are within the route's limit, but not at once. The one that waits has to go.
    RawClient first(bounded.port());
    first.send(message("POST", "/large", length(large), std::string(150'000, 'x')));
    ASSERT_TRUE(eventually([&] { return bounded.buffered().requests > 150'000; }));
    std::this_thread::sleep_for(500ms);  // it is slower with each moment
    RawClient second(bounded.port());
    second.send(message("POST", "/large", length(large), std::string(large, 'x')));
    EXPECT_EQ(test::body_of(second.read_response()), std::to_string(large));
    EXPECT_EQ(test::status_of(first.read_response()), 503);
}

TEST_P(RouteLimits, of_time_end_requests_before_those_of_the_server) {
    RawClient client(server.port());
    const auto began = std::chrono::steady_clock::now();
    client.send(get_bytes("/short") + get_bytes("/long", "Request-Timeout: 0.05\r\n") +
                get_bytes("/short", "Request-Timeout: 10\r\n"));
    for (int i = 0; i < 3; ++i) {
        const std::string answer = client.read_response();
        EXPECT_EQ(test::status_of(answer), 504);
        EXPECT_EQ(test::body_of(answer), R"({"detail":"Gateway Timeout"})");
    }
    EXPECT_GE(std::chrono::steady_clock::now() - began, 150ms);
}

TEST(RouteTimeout, is_longer_than_the_servers) {
    Server server{ServerOptions{.timeout_request = 50ms},
                  {{.method = "GET",
                    .path = "/longer",
                    .handler = [](Request&) -> async::Task<Response> {
                        co_await async::sleep_for(200ms);
                        co_return json({{"waited", true}});
                    },
                    .timeout = 20s},
                   {.method = "GET", .path = "/usual", .handler = wait}}};
    server.listen();
    RawClient client(server.port());
    client.send(get_bytes("/longer") + get_bytes("/usual"));
    EXPECT_EQ(test::body_of(client.read_response()), R"({"waited":true})");
    EXPECT_EQ(test::status_of(client.read_response()), 504);
}

}  // namespace
}  // namespace signalbox::http
