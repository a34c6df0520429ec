// What the real binary writes to standard output, whatever clients send.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "signalbox/testing/held_port.hpp"
#include "signalbox/testing/postgres.hpp"
#include "support/eventually.hpp"
#include "support/held_requests.hpp"
#include "support/http_client.hpp"
#include "support/log_lines.hpp"
#include "support/raw_message.hpp"
#include "support/service.hpp"
#include "support/traceparent.hpp"

namespace signalbox::test {
namespace {

using namespace std::chrono_literals;
using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;
using testing::UnorderedElementsAreArray;

const std::string replaced = "\xEF\xBF\xBD";

/// Sends a request on a connection of its own and returns its status.
int status_of(const Service& service, const std::string& line, const std::string& headers) {
    RawClient client(service.port());
    client.send(line + "\r\nHost: a\r\nConnection: close\r\n" + headers + "\r\n");
    return test::status_of(client.read_to_end());
}

/// As JSON can hold it.
std::string logged(int byte) {
    return byte < 0x80 ? std::string(1, static_cast<char>(byte)) : replaced;
}

std::string traceparent_of(const LogLine& line) {
    std::string text("00-");
    return text.append(line.text("trace_id"))
        .append("-")
        .append(line.text("span_id"))
        .append("-")
        .append(line.text("trace_flags"));
}

struct Logging : testing::Test {
    const std::string database = database_with_users(3);

    static HttpResponse ask(const Service& service, const std::string& path, const std::string& id,
                            std::vector<std::string> headers = {}) {
        headers.push_back("X-Request-ID: " + id);
        return send({.url = service.url(path), .headers = headers});
    }

    /// Waits until no request is in flight. Who has an answer has it a moment before its request is
    /// over and its line is made.
    static bool comes_to_rest(const Service& service) {
        return eventually([&] {
            return get(service.admin_url("/debug/requests")).body ==
                   R"({"total":0,"summary":[],"requests":[]})";
        });
    }

