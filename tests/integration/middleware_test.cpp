// Middleware over real connections: what the server answers by itself goes through it, too, and
// what becomes of a request whose middleware waits.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "signalbox/async/sleep.hpp"
#include "signalbox/http/errors.hpp"
#include "signalbox/http/middleware/compression.hpp"
#include "signalbox/http/middleware/cors.hpp"
#include "signalbox/http/server/server.hpp"
#include "signalbox/http/stream.hpp"
#include "support/decompress.hpp"
#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/raw_message.hpp"

namespace signalbox::http {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::get_bytes;
using test::header_of;
using test::RawClient;
using test::status_of;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Optional;
using testing::StartsWith;

constexpr std::string_view origin = "Origin: https://shop.example\r\n";
constexpr const char* allowed = "Access-Control-Allow-Origin";

async::Task<Response> answer(Request& request) {
    co_return json({{"size", static_cast<std::int64_t>(request.body.size())}});
}
async::Task<Response> wait(Request&) {
    co_await async::sleep_for(1h);
    co_return Response{};
}
async::Task<Response> invalid(Request&) {
    throw HttpError(422, "unfit");
    co_return Response{};
}
async::Task<Response> fail(Request&) {
    throw std::runtime_error("secret");
    co_return Response{};
}

std::vector<Route> routes() {
    return {{"GET", "/answer", answer},
            {"POST", "/answer", answer},
            {"GET", "/wait", wait},
            {"GET", "/invalid", invalid},
            {"GET", "/fail", fail},
            {.method = "GET", .path = "/short", .handler = wait, .timeout = 50ms}};
}

/// What the log would have of each request.
struct Noted {
    struct Line {
        std::string path;
        std::string route;
        int status;
        std::string error_type;
        std::string cause;
        std::string malformed_reason;

        friend bool operator==(const Line&, const Line&) = default;
        friend std::ostream& operator<<(std::ostream& out, const Line& line) {
            return out << line.path << " (" << line.route << ") " << line.status << ' '
                       << line.error_type << ' ' << line.cause << ' ' << line.malformed_reason;
        }
    };

    std::vector<Line> lines() const {
        const std::lock_guard lock(mutex);
        return all;
    }
    /// A client can have its response before that is noted.
    Line nth(std::size_t number) const {
        if (!eventually([&] { return lines().size() >= number; })) return {};
        return lines().at(number - 1);
    }
    MakeRequestObserver make_observer() {
        struct Observer final : RequestObserver {
            explicit Observer(Noted& notes) : noted(notes) {}
            void finished(const FinishedRequest& request) override {
                const auto& context = request.in_flight;
                const std::lock_guard lock(noted.mutex);
                noted.all.push_back({.path = std::string(context.path),
                                     .route = std::string(context.route),
                                     .status = request.status,
                                     .error_type = std::string(context.error_type),
                                     .cause = std::string(context.error_cause()),
                                     .malformed_reason = std::string(request.malformed_reason)});
            }
            Noted& noted;
        };
        return [this](async::EventLoop&) { return std::make_unique<Observer>(*this); };
    }

    mutable std::mutex mutex;
    std::vector<Line> all;
};

/// With this many workers.
struct MiddlewareOverSockets : testing::TestWithParam<std::size_t> {
    Noted noted;
    std::atomic<std::size_t> waiting = 0;
    std::atomic<std::size_t> cancelled = 0;

    ServerOptions options(std::vector<Middleware> middleware) const {
        return {.workers = GetParam(),
                .middleware = std::move(middleware),
                .limits = {.head = 4096, .body = 1000},
                .timeout_request_body = 300ms};
    }
    static Middleware allow_shop() { return cors({.allow_origins = {"https://shop.example"}}); }

