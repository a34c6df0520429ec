// Trace context and request ids, as clients and the log see them, against the real binary.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "signalbox/testing/postgres.hpp"
#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/log_lines.hpp"
#include "support/prometheus.hpp"
#include "support/raw_message.hpp"
#include "support/service.hpp"
#include "support/traceparent.hpp"

namespace signalbox::test {
namespace {

using testing::MatchesRegex;
using testing::StartsWith;

const std::string trace_id = "0af7651916cd43dd8448eb211c80319c";
const std::string span_id = "b7ad6b7169203331";
const std::string valid = "00-" + trace_id + "-" + span_id + "-01";

struct Traces : testing::Test {
    const std::string database = database_with_users(3);
    const Service service{database};

    HttpResponse ask(const std::string& path, const std::vector<std::string>& headers) const {
        return send({.url = service.url(path), .headers = headers});
    }

    std::string traceparent(const std::vector<std::string>& headers) const {
        return ask("/fast-task", headers).header("traceparent").value_or("missing");
    }
};

TEST_F(Traces, go_on_in_the_response_and_in_the_log) {
    for (const char* path : {"/fast-task", "/users", "/nothing", "/users/"}) {
        const std::string id = "on" + std::string(path);
        const auto response = ask(path, {"traceparent: " + valid, "X-Request-ID: " + id});
        const std::string sent_back = response.header("traceparent").value_or("missing");
        ASSERT_TRUE(is_traceparent(sent_back)) << sent_back;
        EXPECT_EQ(sent_back.substr(0, 36), "00-" + trace_id + "-");
        EXPECT_NE(sent_back.substr(36, 16), span_id);
        EXPECT_EQ(sent_back.substr(52), "-01");
        const LogLine line = wait_for_line(service, "request_id", id);
        EXPECT_EQ(line.text("trace_id"), trace_id);
        EXPECT_EQ(line.text("span_id"), sent_back.substr(36, 16));
        EXPECT_EQ(line.text("trace_flags"), "01");
    }
}

TEST_F(Traces, give_each_request_a_span_of_its_own) {
    RawClient client(service.port());
    std::set<std::string> spans;
    for (int i = 0; i < 100; ++i) {
        client.send("GET /fast-task HTTP/1.1\r\nHost: a\r\nTraceParent:\t" + valid + " \r\n\r\n");
    }
    for (int i = 0; i < 100; ++i) {
        const std::string sent_back = header_of(client.read_response(), "traceparent").value_or("");
        EXPECT_THAT(sent_back, StartsWith("00-" + trace_id));
        spans.insert(sent_back.substr(36, 16));
    }
    EXPECT_EQ(spans.size(), 100U);
}

TEST_F(Traces, begin_where_none_comes_in_and_are_the_request_id_then) {
    const auto response = ask("/fast-task", {});
    const std::string sent_back = response.header("traceparent").value_or("missing");
    ASSERT_TRUE(is_traceparent(sent_back)) << sent_back;
    EXPECT_EQ(sent_back.substr(52), "-00") << "nothing here records spans";
    EXPECT_EQ(response.header("x-request-id"), sent_back.substr(3, 32));
    const LogLine line = wait_for_line(service, "request_id", sent_back.substr(3, 32));
    EXPECT_EQ(line.text("trace_id"), sent_back.substr(3, 32));
    EXPECT_EQ(line.text("span_id"), sent_back.substr(36, 16));
    EXPECT_EQ(line.text("trace_flags"), "00");
    EXPECT_NE(traceparent({}).substr(3, 32), traceparent({}).substr(3, 32));
}

TEST_F(Traces, of_a_caller_are_not_the_request_id) {
    const auto id = ask("/fast-task", {"traceparent: " + valid}).header("x-request-id");
    EXPECT_THAT(id.value_or(""), MatchesRegex("[0-9a-f]{32}"));
    EXPECT_NE(id, trace_id) << "a caller makes many requests in one trace";
}

TEST_F(Traces, begin_anew_when_the_header_is_malformed_or_comes_twice) {
    const std::string other = "00-" + std::string(32, 'a') + "-" + span_id + "-01";
    const std::vector<std::vector<std::string>> cases = {
        {"traceparent: ff" + valid.substr(2)},
        {"traceparent: 00-" + std::string(32, '0') + "-" + span_id + "-01"},
        {"traceparent: 00-" + trace_id + "-" + std::string(16, '0') + "-01"},
        {"traceparent: 00-0AF7651916CD43DD8448EB211C80319C-" + span_id + "-01"},
        {"traceparent: " + valid + "-more"},
        {"traceparent: " + valid.substr(0, 54)},
        {"traceparent;"},
        {"traceparent: " + valid + "," + valid},
        {"traceparent: " + valid, "traceparent: " + valid},
        {"traceparent: " + valid, "Traceparent: " + other},
        {"traceparent: " + other, "traceparent: " + valid},
        {"x-traceparent: " + valid},
    };
    for (const auto& headers : cases) {
        const std::string sent_back = traceparent(headers);
        ASSERT_TRUE(is_traceparent(sent_back)) << sent_back;
        EXPECT_NE(sent_back.substr(3, 32), trace_id) << headers.front();
        EXPECT_NE(sent_back.substr(3, 32), std::string(32, 'a')) << headers.front();
    }
    EXPECT_EQ(traceparent({"traceparent: cc" + valid.substr(2) + "-later"}).substr(0, 35),
              "00-" + trace_id);
}

TEST_F(Traces, are_told_with_every_refusal_too) {
    RawClient client(service.port());
    client.send("GET / HTTP/1.1\r\ntraceparent: " + valid + "\r\n\r\n");  // no Host
    const std::string answer = client.read_to_end();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 "));
    const std::string sent_back = header_of(answer, "traceparent").value_or("missing");
    ASSERT_TRUE(is_traceparent(sent_back)) << answer;
    EXPECT_NE(sent_back.substr(3, 32), trace_id) << "nothing of a malformed message is believed";
    EXPECT_EQ(wait_for_line(service, "trace_id", sent_back.substr(3, 32)).text("span_id"),
              sent_back.substr(36, 16));
}

/// The head was in order: it says whose message it was that came to nothing.
TEST(Refusals, know_whose_request_it_was) {
    const std::string database = database_with_users(0);
    const Service service(database,
                          {"--limit-request-body", "1000", "--timeout-request-body", "500ms"});
    struct Case {
        std::string id, body;
        int status;
    };
    const Case cases[] = {
        {"too-large", "Content-Length: 1001\r\n\r\n", 413},
        {"too-large-chunk", "Transfer-Encoding: chunked\r\n\r\n1001\r\n", 413},
        {"bad-chunk", "Transfer-Encoding: chunked\r\n\r\nx\r\n", 400},
        {"bad-trailer", "Transfer-Encoding: chunked\r\n\r\n0\r\n bad\r\n", 400},
        {"too-slow", "Content-Length: 1000\r\n\r\nhalf", 408},
    };
    for (const auto& [id, body, status] : cases) {
        RawClient client(service.port());
        client.send(
            "GET /fast-task?q=1 HTTP/1.1\r\nHost: a\r\nUser-Agent: uploader/1\r\n"
            "X-Forwarded-For: 203.0.113.9\r\nX-Request-ID: " +
            id + "\r\ntraceparent: " + valid + "\r\n" + body);
        const std::string answer = client.read_to_end();
        EXPECT_EQ(status_of(answer), status) << id;
        EXPECT_EQ(header_of(answer, "X-Request-ID"), id);
        EXPECT_THAT(header_of(answer, "traceparent").value_or(""), StartsWith("00-" + trace_id));
        const LogLine line = wait_for_line(service, "request_id", id);
        EXPECT_EQ(line.number("http.response.status_code"), status);
        EXPECT_EQ(line.text("http.request.method"), "GET");
        EXPECT_EQ(line.text("http.route"), "/fast-task");
        EXPECT_EQ(line.text("url.path"), "/fast-task");
        EXPECT_EQ(line.text("user_agent.original"), "uploader/1");
        EXPECT_EQ(line.text("client.address"), "203.0.113.9");
        EXPECT_EQ(line.text("trace_id"), trace_id);
        EXPECT_NE(line.text("error.type"), "");
        EXPECT_GT(service.metric("http_server_request_duration_seconds_count",
                                 {{"http_request_method", "GET"},
                                  {"http_route", "/fast-task"},
                                  {"http_response_status_code", std::to_string(status)}}),
                  0);
    }
    EXPECT_TRUE(eventually([&] {
        return service.metric("signalbox_buffered_bytes", {{"what", "requests"}}) == 0;
    })) << "what is held of a request is let go with it";
}

bool is_safe_id(std::string_view id) {
    static const std::string safe =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/+=@";
    return !id.empty() && id.size() <= 128 && id.find_first_not_of(safe) == std::string_view::npos;
}

std::string trimmed(std::string value) {
    value.erase(0, value.find_first_not_of(" \t"));
    value.erase(value.find_last_not_of(" \t") + 1);
    return value;
}

/// Whatever stands in the two headers, there is an answer, with a well-formed traceparent and a
/// harmless id, and the log stays JSON.
TEST_F(Traces, survive_whatever_clients_send) {
    std::mt19937 random(4711);
    const auto pick = [&](std::size_t count) { return static_cast<std::size_t>(random() % count); };
    const std::string likely = "0123456789abcdefABCZ-._~:/+=@ \t\"\\<${,;";
    const auto garbage = [&](std::size_t longest) {
        std::string text(pick(longest), ' ');
        const bool any_byte = pick(2) == 0;
        for (char& c : text) {
            c = any_byte && pick(8) == 0 ? static_cast<char>(pick(256))
                                         : likely[pick(likely.size())];
        }
        return text;
    };
    auto client = std::make_unique<RawClient>(service.port());
    int refused = 0, continued = 0, kept = 0;
    std::set<std::string> spans;
    for (int i = 0; i < 5000; ++i) {
        std::string traceparent = valid;
        if (pick(4) > 0) traceparent[pick(55)] = likely[pick(16)];
        if (pick(4) == 0) traceparent[pick(55)] = static_cast<char>(pick(256));
        if (pick(4) == 0) traceparent = garbage(80);
        const std::string id = pick(2) == 0 ? "id-" + std::to_string(i) : garbage(140);
        const bool has_id = pick(8) > 0;
        std::string request = "GET /fast-task HTTP/1.1\r\nHost: a\r\ntraceparent: " + traceparent;
        if (has_id) request += "\r\nX-Request-ID: " + id;
        client->send(request + "\r\n\r\n");
        const std::string answer = client->read_response();
        const std::string sent_back = header_of(answer, "traceparent").value_or("missing");
        const std::string sent_back_id = header_of(answer, "X-Request-ID").value_or("");
        ASSERT_TRUE(is_traceparent(sent_back)) << answer;
        ASSERT_TRUE(is_safe_id(sent_back_id)) << answer;
        EXPECT_TRUE(spans.insert(sent_back.substr(36, 16)).second)
            << "a span that was there before";
        if (answer.starts_with("HTTP/1.1 400 ")) {
            ++refused;
            EXPECT_THAT(sent_back_id, MatchesRegex("[0-9a-f]{32}"));
            client = std::make_unique<RawClient>(service.port());
            continue;
        }
        ASSERT_THAT(answer, StartsWith("HTTP/1.1 200 ")) << request;
        const std::string parent = trimmed(traceparent);
        if (is_traceparent(parent)) {
            ++continued;
            EXPECT_EQ(sent_back.substr(3, 32), parent.substr(3, 32));
            EXPECT_NE(sent_back.substr(36, 16), parent.substr(36, 16));
        } else if (parent.size() > 35) {
            EXPECT_NE(sent_back.substr(3, 32), parent.substr(3, 32));
        }
        if (has_id && is_safe_id(trimmed(id))) {
            ++kept;
            EXPECT_EQ(sent_back_id, trimmed(id));
        } else {
            EXPECT_THAT(sent_back_id, MatchesRegex("[0-9a-f]{32}")) << request;
        }
    }
    EXPECT_GT(refused, 100);
    EXPECT_GT(continued, 1000);
    EXPECT_GT(kept, 1000);
    ask("/nothing", {"X-Request-ID: the-last-one"});
    wait_for_line(service, "request_id", "the-last-one");
    // Of what is refused the log has a sample.
    EXPECT_GT(log_lines(service.output()).size(), 2000U);
}

}  // namespace
}  // namespace signalbox::test