    static std::vector<std::string> ids(const Service& service) {
        std::vector<std::string> ids;
        for (const auto& line : log_lines(service.output())) {
            if (line.has("request_id")) ids.push_back(line.text("request_id"));
        }
        return ids;
    }
};

TEST_F(Logging, of_a_request_has_all_that_is_known_of_it) {
    const Service service(database);
    const auto response = ask(service, "/us%65rs?limit=3&token=hunter2", "all-fields",
                              {"User-Agent: test/1.0 (é)", "X-Forwarded-For: 192.0.2.7"});
    ASSERT_EQ(response.status, 200);
    const LogLine line = wait_for_line(service, "request_id", "all-fields");
    EXPECT_THAT(line.names(), UnorderedElementsAreArray({"timestamp",
                                                         "severity_text",
                                                         "severity_number",
                                                         "body",
                                                         "trace_id",
                                                         "span_id",
                                                         "trace_flags",
                                                         "request_id",
                                                         "http.request.method",
                                                         "http.route",
                                                         "url.path",
                                                         "url.query",
                                                         "http.response.status_code",
                                                         "http.response.body.size",
                                                         "duration_s",
                                                         "client.address",
                                                         "in_flight",
                                                         "db.wait_s",
                                                         "db.use_s",
                                                         "shared_read",
                                                         "network.protocol.version",
                                                         "user_agent.original",
                                                         "service.name",
                                                         "service.version",
                                                         "service.instance.id"}));
    EXPECT_THAT(line.text("timestamp"), MatchesRegex("[0-9-]{10}T[0-9:]{8}\\.[0-9]{6}Z"));
    EXPECT_EQ(line.text("severity_text"), "INFO");
    EXPECT_EQ(line.number("severity_number"), 9);
    EXPECT_EQ(line.text("body"), "request");
    EXPECT_EQ(response.header("traceparent"), traceparent_of(line));
    EXPECT_EQ(line.text("http.request.method"), "GET");
    EXPECT_EQ(line.text("http.route"), "/users");
    EXPECT_EQ(line.text("url.path"), "/users");
    EXPECT_EQ(line.text("url.query"), "limit=3&token=REDACTED");
    EXPECT_EQ(line.number("http.response.status_code"), 200);
    EXPECT_EQ(line.number("http.response.body.size"), static_cast<double>(response.body.size()));
    EXPECT_GT(line.number("duration_s"), 0);
    EXPECT_LE(line.number("duration_s"), response.duration.count() + 1);
    EXPECT_EQ(line.text("client.address"), "192.0.2.7");
    EXPECT_EQ(line.number("in_flight"), 1);
    EXPECT_GE(line.number("db.wait_s"), 0);
    EXPECT_GT(line.number("db.use_s"), 0);
    EXPECT_LE(line.number("db.wait_s") + line.number("db.use_s"), line.number("duration_s"));
    EXPECT_FALSE(line.boolean("shared_read"));
    EXPECT_EQ(line.text("network.protocol.version"), "1.1");
    EXPECT_EQ(line.text("user_agent.original"), "test/1.0 (é)");
    EXPECT_EQ(line.text("service.name"), "signalbox");
    EXPECT_THAT(line.text("service.instance.id"),
                testing::EndsWith(std::string(":").append(std::to_string(service.pid()))));
}

TEST_F(Logging, of_a_request_leaves_out_what_there_is_not) {
    const Service service(database);
    RawClient client(service.port());
    client.send("HEAD /fast-task HTTP/1.0\r\nX-Request-ID: plain\r\n\r\n");
    client.read_to_end();
    const LogLine line = wait_for_line(service, "request_id", "plain");
    for (const char* name :
         {"url.query", "db.wait_s", "db.use_s", "shared_read", "error.type", "error.message"}) {
        EXPECT_FALSE(line.has(name)) << name;
    }
    EXPECT_EQ(line.text("http.request.method"), "HEAD");
    EXPECT_EQ(line.text("http.route"), "/fast-task");
    EXPECT_EQ(line.text("network.protocol.version"), "1.0");
    EXPECT_EQ(line.text("user_agent.original"), "");
    EXPECT_EQ(line.number("http.response.body.size"), 0);

    ask(service, "/nothing", "nowhere");
    const LogLine nowhere = wait_for_line(service, "request_id", "nowhere");
    EXPECT_EQ(nowhere.text("http.route"), "");
    EXPECT_EQ(nowhere.text("url.path"), "/nothing");
    EXPECT_EQ(nowhere.number("http.response.status_code"), 404);
    EXPECT_EQ(nowhere.text("severity_text"), "INFO");
    EXPECT_FALSE(nowhere.has("error.type"));
}

/// Every byte value in every place where a client can put one, on a connection of its own: what is
/// answered comes back in the line of the request, what is refused has a line too, and each line
/// is valid JSON.
TEST_F(Logging, is_json_with_every_byte_in_every_place) {
    const Service service(database);
    std::map<std::string, std::map<int, int>> statuses;  // by place and byte
    std::size_t refused = 0;
    for (int value = 0; value < 256; ++value) {
        const std::string byte(1, static_cast<char>(value));
        const char* hex = "0123456789ABCDEF";
        const std::string escaped = std::string("%") + hex[value / 16] + hex[value % 16];
        const auto id = [&](const std::string& place) {
            return "X-Request-ID: " + place + "-" + std::to_string(value) + "\r\n";
        };
        const std::map<std::string, std::pair<std::string, std::string>> requests = {
            {"path", {std::string("GET /a").append(byte).append("z HTTP/1.1"), id("path")}},
            {"escape", {"GET /a" + escaped + "z HTTP/1.1", id("escape")}},
            {"query", {"GET /q?a" + byte + "z HTTP/1.1", id("query")}},
            {"agent", {"GET /q HTTP/1.1", id("agent") + "User-Agent: a" + byte + "z\r\n"}},
            {"client", {"GET /q HTTP/1.1", id("client") + "X-Forwarded-For: a" + byte + "z\r\n"}},
            {"trace", {"GET /q HTTP/1.1", id("trace") + "traceparent: 00-" + byte + "\r\n"}},
            {"id",
             {"GET /id/" + std::to_string(value) + " HTTP/1.1",
              "X-Request-ID: a" + byte + "z\r\n"}},
            {"method", {std::string("G").append(byte).append("T /q HTTP/1.1"), id("method")}},
        };
        for (const auto& [place, request] : requests) {
            const int status = status_of(service, request.first, request.second);
            EXPECT_THAT(status, testing::AnyOf(400, 404, 501)) << place << " " << value;
            if (status == 400) ++refused;
            statuses[place][value] = status;
        }
    }
    // Each loop writes its own lines, so that none of them is sure to be the last.
    std::map<std::string, LogLine> lines;
    std::size_t logged_refusals = 0;
    EXPECT_TRUE(eventually([&] {
        lines.clear();
        logged_refusals = 0;
        for (const LogLine& line : log_lines(service.output())) {  // throws when one is no JSON
            if (!line.has("request_id")) continue;
            if (line.number("http.response.status_code") == 400) ++logged_refusals;
            if (line.has("url.path") && line.text("url.path").starts_with("/id/")) {
                lines.emplace("id-" + line.text("url.path").substr(4), line);
            } else {
                lines.emplace(line.text("request_id"), line);
            }
        }
        return std::all_of(statuses.begin(), statuses.end(), [&](const auto& place) {
            return std::all_of(place.second.begin(), place.second.end(), [&](const auto& known) {
                return known.second == 400 ||
                       lines.contains(place.first + "-" + std::to_string(known.first));
            });
        });
    }));
    EXPECT_GT(logged_refusals, 0U);
    EXPECT_LE(logged_refusals, refused) << "of many at a time the log has a sample";
    const auto count = [&](const std::string& place) {
        return std::count_if(statuses[place].begin(), statuses[place].end(),
                             [](const auto& known) { return known.second == 404; });
    };
    EXPECT_EQ(count("escape"), 255) << "all but NUL";
    EXPECT_EQ(count("agent"), 256 - 32) << "all but the controls, of which the tab is none";
    EXPECT_EQ(count("trace"), 256 - 32);
    EXPECT_EQ(count("client"), 256 - 32);
    EXPECT_EQ(count("id"), 256 - 32);
    EXPECT_EQ(count("path"), 0x7f - 0x21 - 2) << "what is visible, but no # and no % before a z";
    EXPECT_EQ(count("query"), 0x7f - 0x21 - 1 + 128) << "nobody decodes it";

    for (const auto& [place, by_byte] : statuses) {
        for (const auto& [value, status] : by_byte) {
            if (status == 400) continue;
            const auto found = lines.find(place + "-" + std::to_string(value));
            ASSERT_NE(found, lines.end()) << place << " " << value;
            const LogLine& line = found->second;
            const std::string text = std::string("a").append(logged(value)).append("z");
            const char byte = static_cast<char>(value);
            if (place == "path" && byte != '%' && byte != '?') {
                EXPECT_EQ(line.text("url.path"), "/" + text);
            } else if (place == "escape") {
                EXPECT_EQ(line.text("url.path"), "/" + text);
            } else if (place == "query") {
                EXPECT_EQ(line.text("url.query"), text);
            } else if (place == "agent") {
                EXPECT_EQ(line.text("user_agent.original"), text);
            } else if (place == "client" && byte != ',') {
                EXPECT_EQ(line.text("client.address"), "127.0.0.1") << "it is no address";
            } else if (place == "method") {
                EXPECT_EQ(line.text("http.request.method"),
                          std::string("G").append(logged(value)).append("T"));
            } else if (place == "id") {
                const bool safe = std::isalnum(value) != 0 ||
                                  std::string("-._~:/+=@").find(byte) != std::string::npos;
                EXPECT_EQ(line.text("request_id") == text, safe) << value;
            }
            EXPECT_TRUE(is_traceparent(traceparent_of(line)));
        }
    }
}

TEST_F(Logging, keeps_what_is_utf8_and_replaces_what_is_not) {
    const Service service(database);
    const std::pair<std::string, std::string> cases[] = {
        {"Zo\xC3\xAB \xF0\x9F\x98\x80", "Zo\xC3\xAB \xF0\x9F\x98\x80"},
        {"\xC3(", replaced + "("},
        {"\xE2\x82", replaced},
        {"\xED\xA0\x80", replaced + replaced + replaced},
        {"\xF5\x80\xC0\xAF", replaced + replaced + replaced + replaced},
        {"\"},{\"request_id\":\"forged\"", "\"},{\"request_id\":\"forged\""},
        {"\\u0000\\", "\\u0000\\"},
    };
    int number = 0;
    for (const auto& [sent, expected] : cases) {
        const std::string id = "utf8-" + std::to_string(number++);
        ASSERT_EQ(status_of(service, "GET /x HTTP/1.1",
                            "X-Request-ID: " + id + "\r\nUser-Agent: a" + sent + "z\r\n"),
                  404);
        EXPECT_EQ(wait_for_line(service, "request_id", id).text("user_agent.original"),
                  std::string("a").append(expected).append("z"));
    }
    EXPECT_THAT(ids(service), Each(StartsWith("utf8-")));
}

TEST_F(Logging, says_which_reads_were_shared) {
    execute(database,
            "ALTER TABLE users RENAME TO people;"
            "CREATE VIEW users AS SELECT people.* FROM people, (SELECT pg_sleep(0.3)) AS slow");
    const Service service(database, {"--database-pool-size", "1"});
    std::vector<HttpRequest> requests;
    for (int i = 0; i < 10; ++i) {
        requests.push_back(
            {.url = service.url("/users"), .headers = {"X-Request-ID: user-" + std::to_string(i)}});
    }
    for (const auto& response : send_all(requests))
        ASSERT_EQ(response.status, 200);
    int shared = 0;
    for (int i = 0; i < 10; ++i) {
        const LogLine line = wait_for_line(service, "request_id", "user-" + std::to_string(i));
        EXPECT_GE(line.number("db.use_s"), 0.2);
        EXPECT_LE(line.number("db.wait_s") + line.number("db.use_s"),
                  line.number("duration_s") + 0.001);
        if (line.boolean("shared_read")) {
            ++shared;
            EXPECT_GT(line.number("db.wait_s"), 0) << "it asked before its read began";
        }
    }
    EXPECT_GT(shared, 0);
    EXPECT_LT(shared, 10) << "somebody's read it must have been";
}

TEST_F(Logging, of_a_client_that_left_says_so) {
    const Service service(database, HeldRequests::arguments());
    HeldRequests held(service, database, 1, "X-Request-ID: left\r\n");
    held.clients().clear();
    const LogLine line = wait_for_line(service, "request_id", "left");
    EXPECT_EQ(line.number("http.response.status_code"), 499);
    EXPECT_EQ(line.number("http.response.body.size"), 0);
    EXPECT_EQ(line.text("error.type"), "client_gone");
    EXPECT_EQ(line.text("severity_text"), "INFO") << "no fault of ours";
    EXPECT_EQ(line.text("http.route"), "/users");
}

TEST_F(Logging, of_a_failure_has_the_cause_that_the_client_is_not_told) {
    const Service service(database, {"--timeout-request", "3s", "--database-query-timeout", "2s"});
    execute(database, "ALTER TABLE users RENAME TO people");
    EXPECT_THAT(ask(service, "/users", "failed").body, Not(HasSubstr("relation")));
    const LogLine failed = wait_for_line(service, "request_id", "failed");
    EXPECT_EQ(failed.number("http.response.status_code"), 500);
    EXPECT_EQ(failed.text("error.type"), "500");
    EXPECT_THAT(failed.text("error.message"), HasSubstr("relation \"users\" does not exist"));
    EXPECT_EQ(failed.text("severity_text"), "ERROR");
    EXPECT_EQ(failed.number("severity_number"), 17);

    ask(service, "/slow-task", "late");
    const LogLine late = wait_for_line(service, "request_id", "late");
    EXPECT_EQ(late.number("http.response.status_code"), 504);
    EXPECT_EQ(late.text("error.type"), "deadline");
    EXPECT_EQ(late.text("severity_text"), "ERROR");
}

TEST_F(Logging, of_what_was_no_request_has_the_reason_and_nothing_of_the_bytes) {
    const Service service(database);
    const std::pair<std::string, std::pair<int, std::string>> cases[] = {
        {"GET / HTTP/1.1\r\nX-Secret: hunter2\r\n\r\n", {400, "host"}},
        {"GET /hunter2%zz HTTP/1.1\r\nHost: a\r\n\r\n", {400, "percent_encoding"}},
        {"GET / HTTP/2.0\r\nHost: hunter2\r\n\r\n", {505, "version"}},
        {"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: hunter2\r\n\r\n",
         {501, "transfer_coding"}},
        {"GET / HTTP/1.1\r\nHost: a\r\nX hunter2: 1\r\n\r\n", {400, "header"}},
    };
    for (const auto& [bytes, expected] : cases) {
        RawClient client(service.port());
        client.send(bytes);
        const std::string answer = client.read_to_end();
        const std::string id = header_of(answer, "X-Request-ID").value_or("");
        const LogLine line = wait_for_line(service, "request_id", id);
        EXPECT_EQ(line.number("http.response.status_code"), expected.first) << bytes;
        EXPECT_EQ(line.text("error.type"), expected.second);
        EXPECT_EQ(line.text("client.address"), "127.0.0.1");
        EXPECT_TRUE(line.has("trace_id"));
        EXPECT_FALSE(line.has("url.path"));
        EXPECT_EQ(line.json().find("hunter2"), std::string::npos) << line.json();
    }
}

constexpr std::size_t longest_line = 8 * 1024;

TEST_F(Logging, has_no_line_that_a_client_made_long) {
    for (const char* format : {"json", "text"}) {
        const Service service(database, {"--log-format", format, "--workers", "1",
                                         "--forwarded-allow-ips", "127.0.0.1"});
        const std::string long_text(7000, 'x');
        const std::string escaped = [] {
            std::string text;
            while (text.size() < 7000)
                text += "%0A%E2%80%8B";
            return text;
        }();
        for (const std::string& path :
             {"/" + long_text, "/" + escaped, "/fast-task?" + long_text, "/a%20" + long_text}) {
            ask(service, path, "long",
                {"User-Agent: " + std::string(7000, '"'), "X-Forwarded-For: " + long_text,
                 "traceparent: " + long_text});
        }
        RawClient client(service.port());
        client.send(std::string(9000, 'M') + " /" + long_text +
                    " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        EXPECT_THAT(client.read_to_end(), StartsWith("HTTP/1.1 501 "));
        ASSERT_TRUE(comes_to_rest(service));
        EXPECT_EQ(get(service.url("/fast-task?last")).status, 200);
        ASSERT_TRUE(eventually([&] { return service.output().find("last") != std::string::npos; }));
        std::size_t cut = 0;
        std::istringstream lines(service.output());
        for (std::string line; std::getline(lines, line);) {
            EXPECT_LE(line.size(), longest_line);
            cut += line.find(" bytes more)") != std::string::npos ? 1 : 0;
        }
        EXPECT_EQ(cut, 5U);
    }
}

/// Of a flood that was refused with this error.
struct Sample {
    Sample(const Service& service, std::string_view error_type) {
        for (const LogLine& line : log_lines(service.output())) {
            if (line.has("log.left_out")) left_out += line.number("log.left_out");
            if (line.has("error.type") && line.text("error.type") == error_type) ++written;
        }
    }
    std::size_t written = 0;
    /// As other lines say.
    double left_out = 0;
};
void expect_sample(const Service& service, std::string_view error_type, std::size_t sent) {
    const auto found = [&] { return Sample(service, error_type); };
    // Whatever was left out is told, in the next line or in one of its own a second later.
    EXPECT_TRUE(eventually([&] {
        const Sample now = found();
        return static_cast<double>(now.written) + now.left_out == static_cast<double>(sent);
    })) << found().written
        << " written, " << found().left_out << " left out";
    EXPECT_GE(found().written, 100U);
    EXPECT_GT(found().left_out, 0) << "or the machine is too slow to prove anything";
}

TEST_F(Logging, of_a_flood_that_is_refused_is_a_sample_that_says_so) {
    const Service service(database, {"--workers", "1"});
    constexpr std::size_t sent = 3000;
    for (std::size_t i = 0; i < sent; ++i) {
        RawClient client(service.port());
        client.send("GET / HTTP/1.1\r\n\r\n");
        client.read_to_end();
    }
    expect_sample(service, "host", sent);
    // What is served is all there.
    for (int i = 0; i < 300; ++i)
        get(service.url("/fast-task"));
    EXPECT_TRUE(eventually(
        [&] { return log_lines_with(service.output(), "url.path", "/fast-task").size() == 300; }));
}

TEST_F(Logging, of_a_flood_that_is_shed_is_a_sample_that_says_so) {
    const Service service(database,
                          HeldRequests::arguments({"--workers", "1", "--limit-concurrency", "1"}));
    const HeldRequests hold_the_place(service, database, 1);
    RawClient client(service.port());
    constexpr std::size_t sent = 3000;
    for (std::size_t i = 0; i < sent; ++i) {
        client.send(get_bytes("/fast-task"));
        EXPECT_EQ(test::status_of(client.read_response()), 503);
    }
    expect_sample(service, "concurrency_limit", sent);
}

TEST_F(Logging, shows_no_secret_that_is_in_a_path) {
    const Service service(database, {"--log-secret-paths", "/reset/{token},/slow-task/{x}",
                                     "--workers", "1", "--slow-request-log", "100ms"});
    ask(service, "/reset/hunter2", "path");
    ask(service, "/reset/hunter2/more%2Fhunter2", "longer");
    ask(service, "/a;jsessionid=hunter2", "matrix");
    EXPECT_EQ(wait_for_line(service, "request_id", "path").text("url.path"), "/reset/REDACTED");
    EXPECT_EQ(wait_for_line(service, "request_id", "longer").text("url.path"), "/reset/REDACTED");
    EXPECT_EQ(wait_for_line(service, "request_id", "matrix").text("url.path"),
              "/a;jsessionid=REDACTED");
    EXPECT_EQ(service.output().find("hunter2"), std::string::npos);
}

TEST_F(Logging, shows_no_secret_of_a_path_with_spaces_as_text_either) {
    const Service service(database, {"--log-secret-paths", "/reset/{token},/r\xc3\xa9init/{token}",
                                     "--workers", "1", "--log-format", "text"});
    const std::vector<std::string> targets{
        "/res%65t/se%20cret-hunter2",     "/x%3Ftoken%3Dhunter2%20a",  "/token%3Dhunter2%20x",
        "/x/a%3Da%20b%26token%3Dhunter2", "/r%C3%A9init/se%20hunter2", "//reset/hunter2"};
    for (std::size_t i = 0; i < targets.size(); ++i)
        ask(service, targets[i], "spaces-" + std::to_string(i));
    ask(service, "/nothing%20here", "spaces-plain");
    EXPECT_TRUE(
        eventually([&] { return service.output().find("spaces-plain") != std::string::npos; }));
    const std::string log = service.output();
    for (std::size_t i = 0; i < targets.size(); ++i)
        EXPECT_THAT(log, HasSubstr("spaces-" + std::to_string(i)));
    EXPECT_EQ(log.find("hunter2"), std::string::npos) << log;
    EXPECT_THAT(log, HasSubstr("GET /nothing%20here 404"));
    EXPECT_THAT(log, HasSubstr("GET /reset/REDACTED 404"));
}

TEST_F(Logging, of_access_can_be_limited_to_errors) {
    const Service service(database, {"--workers", "1", "--access-log", "errors"});
    ask(service, "/fast-task", "fine");
    ask(service, "/nothing", "not-found");
    wait_for_line(service, "request_id", "not-found");
    EXPECT_THAT(ids(service), testing::ElementsAre("not-found"));
}

TEST_F(Logging, of_access_can_be_off_and_of_events_stays) {
    Service service(database, {"--workers", "1", "--access-log", "off"});
    ask(service, "/fast-task", "fine");
    ask(service, "/nothing", "not-found");
    service.signal(SIGTERM);
    const auto exit = service.wait_for_exit();
    ASSERT_TRUE(exit);
    EXPECT_THAT(log_lines_with(exit->output, "body", "request"), IsEmpty());
    EXPECT_THAT(log_lines_with(exit->output, "body", "draining"), SizeIs(1));
    EXPECT_THAT(log_lines_with(exit->output, "body", "stopped"), SizeIs(1));
}

TEST_F(Logging, from_warnings_up_leaves_the_failures) {
    // The ready line, by which the tests know that a service is ready, is no warning.
    const Service service(database, {"--workers", "1"});
    execute(database, "ALTER TABLE users RENAME TO people");
    ASSERT_EQ(send({.url = service.admin_url("/debug/log-level"),
                    .method = "PUT",
                    .body = R"({"level":"warning"})"})
                  .status,
              200);
    ask(service, "/fast-task", "fine");
    ask(service, "/nothing", "not-found");
    ask(service, "/users", "failed");
    wait_for_line(service, "request_id", "failed");
    EXPECT_THAT(ids(service), testing::ElementsAre("failed"));
}

TEST_F(Logging, from_a_level_up_is_a_flag) {
    const HeldPort port;  // it says nothing at all, so this has to be known
    Process process({"--port", "0", "--admin-port", port.text(), "--database-url", database,
                     "--log-format", "json", "--log-level", "critical"});
    ASSERT_TRUE(eventually([&] {
        try {
            return get("http://127.0.0.1:" + port.text() + "/readyz").status == 200;
        } catch (const std::runtime_error&) {
            return false;  // it does not listen yet
        }
    }));
    process.signal(SIGTERM);
    const auto exit = process.wait_for_exit();
    ASSERT_TRUE(exit);
    EXPECT_EQ(exit->status, 0);
    EXPECT_EQ(exit->output, "");
}

TEST_F(Logging, can_be_changed_while_running) {
    const Service service(database, {"--workers", "1"});
    const auto put = [&](const std::string& body) {
        return send({.url = service.admin_url("/debug/log-level"), .method = "PUT", .body = body});
    };
    const auto settings = [&] { return get(service.admin_url("/debug/log-level")).body; };
    EXPECT_EQ(settings(), R"({"level":"info","access_log":"all"})");
    ask(service, "/fast-task", "all-1");
    wait_for_line(service, "request_id", "all-1");
    ASSERT_TRUE(comes_to_rest(service));

    EXPECT_EQ(put(R"({"access_log":"errors"})").body, R"({"level":"info","access_log":"errors"})");
    EXPECT_EQ(settings(), R"({"level":"info","access_log":"errors"})");
    ask(service, "/fast-task", "silent-1");
    ask(service, "/nothing", "error-1");
    wait_for_line(service, "request_id", "error-1");
    ASSERT_TRUE(comes_to_rest(service));

    EXPECT_EQ(put(R"({"access_log":"off"})").status, 200);
    ask(service, "/fast-task", "silent-2");
    ask(service, "/nothing", "silent-3");
    ASSERT_TRUE(comes_to_rest(service));
    EXPECT_EQ(put(R"({"level":"error","access_log":"all"})").status, 200);
    ask(service, "/nothing", "silent-4");
    ASSERT_TRUE(comes_to_rest(service));
    EXPECT_EQ(settings(), R"({"level":"error","access_log":"all"})");

    EXPECT_EQ(put(R"({"level":"everything"})").status, 422);
    EXPECT_EQ(settings(), R"({"level":"error","access_log":"all"})") << "nothing has changed";
    EXPECT_EQ(put(R"({"level":"debug"})").status, 200);
    ask(service, "/fast-task", "all-2");
    wait_for_line(service, "request_id", "all-2");
    EXPECT_THAT(ids(service), testing::ElementsAre("all-1", "error-1", "all-2"));
}

/// Both the request that waits for a timer and the one that waits for the database are told of
/// while they still wait, once.
TEST_F(Logging, warns_of_a_slow_request_while_it_is_in_flight) {
    const Service service(database, HeldRequests::arguments({"--slow-request-log", "500ms"}));
    RawClient slow(service.port());
    slow.send("GET /slow-task HTTP/1.1\r\nHost: a\r\nX-Request-ID: slow\r\n\r\n");
    HeldRequests reading(service, database, 1, "X-Request-ID: reading\r\n");
    ask(service, "/fast-task", "quick");
    ASSERT_TRUE(eventually(
        [&] { return log_lines_with(service.output(), "body", "request is slow").size() == 2; }));
    EXPECT_THAT(get(service.admin_url("/debug/requests")).body, HasSubstr("\"reading\""))
        << "it is told of too late: nothing can be looked at any more";
    slow.read_response();
    reading.release();
    reading.clients().front().read_response();
    const std::pair<std::string, std::string> expected[] = {{"slow", "timer"},
                                                            {"reading", "database"}};
    for (const auto& each : expected) {
        const auto& [id, waiting_for] = each;
        ASSERT_TRUE(eventually([&] {
            return log_lines_with(service.output(), "request_id", each.first).size() >= 2;
        }));
        const auto lines = log_lines_with(service.output(), "request_id", id);
        ASSERT_EQ(lines.size(), 2U);
        const LogLine& warning = lines[0];
        EXPECT_EQ(warning.text("body"), "request is slow");
        EXPECT_EQ(warning.text("severity_text"), "WARN");
        EXPECT_EQ(warning.text("waiting_for"), waiting_for);
        EXPECT_GT(warning.number("waiting_s"), 0);
        EXPECT_GE(warning.number("duration_s"), 0.5);
        EXPECT_LE(warning.number("waiting_s"), warning.number("duration_s"));
        EXPECT_EQ(warning.text("http.request.method"), "GET");
        EXPECT_EQ(warning.text("client.address"), "127.0.0.1");
        EXPECT_EQ(lines[1].text("body"), "request");
        for (const char* name :
             {"trace_id", "span_id", "trace_flags", "http.route", "url.path", "request_id"}) {
            EXPECT_EQ(warning.text(name), lines[1].text(name));
        }
        EXPECT_LT(warning.number("duration_s"), lines[1].number("duration_s"));
    }
    EXPECT_THAT(log_lines_with(service.output(), "request_id", "quick"), SizeIs(1));
}

TEST_F(Logging, does_not_warn_of_slow_requests_when_told_so) {
    const Service service(database, {"--slow-request-log", "0"});
    ask(service, "/multiple-tasks", "slow");
    wait_for_line(service, "request_id", "slow");
    EXPECT_THAT(log_lines_with(service.output(), "body", "request is slow"), IsEmpty());
}

TEST_F(Logging, as_text_is_for_people) {
    Service service(database, {"--log-format", "text", "--slow-request-log", "500ms"});
    ask(service, "/fast-task?a=b&token=hunter2", "quick");
    ask(service, "/nothing%0A%1B%5B31m%C2%9B31m%7F", "hostile");
    ask(service, "/%E2%80%AEtxt.exe%E2%81%A6", "turned");
    ask(service, "/caf%C3%A9", "utf8", {"X-Forwarded-For: \"quoted\" \xff"});
    ask(service, "/multiple-tasks", "slow");
    ASSERT_TRUE(comes_to_rest(service)) << "one more would be drained";
    service.signal(SIGTERM);
    const auto exit = service.wait_for_exit();
    ASSERT_TRUE(exit);
    const auto line_with = [&](const std::string& text) {
        const std::size_t at = exit->output.find(text);
        if (at == std::string::npos) return "no " + text;
        const std::size_t begin = exit->output.rfind('\n', at) + 1;
        return exit->output.substr(begin, exit->output.find('\n', at) - begin);
    };
    const std::string time = "[0-9-]{10}T[0-9:]{8}\\.[0-9]{6}Z ";
    EXPECT_THAT(
        line_with("ready: "),
        MatchesRegex(time + "INFO  ready: serving on http://127.0.0.1:[0-9]+, admin on .*"));
    EXPECT_THAT(line_with("request_id=quick"),
                MatchesRegex(time + "INFO  GET /fast-task 200 [0-9]+\\.[0-9] ms  "
                                    "url.query=\"a=b&token=REDACTED\"  http.response.body.size=29  "
                                    "client.address=127.0.0.1  in_flight=[0-9]+  "
                                    "network.protocol.version=1.1  trace_id=[0-9a-f]{32}  "
                                    "span_id=[0-9a-f]{16}  trace_flags=00  request_id=quick"));
    EXPECT_THAT(line_with("request_id=hostile"),
                HasSubstr(R"("GET /nothing\n\u001b[31m\u009b31m\u007f 404 )"));
    EXPECT_THAT(line_with("request_id=turned"), HasSubstr(R"("GET /\u202etxt.exe\u2066 404 )"));
    EXPECT_THAT(line_with("request_id=utf8"), HasSubstr("GET /café 404 "));
    EXPECT_THAT(line_with("request is slow"),
                MatchesRegex(time + "WARN  request is slow  trace_id=[0-9a-f]{32}  "
                                    "span_id=[0-9a-f]{16}  trace_flags=00  request_id=slow  .*"
                                    "waiting_for=timer  waiting_s=[0-9.]+"));
    EXPECT_THAT(line_with("stopped"), MatchesRegex(time + "INFO  stopped  drained=0  cancelled=0"));
    EXPECT_EQ(exit->output.find_first_of("\x1b\x7f\r\t"), std::string::npos);
    EXPECT_EQ(exit->output.find("\xc2\x9b"), std::string::npos) << "a terminal obeys it";
}

}  // namespace
}  // namespace signalbox::test