    /// Waits in front of the handler, or behind it.
    Middleware waits(bool behind) {
        return [this, behind](Request& request, const Next& next) {
            return wait_around(request, next, behind);
        };
    }
    async::Task<Response> wait_around(Request& request, const Next& next, bool behind) {
        Response response;
        if (behind) response = co_await next(request);
        ++waiting;
        try {
            co_await async::sleep_for(1h);
        } catch (...) {
            ++cancelled;
            throw;
        }
        co_return response;
    }
};
INSTANTIATE_TEST_SUITE_P(Workers, MiddlewareOverSockets, testing::Values(1, 2));

std::string ask(const Server& server, const std::string& bytes) {
    RawClient client(server.port());
    client.send(bytes);
    return client.read_response();
}

std::string request(std::string_view method, std::string_view path, std::string_view headers = {},
                    std::string_view body = {}) {
    std::string bytes(method);
    bytes.append(" ").append(path).append(" HTTP/1.1\r\nHost: test\r\n").append(headers);
    if (!body.empty())
        bytes.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
    return bytes.append(origin).append("\r\n").append(body);
}

TEST_P(MiddlewareOverSockets, puts_cors_on_what_the_server_answers_by_itself) {
    Server server(options({allow_shop()}), routes(), noted.make_observer());
    server.listen();
    const auto is = [&](const std::string& bytes, int status) {
        const std::string response = ask(server, bytes);
        EXPECT_EQ(status_of(response), status) << response;
        EXPECT_EQ(header_of(response, allowed), "https://shop.example") << response;
        EXPECT_EQ(header_of(response, "Vary"), "Origin") << response;
        return response;
    };
    is(request("GET", "/answer"), 200);
    is(request("GET", "/none"), 404);
    EXPECT_EQ(header_of(is(request("DELETE", "/answer"), 405), "Allow"), "GET, HEAD, POST");
    is(request("GET", "/invalid"), 422);
    is(request("GET", "/fail"), 500);
    is(request("GET", "/short"), 504);
    is(request("GET", "/answer", "Request-Timeout: soon\r\n"), 400);
    is(request("FETCH", "/answer"), 501);
    // Refused while they arrive.
    EXPECT_EQ(
        header_of(is(request("POST", "/answer", {}, std::string(1001, 'x')), 413), "Connection"),
        "close");
    is(request("POST", "/answer", "Content-Length: 10\r\n"), 408);
    is(request("POST", "/answer", "Transfer-Encoding: chunked\r\n") + "no chunk\r\n", 400);
    // Of what has no head in order nobody knows an Origin.
    const std::string malformed =
        ask(server, "GET /answer HTTP/1.1\r\n" + std::string(origin) + "\r\n");
    EXPECT_EQ(status_of(malformed), 400);
    EXPECT_FALSE(header_of(malformed, allowed));
    EXPECT_TRUE(eventually([&] { return noted.lines().size() == 12; }));
}

TEST_P(MiddlewareOverSockets, puts_cors_on_what_is_shed) {
    auto limited = options({allow_shop()});
    limited.limit_concurrency = 1;
    Server server(std::move(limited), routes(), noted.make_observer());
    server.listen();
    RawClient first(server.port());
    first.send(get_bytes("/wait"));
    ASSERT_TRUE(eventually([&] { return server.connections().active == 1; }));
    const std::string response = ask(server, request("GET", "/answer"));
    EXPECT_EQ(status_of(response), 503);
    EXPECT_TRUE(header_of(response, "Retry-After"));
    EXPECT_EQ(header_of(response, allowed), "https://shop.example");
    EXPECT_EQ(noted.nth(1), (Noted::Line{"/answer", "/answer", 503, "concurrency_limit", "", ""}));
}

TEST_P(MiddlewareOverSockets, answers_a_preflight_of_a_path_that_has_no_options) {
    Server server(options({allow_shop()}), routes(), noted.make_observer());
    server.listen();
    const std::string response =
        ask(server, request("OPTIONS", "/answer", "Access-Control-Request-Method: GET\r\n"));
    EXPECT_EQ(status_of(response), 200);
    EXPECT_EQ(test::body_of(response), "OK");
    EXPECT_EQ(header_of(response, allowed), "https://shop.example");
    const std::string refused =
        ask(server, request("OPTIONS", "/answer", "Access-Control-Request-Method: PUT\r\n"));
    EXPECT_EQ(status_of(refused), 400);
    EXPECT_EQ(test::body_of(refused), "Disallowed CORS method");
}

TEST_P(MiddlewareOverSockets, is_told_of_head_and_sends_no_content) {
    std::atomic<std::size_t> size = 0;
    Server server(options({[&size](Request& its, const Next& next) -> async::Task<Response> {
                      Response response = co_await next(its);
                      size = response.body.view().size();
                      response.body = std::string("0123456789");
                      co_return response;
                  }}),
                  routes());
    server.listen();
    RawClient client(server.port());
    client.send(request("HEAD", "/answer") + request("GET", "/answer"));
    const std::string both = client.read_until("0123456789");
    EXPECT_EQ(size, 10U) << R"({"size":0})";
    EXPECT_EQ(header_of(both, "Content-Length"), "10");
    EXPECT_THAT(both, HasSubstr("\r\n\r\nHTTP/1.1 200 OK\r\n")) << "the head of the second";
}

TEST_P(MiddlewareOverSockets, decides_what_is_logged_and_keeps_the_route) {
    Server server(options({[](Request& its, const Next& next) -> async::Task<Response> {
                      Response response = co_await next(its);
                      if (its.path == "/fail") response = json({{"calm", true}});
                      if (its.path == "/answer") throw std::runtime_error("no oil");
                      if (its.path == "/none") response.status = 410;
                      co_return response;
                  }}),
                  routes(), noted.make_observer());
    server.listen();
    using Line = Noted::Line;
    // Each is waited for: connections are served by two loops, which note in no order.
    EXPECT_EQ(status_of(ask(server, request("GET", "/fail"))), 200);
    EXPECT_EQ(noted.nth(1), (Line{"/fail", "/fail", 200, "", "secret", ""}));
    EXPECT_EQ(status_of(ask(server, request("GET", "/answer"))), 500);
    EXPECT_EQ(noted.nth(2), (Line{"/answer", "/answer", 500, "", "no oil", ""}));
    EXPECT_EQ(status_of(ask(server, request("GET", "/none"))), 410);
    EXPECT_EQ(noted.nth(3), (Line{"/none", "", 410, "", "", ""}));
    EXPECT_EQ(status_of(ask(server, request("GET", "/invalid"))), 422);
    EXPECT_EQ(noted.nth(4), (Line{"/invalid", "/invalid", 422, "", "unfit", ""}));
    EXPECT_EQ(noted.lines().size(), 4U);
}

TEST_P(MiddlewareOverSockets, ends_with_a_client_that_leaves_while_it_waits) {
    for (const bool behind : {false, true}) {
        Server server(options({waits(behind)}), routes(), noted.make_observer());
        server.listen();
        const std::size_t before = noted.lines().size();
        {
            RawClient client(server.port());
            client.send(get_bytes("/answer"));
            ASSERT_TRUE(eventually([&] { return waiting == before + 1; }));
        }
        EXPECT_EQ(noted.nth(before + 1),
                  (Noted::Line{"/answer", "/answer", 499, "client_gone", "", ""}));
        EXPECT_EQ(cancelled, before + 1);
    }
}

TEST_P(MiddlewareOverSockets, ends_at_the_deadline_and_what_is_around_it_sees_that) {
    for (const bool behind : {false, true}) {
        Server server(options({allow_shop(), waits(behind)}), routes(), noted.make_observer());
        server.listen();
        const std::string response =
            ask(server, request("GET", "/answer", "Request-Timeout: 0.05\r\n"));
        EXPECT_EQ(status_of(response), 504);
        EXPECT_EQ(header_of(response, allowed), "https://shop.example");
        EXPECT_EQ(noted.nth(waiting),
                  (Noted::Line{"/answer", "/answer", 504, "client_deadline", "", ""}));
    }
    EXPECT_EQ(cancelled, 2U);
}

/// What it does after that without waiting is done; what it waits for throws, though a dependency
/// of the handler may have cleaned up in peace.
TEST_P(MiddlewareOverSockets, stays_cancelled) {
    std::atomic<int> went_on = 0, slept = 0;
    const Middleware stubborn = [&](Request& its, const Next& next) -> async::Task<Response> {
        Response response = co_await next(its);
        ++went_on;
        co_await async::sleep_for(1ms);
        ++slept;
        co_return response;
    };
    const Handler cleans_up = [](Request&) -> async::Task<Response> {
        try {
            co_await async::sleep_for(1h);
        } catch (...) {
        }
        co_await asio::this_coro::throw_if_cancelled(false);
        co_return Response{.status = 202};
    };
    auto all = routes();
    all.push_back({"GET", "/cleans-up", cleans_up});
    Server server(options({stubborn}), std::move(all), noted.make_observer());
    server.listen();
    for (const char* const path : {"/wait", "/cleans-up"})
        EXPECT_EQ(status_of(ask(server, request("GET", path, "Request-Timeout: 0.05\r\n"))), 504);
    EXPECT_EQ(went_on, 2);
    EXPECT_EQ(slept, 0);
}

TEST_P(MiddlewareOverSockets, ends_when_the_drain_is_out_of_time) {
    for (const bool behind : {false, true}) {
        Server server(options({allow_shop(), waits(behind)}), routes(), noted.make_observer());
        server.listen();
        const std::size_t before = waiting;
        RawClient client(server.port());
        client.send(request("GET", "/answer"));
        ASSERT_TRUE(eventually([&] { return waiting == before + 1; }));
        EXPECT_EQ(server.drain(50ms).cancelled, 1U);
        const std::string response = client.read_response();
        EXPECT_EQ(status_of(response), 503);
        EXPECT_EQ(header_of(response, allowed), "https://shop.example");
    }
}

/// A refusal that has to wait for its middleware, and the client sends on meanwhile.
TEST_P(MiddlewareOverSockets, may_take_its_time_for_a_message_that_is_refused) {
    const Middleware slow = [this](Request& its, const Next& next) -> async::Task<Response> {
        ++waiting;
        co_await async::sleep_for(50ms);
        Response response = co_await next(its);
        response.headers.emplace_back("X-Body", std::to_string(its.body.size()));
        co_return response;
    };
    Server server(options({slow}), routes(), noted.make_observer());
    server.listen();
    RawClient client(server.port());
    client.send(request("POST", "/answer", "Content-Length: 2000000\r\n"));
    ASSERT_TRUE(eventually([&] { return waiting == 1; }));
    client.send(std::string(2'000'000, 'x'));
    const std::string response = client.read_response();
    EXPECT_EQ(status_of(response), 413);
    EXPECT_EQ(header_of(response, "X-Body"), "0");
    EXPECT_EQ(client.read_to_end(), "");
    EXPECT_EQ(noted.nth(1), (Noted::Line{"/answer", "/answer", 413, "", "", "body_too_large"}));
    // The client leaves: it ends, and the server is none the worse.
    {
        RawClient leaves(server.port());
        leaves.send(request("POST", "/answer", "Content-Length: 2000000\r\n"));
        ASSERT_TRUE(eventually([&] { return waiting == 2; }));
        leaves.reset_on_close();
    }
    EXPECT_EQ(noted.nth(2).status, 499);
    EXPECT_EQ(status_of(ask(server, request("GET", "/answer"))), 200);
}

std::string text_of(std::size_t size) {
    std::string text;
    for (unsigned i = 0; text.size() < size; ++i)
        text.append(R"({"number":)").append(std::to_string(i * 7919 % 10007)).append("},");
    text.resize(size);
    return text;
}

/// Bodies of their own and shared ones, small and large.
struct CompressionOverSockets : MiddlewareOverSockets {
    static constexpr std::size_t small = 5000, large = 1'000'000, huge = 20'000'000;
    const JsonText shared_small{text_of(small)};
    const JsonText shared_large{text_of(large)};
    std::atomic<std::size_t> handled = 0;

