#include "signalbox/admin/debug.hpp"

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <chrono>
#include <exception>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "signalbox/http/errors.hpp"
#include "support/log_lines.hpp"

namespace signalbox::admin {
namespace {

using namespace std::chrono_literals;
using observe::InFlightSnapshot;
using testing::HasSubstr;

using Clock = context::RequestContext::Clock;

rapidjson::Document parsed(const std::string& json) {
    rapidjson::Document document;
    document.Parse<rapidjson::kParseValidateEncodingFlag>(json.data(), json.size());
    EXPECT_FALSE(document.HasParseError()) << json;
    return document;
}

std::string text(const rapidjson::Value& value) {
    return {value.GetString(), value.GetStringLength()};
}

/// Taken ten seconds after the request started.
InFlightSnapshot snapshot_of(observe::InFlightEntry entry) {
    InFlightSnapshot snapshot;
    snapshot.taken = Clock::time_point(1h);
    snapshot.total = 1;
    snapshot.counts.push_back({entry.method, entry.route, entry.waiting, 1});
    entry.started = snapshot.taken - 10s;
    snapshot.entries.push_back(std::move(entry));
    return snapshot;
}

observe::InFlightEntry entry() {
    return {.request_id = "id-1",
            .trace = context::TraceContext::continue_from(
                         "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
                         .value(),
            .method = "GET",
            .route = "/users/{id}",
            .path = "/users/7",
            .client_address = "192.0.2.1",
            .started = {},
            .deadline = Clock::time_point(1h) + 1500ms,
            .waiting = context::Waiting::database_queue,
            .waiting_since = Clock::time_point(1h) - 250ms,
            .in_transaction_since = std::nullopt};
}

TEST(RequestsAsJson, are_empty_lists_when_there_are_none) {
    EXPECT_EQ(to_json({}), R"({"total":0,"summary":[],"requests":[]})");
}

TEST(RequestsAsJson, say_what_is_known_of_each) {
    EXPECT_EQ(to_json(snapshot_of(entry())),
              R"({"total":1,"summary":[{"http.request.method":"GET","http.route":"/users/{id}",)"
              R"("waiting_for":"database-queue","count":1}],"requests":[{"request_id":"id-1",)"
              R"("trace_id":"0af7651916cd43dd8448eb211c80319c","http.request.method":"GET",)"
              R"("http.route":"/users/{id}","url.path":"/users/7","client.address":"192.0.2.1",)"
              R"("age_s":10.000000,"waiting_for":"database-queue","waiting_s":0.250000,)"
              R"("transaction_s":null,"deadline_s":1.500000}]})");
}

TEST(RequestsAsJson, say_for_how_long_a_transaction_holds_a_connection) {
    auto holds = entry();
    holds.in_transaction_since = Clock::time_point(1h) - 500ms;
    EXPECT_DOUBLE_EQ(
        parsed(to_json(snapshot_of(holds)))["requests"][0]["transaction_s"].GetDouble(), 0.5);
}

TEST(RequestsAsJson, count_down_to_the_deadline_and_beyond) {
    auto without = entry();
    without.deadline = Clock::time_point::max();
    EXPECT_TRUE(parsed(to_json(snapshot_of(without)))["requests"][0]["deadline_s"].IsNull());
    auto late = entry();
    late.deadline = Clock::time_point(1h) - 2s;
    EXPECT_DOUBLE_EQ(parsed(to_json(snapshot_of(late)))["requests"][0]["deadline_s"].GetDouble(),
                     -2);
}

TEST(RequestsAsJson, are_valid_json_whatever_clients_sent) {
    std::string bytes;
    for (int value = 0; value < 256; ++value)
        bytes += static_cast<char>(value);
    for (const std::string& hostile :
         {bytes, std::string("\"}],\"total\":9,\"x\":[{\"y\":\""), std::string("</script>\\"),
          std::string("\xf0\x9f"), std::string("new\nline\r\n"), std::string("nul\0", 4)}) {
        auto sent = entry();
        sent.request_id = hostile;
        sent.path = hostile;
        sent.client_address = hostile;
        const auto document = parsed(to_json(snapshot_of(sent)));
        ASSERT_TRUE(document.IsObject());
        EXPECT_EQ(document.MemberCount(), 3U);
        EXPECT_EQ(document["total"].GetInt(), 1);
        const auto& request = document["requests"][0];
        EXPECT_EQ(request.MemberCount(), 11U);
        EXPECT_EQ(text(request["request_id"]), text(request["url.path"]));
        if (static_cast<unsigned char>(hostile[hostile.size() / 2]) < 0x80 &&
            hostile.find('\xf0') == std::string::npos) {
            EXPECT_EQ(text(request["url.path"]), hostile);
        }
    }
}

TEST(RequestsAsJson, list_many) {
    InFlightSnapshot snapshot = snapshot_of(entry());
    for (int i = 0; i < 999; ++i)
        snapshot.entries.push_back(snapshot.entries.front());
    snapshot.counts.push_back({"POST", "", context::Waiting::client, 12});
    snapshot.total = 123'456'789;
    const auto document = parsed(to_json(snapshot));
    EXPECT_EQ(document["total"].GetInt(), 123'456'789);
    EXPECT_EQ(document["requests"].Size(), 1000U);
    ASSERT_EQ(document["summary"].Size(), 2U);
    EXPECT_EQ(text(document["summary"][1]["http.route"]), "");
    EXPECT_EQ(text(document["summary"][1]["waiting_for"]), "client");
    EXPECT_EQ(document["summary"][1]["count"].GetInt(), 12);
}

struct Answer {
    int status = 0;
    std::string body;
};

Answer run(async::Task<http::Response> task) {
    asio::io_context loop;
    Answer answer;
    asio::co_spawn(async::Executor(loop.get_executor(), nullptr), std::move(task),
                   [&](const std::exception_ptr& error, const http::Response& response) {
                       try {
                           if (error) std::rethrow_exception(error);
                           answer = {response.status, std::string(response.body.view())};
                       } catch (const http::HttpError& http_error) {
                           answer = {http_error.status(), http_error.detail()};
                       }
                   });
    loop.run();
    return answer;
}

struct Debug : testing::Test {
    observe::Metrics metrics;
    test::LogFile file;
    observe::Log log{
        {"orders", "1.2.3"}, config::LogLevel::info, config::LogFormat::json, file.descriptor()};
    http::Telemetry telemetry{metrics, log, {.access_log = config::AccessLog::errors}};

    Answer requests(const std::string& query) {
        http::Request request;
        request.query = query;
        return run(get_requests(request, telemetry));
    }

    Answer put(const std::string& body) {
        http::Request request;
        request.body = body;
        request.client_address = "192.0.2.1";
        return run(put_log_level(request, log, telemetry));
    }

    void expect_unchanged() const {
        EXPECT_EQ(log.level(), config::LogLevel::info);
        EXPECT_EQ(telemetry.access_log(), config::AccessLog::errors);
    }
};

TEST_F(Debug, limit_is_a_number_of_requests) {
    for (const std::string query : {"", "limit=0", "limit=1", "limit=18446744073709551615",
                                    "other=abc", "limit=007", "limit=5&limit=abc"}) {
        const Answer answer = requests(query);
        EXPECT_EQ(answer.status, 200) << query;
        EXPECT_EQ(answer.body, R"({"total":0,"summary":[],"requests":[]})");
    }
    for (const std::string query :
         {"limit=abc", "limit=", "limit", "limit=-1", "limit=+1", "limit=1.5", "limit=1e3",
          "limit=0x10", "limit=5%20", "limit=%205", "limit=5a", "limit=18446744073709551616",
          "limit=99999999999999999999999999", "limit=%35%zz=&limit=x"}) {
        const Answer answer = requests(query);
        EXPECT_EQ(answer.status, 422) << query;
        EXPECT_THAT(answer.body, HasSubstr("limit"));
    }
}

TEST_F(Debug, log_level_tells_what_is_set) {
    http::Request request;
    const Answer answer = run(get_log_level(request, log, telemetry));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, R"({"level":"info","access_log":"errors"})");
}

TEST_F(Debug, log_level_changes_what_is_named_and_nothing_else) {
    EXPECT_EQ(put(R"({"level":"debug"})").body, R"({"level":"debug","access_log":"errors"})");
    EXPECT_EQ(log.level(), config::LogLevel::debug);
    EXPECT_EQ(put(R"( { "access_log" : "off" } )").body, R"({"level":"debug","access_log":"off"})");
    EXPECT_EQ(telemetry.access_log(), config::AccessLog::off);
    EXPECT_EQ(put(R"({"access_log":"all","level":"info"})").body,
              R"({"level":"info","access_log":"all"})");
    EXPECT_EQ(put("{}").body, R"({"level":"info","access_log":"all"})");
    EXPECT_EQ(put(R"({"\u006cevel":"trace"})").body, R"({"level":"trace","access_log":"all"})");
    EXPECT_EQ(put(R"({"level":"error"})").status, 200);
    // Who changed it to what is an event of its own, the one that silences such events included.
    ASSERT_TRUE(log.close());
    const auto lines = test::log_lines(file.text());
    ASSERT_EQ(lines.size(), 6U);
    EXPECT_EQ(lines[5].text("level"), "error");
    EXPECT_EQ(lines[1].text("body"), "log settings changed");
    EXPECT_EQ(lines[1].text("level"), "debug");
    EXPECT_EQ(lines[1].text("access_log"), "off");
    EXPECT_EQ(lines[1].text("client.address"), "192.0.2.1");
}

TEST_F(Debug, log_level_knows_every_level_by_its_name) {
    for (const std::string level : {"trace", "debug", "info", "warning", "error", "critical"}) {
        EXPECT_EQ(put("{\"level\":\"" + level + "\"}").status, 200);
        EXPECT_EQ(to_string(log.level()), level);
    }
    for (const std::string which : {"off", "errors", "all"}) {
        EXPECT_EQ(put("{\"access_log\":\"" + which + "\"}").status, 200);
        EXPECT_EQ(to_string(telemetry.access_log()), which);
    }
}

TEST_F(Debug, log_level_changes_nothing_when_anything_makes_no_sense) {
    const std::string nothing(1, '\0');
    for (const std::string& body : {std::string(),
                                    std::string("debug"),
                                    std::string("{"),
                                    std::string("null"),
                                    std::string("\"debug\""),
                                    std::string("[]"),
                                    std::string(R"([{"level":"debug"}])"),
                                    std::string(R"({"level":"debug"} x)"),
                                    std::string(R"({"level":"debug"}{})"),
                                    std::string(R"({"level":"debug",})"),
                                    std::string(R"({'level':'debug'})"),
                                    std::string(R"({level:"debug"})"),
                                    std::string(R"({"level":"debug","other":1})"),
                                    std::string(R"({"Level":"debug"})"),
                                    std::string(R"({"":"debug"})"),
                                    std::string(R"({"level":null})"),
                                    std::string(R"({"level":5})"),
                                    std::string(R"({"level":true})"),
                                    std::string(R"({"level":["debug"]})"),
                                    std::string(R"({"level":{"level":"debug"}})"),
                                    std::string(R"({"level":""})"),
                                    std::string(R"({"level":"DEBUG"})"),
                                    std::string(R"({"level":" debug"})"),
                                    std::string(R"({"level":"debugging"})"),
                                    std::string(R"({"level":"debug\u0000"})"),
                                    std::string(R"({"level\u0000":"debug"})"),
                                    std::string(R"({"level":"off"})"),
                                    std::string(R"({"access_log":"debug"})"),
                                    std::string(R"({"access_log":false})"),
                                    std::string(R"({"level":"debug","access_log":"none"})"),
                                    std::string(R"({"access_log":"off","level":"none"})"),
                                    std::string(R"({"level":"debug","level":"none"})"),
                                    std::string(R"({"level":"debug)") + '\xff' + "\"}",
                                    R"({"level":"debug"})" + nothing,
                                    nothing,
                                    "\xEF\xBB\xBF" + std::string("[1]"),
                                    std::string(1000, '{'),
                                    std::string(100'000, 'x')}) {
        const Answer answer = put(body);
        EXPECT_EQ(answer.status, 422) << body.substr(0, 100);
        EXPECT_NE(answer.body, "");
        expect_unchanged();
    }
}

TEST_F(Debug, log_level_takes_the_last_of_several) {
    EXPECT_EQ(put(R"({"level":"debug","level":"error"})").status, 200);
    EXPECT_EQ(log.level(), config::LogLevel::error);
}

TEST_F(Debug, log_level_is_not_felled_by_a_body_that_is_nested_deeply) {
    const std::string open(500'000, '['), close(500'000, ']');
    EXPECT_EQ(put(open).status, 422);
    EXPECT_EQ(put(open + close).status, 422);
    EXPECT_EQ(put("{\"level\":" + open + close + "}").status, 422);
    std::string objects;
    for (int i = 0; i < 100'000; ++i)
        objects += "{\"level\":";
    EXPECT_EQ(put(objects).status, 422);
    EXPECT_EQ(put(objects + "1" + std::string(100'000, '}')).status, 422);
    expect_unchanged();
}

}  // namespace
}  // namespace signalbox::admin
