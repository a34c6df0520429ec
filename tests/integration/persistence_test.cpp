// What every response has, whichever it is, and what becomes of the connection behind it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <ctime>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "signalbox/testing/postgres.hpp"
#include "support/held_requests.hpp"
#include "support/http_client.hpp"
#include "support/large_users.hpp"
#include "support/log_lines.hpp"
#include "support/raw_message.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

using namespace std::string_literals;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// Name and value of a response's headers, without the values that differ from one to the next.
std::map<std::string, std::string> comparable_headers(std::string_view response) {
    std::map<std::string, std::string> headers;
    std::string_view rest = fields_of(response);
    while (!rest.empty()) {
        const std::string_view line = rest.substr(0, rest.find("\r\n"));
        rest.remove_prefix(line.size() + 2);
        const std::string name(line.substr(0, line.find(": ")));
        const bool varies = name == "Date" || name == "traceparent" || name == "Retry-After";
        const std::string value = varies ? "" : std::string(line.substr(name.size() + 2));
        EXPECT_TRUE(headers.emplace(name, value).second) << name << " is there twice";
    }
    return headers;
}

/// RFC 9110, section 5.6.7: nothing but the one preferred form.
std::time_t parse_http_date(const std::string& text) {
    std::tm utc{};
    const char* const end = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &utc);
    if (end == nullptr || *end != '\0') return 0;
    const std::time_t time = ::timegm(&utc);
    char again[64] = "";
    std::strftime(again, sizeof again, "%a, %d %b %Y %H:%M:%S GMT", &utc);
    return text == again ? time : 0;
}

void expect_date_between(std::string_view response, std::time_t earliest, std::time_t latest) {
    const std::string text = header_of(response, "Date").value_or("");
    const std::time_t date = parse_http_date(text);
    EXPECT_GE(date, earliest - 1) << text;  // the clock it is read from may be a tick behind
    EXPECT_LE(date, latest) << text;
}

/// All of an answer's bytes; a HEAD's has none behind its head.
std::string ask(const Service& service, const std::string& bytes, bool head_only = false) {
    RawClient client(service.port());
    client.send(bytes);
    return head_only ? client.read_until("\r\n\r\n") : client.read_response();
}