    Handler answers(Body body) {
        return [this, body = std::move(body)](Request&) { return answer_with(body); };
    }
    async::Task<Response> answer_with(const Body& body) {
        ++handled;
        co_return Response{.body = body};
    }
    std::vector<Route> bodies() {
        return {{"GET", "/small", answers(text_of(small))},
                {"GET", "/large", answers(text_of(large))},
                {"GET", "/huge", answers(text_of(huge))},
                {"GET", "/shared-small", answers(shared_small)},
                {"GET", "/shared-large", answers(shared_large)}};
    }
    ServerOptions with_compression() const {
        auto its = options({compression()});
        its.limit_buffered = std::size_t{1} << 30;
        return its;
    }
};
INSTANTIATE_TEST_SUITE_P(Workers, CompressionOverSockets, testing::Values(1, 2));

TEST_P(CompressionOverSockets, gives_everybody_the_content_back) {
    Server server(with_compression(), bodies(), noted.make_observer());
    server.listen();
    std::vector<test::HttpRequest> requests;
    constexpr const char* paths[]{"/small", "/large", "/shared-small", "/shared-large"};
    for (int client = 0; client < 64; ++client) {
        requests.push_back({.url = server.url() + paths[client % 4],
                            .method = client / 8 % 4 == 3 ? "HEAD" : "GET",
                            .headers = {client % 8 < 4 ? "Accept-Encoding: gzip, deflate"
                                                       : "Accept-Encoding: identity"}});
    }
    std::map<std::string, std::string> lengths;
    for (int round = 0; round < 3; ++round) {
        const auto responses = test::send_all(requests);
        for (std::size_t i = 0; i < requests.size(); ++i) {
            const auto& response = responses[i];
            const bool zipped = i % 8 < 4;
            ASSERT_EQ(response.status, 200);
            EXPECT_EQ(response.header("content-encoding"),
                      zipped ? std::optional<std::string>("gzip") : std::nullopt);
            EXPECT_EQ(response.header("vary"), "Accept-Encoding");
            // HEAD tells the size that GET has.
            const std::string key = std::string(paths[i % 4]) + (zipped ? " gzip" : "");
            const auto length = lengths.emplace(key, *response.header("content-length")).first;
            EXPECT_EQ(response.header("content-length"), length->second) << key;
            if (requests[i].method == "HEAD") continue;
            const std::size_t size = i % 2 == 0 ? small : large;
            EXPECT_EQ(zipped ? test::gunzip(response.body) : response.body, text_of(size));
        }
    }
    EXPECT_EQ(lengths.size(), 8U);
}

TEST_P(CompressionOverSockets, keeps_nobody_waiting_for_a_large_body) {
    Server server(with_compression(), bodies(), noted.make_observer());
    server.listen();
    std::vector<RawClient> greedy;
    for (std::size_t i = 0; i < GetParam(); ++i) {  // one on each loop
        greedy.emplace_back(server.port());
        greedy.back().send(get_bytes("/huge", "Accept-Encoding: gzip\r\n"));
    }
    ASSERT_TRUE(eventually([&] { return handled == GetParam(); }));
    RawClient other(server.port());
    for (int i = 0; i < 3; ++i) {
        other.send(get_bytes("/small", "Accept-Encoding: gzip\r\n"));
        EXPECT_EQ(status_of(other.read_response()), 200);
    }
    for (std::size_t i = 1; i <= 3; ++i)
        EXPECT_EQ(noted.nth(i).path, "/small") << "before the large one, which came first";
    for (RawClient& client : greedy) {
        const std::string response = client.read_response();
        EXPECT_EQ(test::gunzip(test::body_of(response)), text_of(huge));
    }
}

TEST_P(CompressionOverSockets, does_not_keep_who_is_out_of_time_or_has_left) {
    Server server(with_compression(), bodies(), noted.make_observer());
    server.listen();
    const std::string late =
        ask(server, get_bytes("/huge", "Accept-Encoding: gzip\r\nRequest-Timeout: 0.05\r\n"));
    EXPECT_EQ(status_of(late), 504);
    EXPECT_FALSE(header_of(late, "Content-Encoding"));
    EXPECT_EQ(noted.nth(1), (Noted::Line{"/huge", "/huge", 504, "client_deadline", "", ""}));
    {
        RawClient leaves(server.port());
        leaves.send(get_bytes("/huge", "Accept-Encoding: gzip\r\n"));
        ASSERT_TRUE(eventually([&] { return handled == 2; }));
    }
    EXPECT_EQ(noted.nth(2), (Noted::Line{"/huge", "/huge", 499, "client_gone", "", ""}));
    const std::string response =
        ask(server, get_bytes("/shared-large", "Accept-Encoding: gzip\r\n"));
    EXPECT_EQ(test::gunzip(test::body_of(response)), text_of(large)) << "it serves on";
}

/// Streams through both.
struct StreamsThroughMiddleware : MiddlewareOverSockets {
    std::atomic<bool> released = false;

