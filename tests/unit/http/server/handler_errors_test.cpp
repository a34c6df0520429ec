// Whatever a handler throws, its client gets the generic 500 and the log the cause.

#include <asio/error.hpp>
#include <asio/system_error.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "signalbox/async/all.hpp"
#include "signalbox/async/sleep.hpp"
#include "signalbox/http/server/server.hpp"
#include "signalbox/http/watch/telemetry.hpp"
#include "support/http_client.hpp"
#include "support/log_lines.hpp"
#include "support/raw_message.hpp"

namespace signalbox::http {
namespace {

using namespace std::chrono_literals;
using test::get_bytes;
using test::LogLine;
using test::RawClient;
using testing::HasSubstr;

struct Nothing {};

/// Allowed by the standard's letter, so somebody does it.
struct WithoutText : std::exception {
    const char* what() const noexcept override { return nullptr; }
};

[[noreturn]] void throw_nested() {
    try {
        try {
            throw 42;
        } catch (...) {
            std::throw_with_nested(std::invalid_argument("no port"));
        }
    } catch (...) {
        std::throw_with_nested(std::runtime_error("no upstream"));
    }
}

struct Thrown {
    std::string name;
    std::function<void()> thrower;
    std::string cause;  ///< as the log has it
};

const std::string unknown = "an exception of an unknown type";
const std::string replaced = "\xEF\xBF\xBD";

const std::vector<Thrown> all_thrown{
    {"runtime-error", [] { throw std::runtime_error("password=hunter2"); }, "password=hunter2"},
    {"logic-error", [] { throw std::logic_error("impossible"); }, "impossible"},
    {"bad-alloc", [] { throw std::bad_alloc(); }, "std::bad_alloc"},
    {"bad-optional", [] { static_cast<void>(std::optional<int>().value()); },
     "bad optional access"},
    {"bad-function", [] { std::function<void()>()(); }, "bad_function_call"},
    {"exception", [] { throw std::exception(); }, "std::exception"},
    {"without-text", [] { throw WithoutText(); }, unknown},
    {"empty", [] { throw std::runtime_error(""); }, ""},
    // As if it had been cancelled, which it was not.
    {"aborted", [] { throw asio::system_error(asio::error::operation_aborted); },
     asio::system_error(asio::error::operation_aborted).what()},
    {"nested", throw_nested, "no upstream: no port: " + unknown},
    {"nested-in-nothing", [] { std::throw_with_nested(std::runtime_error("alone")); }, "alone"},
    {"int", [] { throw 42; }, unknown},
    {"text", [] { throw "text"; }, unknown},
    {"string", [] { throw std::string("text"); }, unknown},
    {"null", [] { throw nullptr; }, unknown},
    {"nothing", [] { throw Nothing(); }, unknown},
    {"line-breaks", [] { throw std::runtime_error("a\r\nX-Evil: 1\r\n\r\n{\"severity\":\"b\n"); },
     "a\r\nX-Evil: 1\r\n\r\n{\"severity\":\"b\n"},
    {"quotes", [] { throw std::runtime_error("\"},{\\u0000\\"); }, "\"},{\\u0000\\"},
    {"control", [] { throw std::runtime_error("\x01\x1b[31m\x7f"); }, "\x01\x1b[31m\x7f"},
    {"no-utf8", [] { throw std::runtime_error("caf\xe9"); }, "caf" + replaced},
    {"format", [] { throw std::runtime_error("{} %s %n"); }, "{} %s %n"},
    {"long", [] { throw std::runtime_error(std::string(100'000, 'x')); },
     std::string(100'000, 'x')},
};

/// The ways in which a handler can come to throw.
const std::map<std::string, std::function<async::Task<Response>(const Thrown&)>> ways{
    {"at-once",
     [](const Thrown& thrown) -> async::Task<Response> {
         thrown.thrower();
         co_return Response{};
     }},
    {"after-a-wait",
     [](const Thrown& thrown) -> async::Task<Response> {
         co_await async::sleep_for(1ms);
         thrown.thrower();
         co_return Response{};
     }},
    {"in-a-child",
     [](const Thrown& thrown) -> async::Task<Response> {
         const auto child = [](const Thrown& what) -> async::Task<> {
             co_await async::sleep_for(1ms);
             what.thrower();
         };
         co_await async::all(async::sleep_for(1h), child(thrown));
         co_return Response{};
     }},
};

struct HandlerErrors : testing::TestWithParam<std::string> {
    observe::Metrics metrics;
    test::LogFile file;
    observe::Log log{
        {"orders", "1.2.3"}, config::LogLevel::info, config::LogFormat::json, file.descriptor()};
    Telemetry telemetry{metrics, log, {.access_log = config::AccessLog::all}};
    std::vector<std::string> paths;
    std::optional<Server> server;

    void SetUp() override {
        const auto& way = ways.at(GetParam());
        std::vector<Route> routes{{"GET", "/fine", [](Request&) -> async::Task<Response> {
                                       co_return json({{"fine", true}});
                                   }}};
        paths.reserve(all_thrown.size());  // routes keep views of them
        for (const Thrown& thrown : all_thrown) {
            routes.push_back({"GET", paths.emplace_back("/" + thrown.name),
                              [&way, &thrown](Request&) { return way(thrown); }});
        }
        routes.push_back({.method = "GET",
                          .path = "/own",
                          .handler = [&way](Request&) { return way(all_thrown.front()); },
                          .on_error =
                              [](const std::exception_ptr&, Request& request) {
                                  const bool unable = request.header("x-unable").has_value();
                                  return std::optional(json({{"own", true}}, unable ? 502 : 409));
                              }});
        server.emplace(ServerOptions{.workers = 2}, std::move(routes),
                       [this](auto& loop) { return telemetry.observe(loop); });
        server->listen();
    }

    std::map<std::string, LogLine> lines_by_id() {
        EXPECT_EQ(server->drain(20s).cancelled, 0U);
        EXPECT_TRUE(log.close());
        std::map<std::string, LogLine> lines;
        for (const LogLine& line : test::log_lines(file.text()))
            lines.emplace(line.text("request_id"), line);
        return lines;
    }
};
INSTANTIATE_TEST_SUITE_P(thrown, HandlerErrors,
                         testing::Values("at-once", "after-a-wait", "in-a-child"),
                         [](const auto& info) { return std::to_string(info.index); });

TEST_P(HandlerErrors, are_the_generic_500_and_a_line_with_the_cause) {
    // One after another on one connection: it lives on, and so does the server.
    RawClient client(server->port());
    for (const Thrown& thrown : all_thrown) {
        client.send(get_bytes("/" + thrown.name, "X-Request-ID: " + thrown.name + "\r\n") +
                    get_bytes("/fine"));
        const std::string answer = client.read_response();
        EXPECT_THAT(answer, testing::StartsWith("HTTP/1.1 500 Internal Server Error\r\n"));
        EXPECT_EQ(test::body_of(answer), R"({"detail":"Internal Server Error"})");
        EXPECT_EQ(test::header_of(answer, "Content-Type"), "application/json");
        EXPECT_EQ(test::header_of(answer, "X-Request-ID"), thrown.name);
        EXPECT_EQ(test::header_of(answer, "Connection"), std::nullopt);
        EXPECT_EQ(answer.find("Evil"), std::string::npos);
        EXPECT_EQ(test::status_of(client.read_response()), 200);
    }
    const auto lines = lines_by_id();
    for (const Thrown& thrown : all_thrown) {
        SCOPED_TRACE(thrown.name);
        ASSERT_TRUE(lines.contains(thrown.name));
        const LogLine& line = lines.at(thrown.name);
        EXPECT_EQ(line.text("body"), "request");
        EXPECT_EQ(line.number("http.response.status_code"), 500);
        EXPECT_EQ(line.text("severity_text"), "ERROR");
        EXPECT_EQ(line.text("error.type"), "500");
        const std::string cause = line.has("error.message") ? line.text("error.message") : "";
        if (thrown.cause.size() < 1000) {
            EXPECT_EQ(cause, thrown.cause);
        } else {
            // A line of the log has its bound.
            EXPECT_THAT(cause, testing::StartsWith(thrown.cause.substr(0, 1000)));
            EXPECT_LT(cause.size(), 8192U);
        }
    }
    EXPECT_THAT(metrics.text(), HasSubstr("http_server_active_requests{http_request_method=\"GET\","
                                          "http_route=\"/int\",url_scheme=\"http\"} 0\n"));
}

TEST_P(HandlerErrors, are_answered_by_their_route_where_it_has_an_answer) {
    RawClient client(server->port());
    client.send(get_bytes("/own", "X-Request-ID: own\r\n") +
                get_bytes("/own", "X-Request-ID: unable\r\nX-Unable: yes\r\n") +
                get_bytes("/fine"));
    const std::string answer = client.read_response();
    EXPECT_EQ(test::status_of(answer), 409);
    EXPECT_EQ(test::body_of(answer), R"({"own":true})");
    EXPECT_EQ(test::status_of(client.read_response()), 502);
    EXPECT_EQ(test::status_of(client.read_response()), 200);
    const auto lines = lines_by_id();
    EXPECT_EQ(lines.at("own").text("severity_text"), "INFO");
    EXPECT_EQ(lines.at("own").text("error.message"), all_thrown.front().cause);
    EXPECT_EQ(lines.at("unable").text("severity_text"), "ERROR");
    EXPECT_EQ(lines.at("unable").text("error.type"), "502");
    EXPECT_EQ(lines.at("unable").text("error.message"), all_thrown.front().cause);
    EXPECT_THAT(metrics.text(), HasSubstr("error_type=\"502\""));
}

TEST_P(HandlerErrors, at_the_same_time_are_each_their_own_clients) {
    std::vector<RawClient> clients;
    for (int i = 0; i < 100; ++i) {
        const std::string& name = all_thrown[static_cast<std::size_t>(i) % all_thrown.size()].name;
        clients.emplace_back(server->port());
        clients.back().send(get_bytes("/" + name, "X-Request-ID: " + std::to_string(i) + "\r\n"));
    }
    for (int i = 0; i < 100; ++i) {
        const std::string answer = clients[static_cast<std::size_t>(i)].read_response();
        EXPECT_EQ(test::status_of(answer), 500);
        EXPECT_EQ(test::header_of(answer, "X-Request-ID"), std::to_string(i));
    }
    clients.clear();
    const auto lines = lines_by_id();
    EXPECT_EQ(lines.size(), 100U);
}

}  // namespace
}  // namespace signalbox::http