/// One of each kind of answer, by the bytes that ask for it.
struct Kind {
    int status;
    std::string bytes;
};
const std::vector<Kind> kinds{
    {200, get_bytes("/fast-task")},
    {200, get_bytes("/users")},
    {204, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"},
    {307, get_bytes("/users/")},
    {400, get_bytes("/fast-task", "Request-Timeout: soon\r\n")},
    {404, get_bytes("/nothing")},
    {405, "POST /users HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"},
    {504, get_bytes("/slow-task", "Request-Timeout: 0.05\r\n")},
};
/// Those after which the connection is of no more use.
const std::vector<Kind> last_kinds{
    {400, "GET /fast-task HTTP/1.1\r\n\r\n"},
    {408, "GET /fast-task HTTP/1.1\r\nHo"},
    {413, "POST /users HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n"},
    {414, "GET /" + std::string(33000, 'x')},
    {417, get_bytes("/fast-task", "Expect: the worst\r\n")},
    {431, get_bytes("/fast-task", "X: " + std::string(33000, 'x') + "\r\n")},
    {501, get_bytes("/fast-task", "Transfer-Encoding: gzip\r\n")},
    {505, "GET /fast-task HTTP/2.0\r\nHost: a\r\n\r\n"},
};

struct Persistence : testing::Test {
    const std::string database = database_with_users(20);
    const Service service{database, {"--timeout-request-head", "500ms"}};
};

TEST_F(Persistence, ends_exactly_when_the_response_says_so) {
    struct Rule {
        std::string version, headers;
        bool closes;
    };
    const std::vector<Rule> rules{
        {"1.1", "", false},
        {"1.1", "Connection: close\r\n", true},
        {"1.1", "connection:CLOSE\r\n", true},
        {"1.1", "Connection: keep-alive, close\r\n", true},
        {"1.1", "Connection: close, keep-alive\r\n", true},
        {"1.1", "Connection: ,\t,te , Close,\r\n", true},
        {"1.1", "Connection: keep-alive\r\nConnection: close\r\n", true},
        {"1.1", "Connection: close\r\nConnection: keep-alive\r\n", true},
        {"1.1", "Connection: keep-alive\r\n", false},
        {"1.1", "Connection: closed\r\n", false},
        {"1.1", "Connection: x-close, not close\r\n", false},
        {"1.1", "Connection: \"close\"\r\n", false},
        {"1.1", "Connection: upgrade\r\nUpgrade: websocket\r\n", false},
        {"1.1", "Connection:\r\n", false},
        {"1.1", "X-Connection: close\r\n", false},
        {"1.1", "Proxy-Connection: close\r\n", false},
        {"1.0", "", true},
        {"1.0", "Connection: close\r\n", true},
        {"1.0", "Connection: upgrade\r\n", true},
        {"1.0", "Connection: keep-alive, close\r\n", true},
        {"1.0", "Connection: close\r\nConnection: keep-alive\r\n", true},
        {"1.0", "Connection: keep-alive\r\n", false},
        {"1.0", "Connection: te, Keep-Alive\r\n", false},
    };
    for (const Rule& rule : rules) {
        for (const char* line : {"GET /fast-task", "HEAD /fast-task", "GET /users", "GET /nothing",
                                 "POST /users", "GET /users/", "OPTIONS *"}) {
            const std::string start = line;
            SCOPED_TRACE(start + " HTTP/" + rule.version + "\n" + rule.headers);
            RawClient client(service.port());
            client.send(start + " HTTP/" + rule.version + "\r\nHost: a\r\n" + rule.headers +
                        "\r\n");
            const std::string answer =
                start.starts_with("HEAD") ? client.read_until("\r\n\r\n") : client.read_response();
            EXPECT_THAT(answer, StartsWith("HTTP/1.1 "));
            if (rule.closes) {
                EXPECT_EQ(header_of(answer, "Connection"), "close");
                EXPECT_EQ(client.read_to_end(), "");
                continue;
            }
            // Clients of 1.0 have to be told that it stays.
            EXPECT_EQ(header_of(answer, "Connection").value_or(""),
                      rule.version == "1.0" ? "keep-alive" : "");
            client.send(get_bytes("/fast-task"));
            EXPECT_THAT(client.read_response(), HasSubstr("This was quick!"));
        }
    }
}

TEST_F(Persistence, outlasts_every_error_that_leaves_the_framing_intact) {
    RawClient client(service.port());
    for (int round = 0; round < 3; ++round) {
        for (const Kind& kind : kinds) {
            client.send(kind.bytes);
            const std::string answer = client.read_response();
            EXPECT_EQ(status_of(answer), kind.status) << kind.bytes;
            EXPECT_EQ(header_of(answer, "Connection"), std::nullopt) << kind.bytes;
        }
    }
    execute(database, "DROP TABLE users");
    client.send(get_bytes("/users"));
    const std::string failed = client.read_response();
    EXPECT_EQ(status_of(failed), 500);
    EXPECT_EQ(header_of(failed, "Connection"), std::nullopt);
    client.send(get_bytes("/fast-task"));
    EXPECT_EQ(status_of(client.read_response()), 200);
}

TEST_F(Persistence, ends_with_every_error_after_which_nobody_knows_where_a_request_begins) {
    for (const Kind& kind : last_kinds) {
        RawClient client(service.port());
        client.send(kind.bytes);
        const std::string answer = client.read_to_end();
        EXPECT_EQ(status_of(answer), kind.status) << kind.bytes.substr(0, 80);
        EXPECT_EQ(header_of(answer, "Connection"), "close");
    }
}

TEST_F(Persistence, ends_behind_the_request_that_asks_for_it) {
    RawClient client(service.port());
    client.send(get_bytes("/fast-task") + get_bytes("/users", "Connection: close\r\n") +
                get_bytes("/fast-task", "X-Request-ID: behind\r\n"));
    EXPECT_EQ(header_of(client.read_response(), "Connection"), std::nullopt);
    const std::string last = client.read_to_end();
    EXPECT_EQ(header_of(last, "Connection"), "close");
    EXPECT_THAT(last, HasSubstr("User 20"));
    EXPECT_THAT(last, Not(HasSubstr("behind")));
}

TEST(PersistenceOfSlowReaders, ends_when_all_of_the_response_is_there) {
    // Some 2 MB, more than the buffers of both sockets hold.
    const std::string database = database_with_large_users();
    const Service service(database);
    RawClient client(service.port(), 4096);
    client.send(get_bytes("/users", "Connection: close\r\n"));
    const std::string head = client.read_until("\r\n\r\n");
    EXPECT_EQ(header_of(head, "Connection"), "close");
    EXPECT_EQ(std::to_string(client.read_to_end().size()), header_of(head, "Content-Length"));
}

struct Dates : Persistence {};

TEST_F(Dates, are_in_answers_of_every_kind) {
    std::vector<Kind> all = kinds;
    all.insert(all.end(), last_kinds.begin(), last_kinds.end());
    for (const Kind& kind : all) {
        const std::time_t before = std::time(nullptr);
        const std::string answer = ask(service, kind.bytes);
        EXPECT_EQ(status_of(answer), kind.status);
        expect_date_between(answer, before, std::time(nullptr));
    }
    execute(database, "DROP TABLE users");
    const std::time_t before = std::time(nullptr);
    const std::string failed = ask(service, get_bytes("/users"));
    EXPECT_EQ(status_of(failed), 500);
    expect_date_between(failed, before, std::time(nullptr));
}

TEST(DatesOfRefusals, are_there_when_there_is_no_room_either) {
    const std::string database = database_with_users(0);
    const Service service(database, HeldRequests::arguments(
                                        {"--limit-connections", "2", "--limit-concurrency", "1"}));
    const HeldRequests hold_the_place(service, database, 1);
    RawClient shed(service.port());
    const std::time_t before = std::time(nullptr);
    shed.send(get_bytes("/fast-task"));
    std::string answer = shed.read_response();
    EXPECT_EQ(status_of(answer), 503);
    expect_date_between(answer, before, std::time(nullptr));
    EXPECT_EQ(header_of(answer, "Connection"), std::nullopt) << "the next may be served";

    shed.send("GET");  // idle it might have to give way
    RawClient outside(service.port());
    answer = outside.read_to_end();
    EXPECT_EQ(status_of(answer), 503);
    expect_date_between(answer, before, std::time(nullptr));
    EXPECT_EQ(header_of(answer, "Connection"), "close");
}

struct Head : Persistence {
    void expect_as_get(int status, const std::string& target, const std::string& headers = {}) {
        SCOPED_TRACE(target + " " + headers);
        const std::string rest =
            " " + target + " HTTP/1.1\r\nHost: a\r\nX-Request-ID: same\r\n" + headers + "\r\n";
        RawClient get(service.port());
        RawClient head(service.port());
        // Both at once, because some take seconds. The second shows that no body comes behind.
        get.send("GET" + rest);
        head.send("HEAD" + rest + get_bytes("/fast-task", "Connection: close\r\n"));
        const std::string with_body = get.read_response();
        const std::string without = head.read_until("\r\n\r\n");
        EXPECT_EQ(status_of(with_body), status);
        EXPECT_EQ(without.substr(0, without.find("\r\n")),
                  with_body.substr(0, with_body.find("\r\n")));
        EXPECT_EQ(comparable_headers(without), comparable_headers(with_body));
        EXPECT_EQ(header_of(without, "Content-Length"), std::to_string(body_of(with_body).size()));
        EXPECT_THAT(head.read_to_end(), StartsWith("HTTP/1.1 200 OK\r\n"));
    }
};

TEST_F(Head, is_as_get_for_every_route) {
    expect_as_get(200, "/fast-task");
    expect_as_get(200, "/users");
    expect_as_get(200, "/multiple-tasks");
    expect_as_get(200, "/slow-task");
    expect_as_get(200, "http://a/users?x=y");
}

TEST_F(Head, is_as_get_for_every_error) {
    expect_as_get(307, "/users/");
    expect_as_get(400, "/fast-task", "Request-Timeout: soon\r\n");
    expect_as_get(404, "/");
    expect_as_get(404, "/nothing");
    expect_as_get(504, "/slow-task", "Request-Timeout: 0.05\r\n");
    execute(database, "DROP TABLE users");
    expect_as_get(500, "/users");
}

TEST(HeadOfAShedRequest, is_as_that_of_a_get) {
    const std::string database = database_with_users(0);
    const Service service(database, HeldRequests::arguments({"--limit-concurrency", "1"}));
    const HeldRequests hold_the_place(service, database, 1);
    const std::string with_body = ask(service, get_bytes("/fast-task", "X-Request-ID: same\r\n"));
    EXPECT_EQ(status_of(with_body), 503);
    const std::string without =
        ask(service, "HEAD /fast-task HTTP/1.1\r\nHost: a\r\nX-Request-ID: same\r\n\r\n", true);
    EXPECT_EQ(status_of(without), 503);
    EXPECT_EQ(comparable_headers(without), comparable_headers(with_body));
}

TEST(HeadOfAnOperatorsRoute, is_as_that_of_a_get) {
    const std::string database = database_with_users(0);
    const Service service(database);
    for (const char* path :
         {"/livez", "/readyz", "/version", "/", "/debug/log-level", "/nothing"}) {
        const auto with_body = get(service.admin_url(path));
        const auto head = send({.url = service.admin_url(path), .method = "HEAD"});
        EXPECT_EQ(head.status, with_body.status) << path;
        EXPECT_EQ(head.body, "");
        for (const char* name : {"content-type", "content-length", "connection"})
            EXPECT_EQ(head.header(name), with_body.header(name)) << path << " " << name;
    }
}

const std::string expecting_post =
    "POST /users HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
const std::string go_on = "HTTP/1.1 100 Continue\r\n\r\n";

struct Expectations : Persistence {};

TEST_F(Expectations, are_met_before_the_body_comes) {
    for (
        const std::string& head :
        {expecting_post,
         "POST /users HTTP/1.1\r\nHost: a\r\nexpect:100-CONTINUE \r\nContent-Length: 5\r\n\r\n"s}) {
        RawClient client(service.port());
        for (int i = 0; i < 3; ++i) {
            client.send(head);
            EXPECT_EQ(client.read_until("\r\n\r\n"), go_on);
            client.send("hello");
            EXPECT_EQ(status_of(client.read_response()), 405);
        }
    }
    RawClient chunks(service.port());
    chunks.send(
        "POST /users HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
        "Transfer-Encoding: chunked\r\n\r\n");
    EXPECT_EQ(chunks.read_until("\r\n\r\n"), go_on);
    chunks.send("5\r\nhello\r\n0\r\n\r\n");
    EXPECT_EQ(status_of(chunks.read_response()), 405);
}

TEST_F(Expectations, of_nothing_and_of_http_1_0_get_no_interim_answer) {
    RawClient no_body(service.port());
    no_body.send(get_bytes("/fast-task", "Expect: 100-continue\r\n"));
    EXPECT_EQ(status_of(no_body.read_response()), 200);
    RawClient empty_body(service.port());
    empty_body.send(get_bytes("/fast-task", "Expect: 100-continue\r\nContent-Length: 0\r\n"));
    EXPECT_EQ(status_of(empty_body.read_response()), 200);

    RawClient old(service.port());
    old.send("POST /users HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    old.send("hello");
    EXPECT_THAT(old.read_to_end(), StartsWith("HTTP/1.1 405 "));
}

TEST_F(Expectations, that_are_refused_get_a_final_status_before_the_body) {
    const std::vector<Kind> refused{
        {413,
         "POST /users HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
         "Content-Length: 1048577\r\n\r\n"},
        {400, "POST /users HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"},
        {400,
         "POST /users HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n"
         "Transfer-Encoding: chunked\r\n\r\n"},
        {501,
         "POST /users HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
         "Transfer-Encoding: gzip\r\n\r\n"},
        {417, "POST /users HTTP/1.1\r\nHost: a\r\nExpect: 102-wait\r\nContent-Length: 5\r\n\r\n"},
        {417,
         "POST /users HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nExpect: tea\r\n"
         "Content-Length: 5\r\n\r\n"},
    };
    for (const Kind& kind : refused) {
        RawClient client(service.port());
        client.send(kind.bytes);
        const std::string answer = client.read_to_end();  // though the body never came
        EXPECT_EQ(status_of(answer), kind.status) << kind.bytes;
        EXPECT_EQ(header_of(answer, "Connection"), "close");
        EXPECT_THAT(answer, Not(HasSubstr("100 Continue")));
    }
}

TEST_F(Expectations, wait_for_the_answers_before_theirs) {
    RawClient client(service.port());
    client.send(get_bytes("/fast-task") + get_bytes("/users") + expecting_post);
    EXPECT_EQ(status_of(client.read_response()), 200);
    EXPECT_EQ(status_of(client.read_response()), 200);
    EXPECT_EQ(client.read_until("\r\n\r\n"), go_on);
    client.send("hello");
    EXPECT_EQ(status_of(client.read_response()), 405);
}

TEST(ExpectationsBehindASlowRequest, have_all_of_their_time_when_their_turn_comes) {
    const std::string database = database_with_users(0);
    const Service service(database, {"--timeout-request-body", "2s"});
    RawClient client(service.port());
    client.send(get_bytes("/multiple-tasks") + expecting_post);  // three seconds
    EXPECT_EQ(status_of(client.read_response()), 200);
    EXPECT_EQ(client.read_until("\r\n\r\n"), go_on);
    client.send("hello");
    EXPECT_EQ(status_of(client.read_response()), 405);

    client.send(expecting_post);
    EXPECT_EQ(client.read_until("\r\n\r\n"), go_on);
    const std::string answer = client.read_to_end();
    EXPECT_EQ(status_of(answer), 408) << "whoever is told to go on has to";
    EXPECT_EQ(header_of(answer, "Connection"), "close");
}

}  // namespace
}  // namespace signalbox::test