    std::vector<Route> streams() {
        return {{"GET", "/rows", [this](Request&) { return rows(); }},
                {"GET", "/nothing", [](Request&) { return nothing(); }},
                {"GET", "/fails", [](Request&) { return fails(0); }},
                {"GET", "/breaks", [](Request&) { return fails(1); }}};
    }
    async::Task<Response> rows() {
        co_return stream("text/csv", [this](Sink& out) { return write_rows(out); });
    }
    async::Task<> write_rows(Sink& out) {
        co_await out.write("first\n");
        while (!released)
            co_await async::sleep_for(1ms);
        co_await out.write(text_of(200'000));
        co_await out.write("last\n");
    }
    static async::Task<Response> nothing() {
        co_return stream("text/csv", [](Sink&) -> async::Task<> { co_return; });
    }
    static async::Task<Response> fails(int pieces) {
        co_return stream("text/csv", [pieces](Sink& out) { return write_and_fail(out, pieces); });
    }
    static async::Task<> write_and_fail(Sink& out, int pieces) {
        for (int i = 0; i < pieces; ++i)
            co_await out.write("piece\n");
        co_await async::sleep_for(1ms);
        throw HttpError(503, "no oil");
    }
    ServerOptions with_both() const { return options({allow_shop(), compression()}); }
};
INSTANTIATE_TEST_SUITE_P(Workers, StreamsThroughMiddleware, testing::Values(1, 2));

/// The content of a body that came in chunks.
std::string content_of(std::string_view chunks) {
    std::string content;
    while (!chunks.empty()) {
        const std::size_t size =
            std::stoul(std::string(chunks.substr(0, chunks.find("\r\n"))), nullptr, 16);
        chunks.remove_prefix(chunks.find("\r\n") + 2);
        if (size == 0 || chunks.size() < size + 2) break;
        content += chunks.substr(0, size);
        chunks.remove_prefix(size + 2);
    }
    return content;
}

TEST_P(StreamsThroughMiddleware, are_compressed_piece_by_piece) {
    Server server(with_both(), streams(), noted.make_observer());
    server.listen();
    RawClient client(server.port());
    client.send(request("GET", "/rows", "Accept-Encoding: gzip\r\n"));
    const std::string head = client.read_until("\r\n\r\n");
    EXPECT_EQ(status_of(head), 200);
    EXPECT_EQ(header_of(head, "Content-Encoding"), "gzip");
    EXPECT_EQ(header_of(head, "Transfer-Encoding"), "chunked");
    EXPECT_EQ(header_of(head, allowed), "https://shop.example");
    std::string chunks;
    ASSERT_TRUE(eventually([&] {
        chunks += client.read_some();
        return test::gunzip_beginning(content_of(chunks)) == "first\n";
    })) << "before the next one is written";
    released = true;
    chunks += client.read_until("\r\n0\r\n\r\n");
    EXPECT_EQ(test::gunzip(content_of(chunks)), "first\n" + text_of(200'000) + "last\n");
    // The connection goes on; nothing is compressed for who does not take it.
    client.send(request("GET", "/rows"));
    EXPECT_FALSE(header_of(client.read_until("\r\n\r\n"), "Content-Encoding"));
    EXPECT_EQ(content_of(client.read_until("\r\n0\r\n\r\n")),
              "first\n" + text_of(200'000) + "last\n");
    client.send(request("GET", "/nothing", "Accept-Encoding: gzip\r\n"));
    client.read_until("\r\n\r\n");
    EXPECT_EQ(test::gunzip(content_of(client.read_until("0\r\n\r\n"))), "");
}

/// The rest of that message must not be taken for a request.
TEST_P(StreamsThroughMiddleware, end_the_connection_when_they_answer_what_is_refused) {
    const Middleware talkative = [](Request& its, const Next& next) -> async::Task<Response> {
        Response refusal = co_await next(its);
        Response response =
            stream("text/plain", [](Sink& out) -> async::Task<> { co_await out.write("no"); });
        response.status = refusal.status;
        co_return response;
    };
    Server server(options({talkative}), routes(), noted.make_observer());
    server.listen();
    RawClient client(server.port());
    client.send(request("POST", "/answer", "Content-Length: 5000\r\n") + get_bytes("/answer"));
    const std::string all = client.read_to_end();
    EXPECT_EQ(status_of(all), 413);
    EXPECT_EQ(header_of(all, "Connection"), "close");
    EXPECT_EQ(content_of(test::body_of(all)), "no");
    EXPECT_EQ(noted.nth(1), (Noted::Line{"/answer", "/answer", 413, "", "", "body_too_large"}));
    EXPECT_EQ(noted.lines().size(), 1U);
}

TEST_P(StreamsThroughMiddleware, answer_what_goes_wrong_before_they_begin) {
    Server server(with_both(), streams(), noted.make_observer());
    server.listen();
    const std::string response = ask(server, request("GET", "/fails", "Accept-Encoding: gzip\r\n"));
    EXPECT_EQ(status_of(response), 503);
    EXPECT_EQ(header_of(response, allowed), "https://shop.example");
    EXPECT_FALSE(header_of(response, "Content-Encoding"));
    EXPECT_EQ(test::body_of(response), R"({"detail":"no oil"})");
    EXPECT_EQ(noted.nth(1).cause, "no oil");
    RawClient client(server.port());
    client.send(request("GET", "/breaks", "Accept-Encoding: gzip\r\n"));
    const std::string broken = client.read_to_end();
    EXPECT_EQ(status_of(broken), 200);
    EXPECT_EQ(test::gunzip_beginning(content_of(test::body_of(broken))), "piece\n");
    EXPECT_FALSE(broken.ends_with("0\r\n\r\n")) << "it is cut";
}

}  // namespace
}  // namespace signalbox::http
