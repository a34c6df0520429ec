// What is no request by RFC 9112 gets an error and a closed connection, and nothing behind it is
// served; what is one is served, and the connection goes on.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "support/http_client.hpp"
#include "support/log_lines.hpp"
#include "support/raw_message.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

using namespace std::string_literals;
using testing::HasSubstr;
using testing::Not;

/// As Python's `http.HTTPStatus` spells them, and so FastAPI.
const std::map<int, std::string> phrases{{400, "Bad Request"},
                                         {413, "Request Entity Too Large"},
                                         {414, "Request-URI Too Long"},
                                         {417, "Expectation Failed"},
                                         {431, "Request Header Fields Too Large"},
                                         {501, "Not Implemented"},
                                         {505, "HTTP Version Not Supported"}};

constexpr std::size_t head_limit = 1024;
constexpr std::size_t body_limit = 512;

/// Who gets this past the edge has smuggled a request.
const std::string smuggled = get_bytes("/fast-task", "X-Request-ID: smuggled\r\n");

struct Framing : testing::Test {
    const std::string database = database_with_users(1);
    const Service service{database,
                          {"--limit-request-head", "1KiB", "--limit-request-body", "512B"}};

    /// All that comes until the server closes.
    std::string exchange(std::string_view bytes, std::size_t piece) const {
        RawClient client(service.port());
        for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size())))
            client.send(bytes.substr(0, piece));
        return client.read_to_end();
    }

    static void expect_refusal(const std::string& answer, int status) {
        const std::string& phrase = phrases.at(status);
        const std::string body(body_of(answer));
        EXPECT_EQ(answer.substr(0, answer.find("\r\n")),
                  "HTTP/1.1 " + std::to_string(status) + " " + phrase);
        EXPECT_EQ(header_of(answer, "Connection"), "close");
        EXPECT_EQ(header_of(answer, "Content-Type"), "application/json");
        EXPECT_EQ(header_of(answer, "Content-Length"), std::to_string(body.size()));
        EXPECT_NE(header_of(answer, "X-Request-ID").value_or(""), "");
        // One sentence that says why, and nothing behind it.
        EXPECT_THAT(body, testing::MatchesRegex(R"(\{"detail":"[A-Z][^"]{20,}"\})"));
    }

    void expect_refused(int status, const std::vector<std::string>& messages) const {
        for (const std::string& message : messages) {
            SCOPED_TRACE(testing::PrintToString(message));
            const std::string bytes = message + smuggled;
            expect_refusal(exchange(bytes, bytes.size()), status);
            expect_refusal(exchange(bytes, 1), status);

            RawClient client(service.port());
            client.send(get_bytes("/fast-task") + bytes);
            EXPECT_EQ(status_of(client.read_response()), 200) << "what came before is answered";
            expect_refusal(client.read_to_end(), status);
        }
        EXPECT_THAT(service.output(), Not(HasSubstr("smuggled")));
    }

    /// With this line among the headers of a request that is otherwise in order.
    void expect_lines_refused(int status, const std::vector<std::string>& lines) const {
        std::vector<std::string> messages;
        for (const std::string& line : lines)
            messages.push_back(get_bytes("/fast-task", line + "\r\n"));
        expect_refused(status, messages);
    }

    void expect_request_lines_refused(int status, const std::vector<std::string>& lines) const {
        std::vector<std::string> messages;
        for (const std::string& line : lines)
            messages.push_back(line + "\r\nHost: test\r\n\r\n");
        expect_refused(status, messages);
    }

    void expect_targets_refused(const std::vector<std::string>& targets) const {
        std::vector<std::string> lines;
        for (const std::string& target : targets)
            lines.push_back("GET " + target + " HTTP/1.1");
        expect_request_lines_refused(400, lines);
    }

    void expect_answered(int status, const std::vector<std::string>& messages) const {
        for (const std::string& message : messages) {
            SCOPED_TRACE(testing::PrintToString(message));
            RawClient whole(service.port());
            whole.send(message + get_bytes("/fast-task"));
            EXPECT_EQ(status_of(whole.read_response()), status);
            EXPECT_EQ(status_of(whole.read_response()), 200) << "the connection goes on";

            RawClient pieces(service.port());
            for (const char c : message)
                pieces.send({&c, 1});
            EXPECT_EQ(status_of(pieces.read_response()), status);
            pieces.send(get_bytes("/fast-task"));
            EXPECT_EQ(status_of(pieces.read_response()), 200);
        }
    }
};

std::string chunked(const std::string& body) {
    return "POST /users HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n" + body;
}

TEST_F(Framing, refuses_a_missing_repeated_or_malformed_host) {
    expect_refused(400, {"GET /fast-task HTTP/1.1\r\n\r\n", "GET /fast-task HTTP/1.2\r\n\r\n",
                         "GET http://a.example/fast-task HTTP/1.1\r\n\r\n",
                         "GET /fast-task HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
                         "GET /fast-task HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
                         "GET /fast-task HTTP/1.1\r\nHost: a\r\nX-Y: z\r\nhOST: a\r\n\r\n",
                         "GET /fast-task HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"});
    std::vector<std::string> messages;
    for (const auto& host :
         {""s,          " "s,        "a b"s,    "a/b"s,     "a?b"s,     "a#b"s,         "a\\b"s,
          "user@a"s,    "<a>"s,      "\"a\""s,  "a^b"s,     "a|b"s,     "caf\xc3\xa9"s, ":80"s,
          "a:b"s,       "a:80:80"s,  "a:-1"s,   "a:+1"s,    "a: 80"s,   "::1"s,         "["s,
          "[]"s,        "[::1"s,     "[::1]x"s, "[::1]80"s, "[::1]:x"s, "[::g]"s,       "[1:2]"s,
          "[1.2.3.4]"s, "[::1%25]"s, "a%"s,     "a%4"s,     "a%zz"s}) {
        messages.push_back("GET /fast-task HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
    }
    expect_refused(400, messages);
}

TEST_F(Framing, refuses_a_malformed_request_line) {
    expect_request_lines_refused(400, {"GET",
                                       "GET /fast-task",
                                       "GET  /fast-task HTTP/1.1",
                                       "GET /fast-task  HTTP/1.1",
                                       "GET /fast-task HTTP/1.1 ",
                                       " GET /fast-task HTTP/1.1",
                                       "GET\t/fast-task\tHTTP/1.1",
                                       "GET /fast-task HTTP/1",
                                       "GET /fast-task HTTP/1.",
                                       "GET /fast-task HTTP/11",
                                       "GET /fast-task HTTP/1.10",
                                       "GET /fast-task HTTP/01.1",
                                       "GET /fast-task HTTP/1.x",
                                       "GET /fast-task http/1.1",
                                       "GET /fast-task HTTP/1,1",
                                       "GET /fast-task HTTP 1.1",
                                       "GET /fast-task HTTPS/1.1",
                                       "GET HTTP/1.1",
                                       "GET/fast-task HTTP/1.1",
                                       "HTTP/1.1 200 OK",
                                       "\x16\x03\x01\x02"});
}

TEST_F(Framing, refuses_an_invalid_method_or_target) {
    expect_request_lines_refused(
        400, {"G@T /fast-task HTTP/1.1", "GE(T) /fast-task HTTP/1.1", "GET: /fast-task HTTP/1.1",
              "\"GET\" /fast-task HTTP/1.1", "G\xc3\x8bT /fast-task HTTP/1.1",
              "G\0T /fast-task HTTP/1.1"s, "G\rT /fast-task HTTP/1.1", "POST * HTTP/1.1",
              "CONNECT test HTTP/1.1", "CONNECT test:x HTTP/1.1", "CONNECT :80 HTTP/1.1"});
    expect_request_lines_refused(501, {"CONNECT test:80 HTTP/1.1", "CONNECT [::1]:443 HTTP/1.0"});
    expect_targets_refused({"fast-task",
                            "*",
                            "/fast task",
                            "/fast-task\tx",
                            "/fast-task#x",
                            "/fast-task\x7f",
                            "/fast-task\x01",
                            "/fast-task\0x"s,
                            "/fast-task\rx",
                            "/caf\xc3\xa9",
                            "/caf\xc3\xa9?a",
                            "/fast-task?caf\xc3\xa9#x",
                            "/fast-task?caf\xc3\xa9\x7f",
                            "test:80",
                            "http://",
                            "http:///fast-task",
                            "http://user@test/fast-task",
                            "http://test:x/fast-task",
                            "http://[::1/fast-task",
                            "://test/fast-task",
                            "http:/fast-task",
                            "ftp://test/fast-task",
                            "ttp://test/fast-task"});
}

TEST_F(Framing, refuses_paths_with_bad_escapes) {
    expect_targets_refused({"/fast-task%", "/fast-task%6", "/fast-task%zz", "/fast-task%6g",
                            "/fast-task%%66", "/%00fast-task", "/%u0066ast-task",
                            "http://test/fast-task%"});
}

TEST_F(Framing, refuses_malformed_header_lines) {
    expect_lines_refused(
        400, {"X-Name", "X-Name : value", "X-Name\t: value", ": value", "X Name: value",
              "X(Name): value", "\"X-Name\": value", "X-N\xc3\xa4me: value", "X-N\0me: value"s,
              "X-N\rame: value", "X-Name\r: value", "X/Name: value", "X-Name=value"});
    // Between names that mean something: whoever takes it for such a header frames it otherwise.
    expect_lines_refused(400, {"Content-Length : 5", "Transfer-Encoding : chunked",
                               "Transfer-Encoding\t: chunked", "Content\rLength: 5"});
}

TEST_F(Framing, refuses_folded_and_indented_lines) {
    expect_refused(400, {"GET /fast-task HTTP/1.1\r\n Host: test\r\n\r\n",
                         "GET /fast-task HTTP/1.1\r\n\tHost: test\r\n\r\n",
                         "GET /fast-task HTTP/1.1\r\n Host: a\r\nHost: test\r\n\r\n",
                         "GET /fast-task HTTP/1.1\r\n \r\nHost: test\r\n\r\n"});
    expect_lines_refused(400, {"X-Name: one\r\n two", "X-Name: one\r\n\ttwo", "X-Name: one\r\n ",
                               "X-Name:\r\n one", "X-Name: one\r\n two: three",
                               "Transfer-Encoding:\r\n chunked", "Content-Length:\r\n 5"});
}

TEST_F(Framing, refuses_control_characters_in_values) {
    std::vector<std::string> lines{"X-Name: a\rb", "X-Name: \r", "X-Name: a\r\rb", "X-Name: a\r"};
    for (int c = 0; c < 0x20; ++c) {
        if (c == '\t' || c == '\r' || c == '\n') continue;
        lines.push_back("X-Name: a" + std::string(1, static_cast<char>(c)) + "b");
    }
    lines.emplace_back("X-Name: a\x7f");
    expect_lines_refused(400, lines);
}

TEST_F(Framing, refuses_lines_that_end_with_a_bare_line_feed) {
    expect_refused(400, {"\nGET /fast-task HTTP/1.1\r\nHost: test\r\n\r\n",
                         "GET /fast-task HTTP/1.1\nHost: test\r\n\r\n",
                         "GET /fast-task HTTP/1.1\r\nHost: test\n\r\n",
                         "GET /fast-task HTTP/1.1\r\nHost: test\r\n\n",
                         "GET /fast-task HTTP/1.1\nHost: test\n\n",
                         "GET /fast-task HTTP/1.1\r\nHost: test\r\nX-Name: a\nX-Other: b\r\n\r\n",
                         chunked("5\nhello\r\n0\r\n\r\n"), chunked("5\r\nhello\n0\r\n\r\n"),
                         chunked("5\r\nhello\r\n0\n\r\n"), chunked("0\r\n\n"),
                         chunked("0\r\nX-Name: a\n\r\n"), chunked("5;a=b\nhello\r\n0\r\n\r\n")});
}

TEST_F(Framing, refuses_a_content_length_that_is_none_or_several) {
    std::vector<std::string> lines;
    for (const auto& length : {""s,
                               " "s,
                               "+5"s,
                               "-5"s,
                               "-0"s,
                               "5 5"s,
                               "5,5"s,
                               "5, 5"s,
                               "0x5"s,
                               "5h"s,
                               "5.0"s,
                               "5e0"s,
                               "five"s,
                               "\"5\""s,
                               "5;"s,
                               "'5'"s,
                               "5_0"s,
                               "18446744073709551616"s,
                               "99999999999999999999999999"s,
                               "\xd9\xa5"s}) {
        lines.push_back("Content-Length: " + length);
    }
    for (const auto& repeated :
         {"Content-Length: 5\r\nContent-Length: 6"s, "Content-Length: 0\r\nContent-Length: 5"s,
          "Content-Length: 5\r\nX-Name: a\r\ncontent-LENGTH: 0"s,
          "Content-Length: 5\r\nContent-Length:"s,
          "Content-Length: 5\r\nContent-Length: 5\r\nContent-Length: 6"s}) {
        lines.push_back(repeated);
    }
    expect_lines_refused(400, lines);
}

TEST_F(Framing, refuses_two_ways_of_framing_at_once) {
    expect_lines_refused(400, {"Content-Length: 5\r\nTransfer-Encoding: chunked",
                               "Transfer-Encoding: chunked\r\nContent-Length: 5",
                               "Transfer-Encoding: chunked\r\nContent-Length: 0",
                               "Content-Length: 0\r\nX-Name: a\r\nTRANSFER-ENCODING: CHUNKED"});
}

TEST_F(Framing, refuses_transfer_codings_that_frame_nothing) {
    expect_lines_refused(
        400, {"Transfer-Encoding:", "Transfer-Encoding: ,", "Transfer-Encoding: chunked, gzip",
              "Transfer-Encoding: chunked, identity", "Transfer-Encoding: chunked, chunked",
              "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
              "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip",
              "Transfer-Encoding: \x0b"
              "chunked"});
    expect_refused(400, {"POST /users HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                         "POST /users HTTP/1.0\r\nHost: test\r\nConnection: keep-alive\r\n"
                         "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"});
    expect_lines_refused(501, {"Transfer-Encoding: gzip", "Transfer-Encoding: gzip, chunked",
                               "Transfer-Encoding: identity", "Transfer-Encoding: xchunked",
                               "Transfer-Encoding: chunkedx", "Transfer-Encoding: chunked;q=1",
                               "Transfer-Encoding: \"chunked\"", "Transfer-Encoding: chunked gzip",
                               "Transfer-Encoding: br\r\nTransfer-Encoding: chunked"});
}

TEST_F(Framing, refuses_malformed_chunks) {
    for (const auto& line :
         {""s, "g"s, "x5"s, "+5"s, "-5"s, "0x5"s, " 5"s, "5 "s, "5 5"s, "5,"s, "5\r"s, "5\0"s,
          "5;\x01"s, "5; \0"s, "5;a=\rb"s, "5;\x7f"s, "5;" + std::string(300, 'x')}) {
        expect_refused(400, {chunked(line + "\r\nhello\r\n0\r\n\r\n")});
    }
    expect_refused(400,
                   {chunked("5\r\nhelloX\r\n0\r\n\r\n"), chunked("5\r\nhello0\r\n\r\n"),
                    chunked("5\r\nhello\r0\r\n\r\n"), chunked("5\r\nhello\rX\n0\r\n\r\n"),
                    chunked("5\r\nhello\r\n\r\n0\r\n\r\n"), chunked("4\r\nhello\r\n0\r\n\r\n"),
                    chunked("0\r\nno trailer\r\n\r\n"), chunked("0\r\nX-Name : a\r\n\r\n"),
                    chunked("0\r\n X-Name: a\r\n\r\n"), chunked("0\r\nX-Name: a\r\n b\r\n\r\n"),
                    chunked("0\r\nX-Name: \x01\r\n\r\n"), chunked("0\r\n\rX\r\n")});
}

TEST_F(Framing, refuses_other_major_versions) {
    expect_request_lines_refused(505, {"GET /fast-task HTTP/0.9", "GET /fast-task HTTP/2.0",
                                       "GET /fast-task HTTP/3.0", "GET /fast-task HTTP/9.9"});
    expect_refused(505, {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"});
}

TEST_F(Framing, refuses_what_is_past_the_limits) {
    expect_refused(414, {"GET /" + std::string(head_limit, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n",
                         std::string(head_limit + 2, 'x')});
    std::string many = "GET /fast-task HTTP/1.1\r\nHost: a\r\n";
    while (many.size() <= head_limit)
        many += "X: y\r\n";
    expect_refused(
        431,
        {many + "\r\n", get_bytes("/fast-task", "X-Name: " + std::string(head_limit, 'x') + "\r\n"),
         chunked("0\r\nX-Name: " + std::string(head_limit, 'x') + "\r\n\r\n")});
    const std::string too_long = std::to_string(body_limit + 1);
    expect_lines_refused(413,
                         {"Content-Length: " + too_long, "Content-Length: 18446744073709551615"});
    const std::string half(body_limit / 2, 'x');
    expect_refused(413, {chunked("201\r\n"), chunked("ffffffffffffffff\r\n"),
                         chunked("10000000000000000\r\n"), chunked("fffffffffffffffffffff\r\n"),
                         chunked("100\r\n" + half + "\r\n100\r\n" + half + "\r\n1\r\nx\r\n")});
}

TEST_F(Framing, refuses_chunks_that_cost_far_more_than_they_bring) {
    std::string chunks;
    for (int i = 0; i < 100; ++i)
        chunks += "1;" + std::string(200, 'a') + "\r\nx\r\n";
    expect_refused(400, {chunked(chunks)});
}

TEST_F(Framing, refuses_expectations_that_it_does_not_know) {
    expect_lines_refused(417, {"Expect: 200-ok\r\nContent-Length: 5", "Expect: 100-continue, b",
                               "Expect: 100-continued"});
}

TEST_F(Framing, takes_an_expectation_that_is_repeated) {
    for (const char* expect :
         {"Expect: 100-continue", "Expect: 100-continue, 100-Continue", "Expect: , 100-continue,",
          "Expect: 100-continue\r\nExpect: 100-continue"}) {
        SCOPED_TRACE(expect);
        RawClient client(service.port());
        client.send("POST /users HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n" +
                    std::string(expect) + "\r\n\r\n");
        EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
        client.send("hello");
        EXPECT_EQ(status_of(client.read_response()), 405);
    }
}

TEST_F(Framing, gives_a_handler_the_same_bytes_of_a_query_escaped_or_not) {
    RawClient client(service.port());
    client.send("GET /users/?q=caf\xc3\xa9 HTTP/1.1\r\nHost: test\r\nX-Request-ID: raw\r\n\r\n");
    EXPECT_EQ(header_of(client.read_response(), "Location"), "/users?q=caf%C3%A9");
    EXPECT_EQ(wait_for_line(service, "request_id", "raw").text("url.query"), "q=caf\xc3\xa9");
}

TEST_F(Framing, takes_what_is_just_within_the_limits) {
    std::string head = "GET /fast-task HTTP/1.1\r\nHost: test\r\nX-Name: ";
    head += std::string(head_limit - head.size() - 2, 'x') + "\r\n";
    ASSERT_EQ(head.size(), head_limit);
    const std::string body(body_limit, 'x');
    expect_answered(200, {head + "\r\n"});
    expect_answered(405, {"POST /users HTTP/1.1\r\nHost: test\r\nContent-Length: " +
                              std::to_string(body_limit) + "\r\n\r\n" + body,
                          chunked("200\r\n" + body + "\r\n0\r\n\r\n"),
                          chunked("100\r\n" + body.substr(256) + "\r\n100\r\n" + body.substr(256) +
                                  "\r\n0\r\n\r\n")});
}

TEST_F(Framing, takes_every_form_of_target) {
    expect_answered(204, {"OPTIONS * HTTP/1.1\r\nHost: test\r\n\r\n"});
    std::vector<std::string> messages;
    for (const auto& target :
         {"http://test/fast-task"s, "http://elsewhere.example:8080/fast-task?a=b"s,
          "HTTP://TEST/fast-task"s, "https://[::1]:80/fast-task"s, "/fast-task?"s,
          "/fast-task?q=caf\xc3\xa9&\xff"s, "http://test/fast-task?\xe2\x82\xac"s,
          "/fast-task?a=%zz&b=[|]"s, "/fast-task?//?"s, "/%66ast-task"s,
          "/%66%61%73%74%2d%74%61%73%6B"s, "/fast%2Dtask"s, "http://test/%66ast-task"s}) {
        messages.push_back("GET " + target + " HTTP/1.1\r\nHost: test\r\n\r\n");
    }
    expect_answered(200, messages);
    expect_answered(
        404, {get_bytes("/fast-task%2F"), get_bytes("/fast%20task"),
              "GET http://test HTTP/1.1\r\nHost: test\r\n\r\n",
              "GET http://test?a HTTP/1.1\r\nHost: test\r\n\r\n", get_bytes("/%2e%2e/fast-task")});
}

TEST_F(Framing, takes_any_case_and_optional_white_space) {
    expect_answered(200, {"GET /fast-task HTTP/1.1\r\nHost:test\r\n\r\n",
                          "GET /fast-task HTTP/1.1\r\nHost: \t test\t \r\n\r\n",
                          "GET /fast-task HTTP/1.1\r\nHOST: TEST.EXAMPLE:8000\r\n\r\n",
                          "GET /fast-task HTTP/1.1\r\nhOsT: [::1]:8000\r\n\r\n",
                          "GET /fast-task HTTP/1.1\r\nHost: [fe80::1%25eth0]\r\n\r\n",
                          "GET /fast-task HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
                          "GET /fast-task HTTP/1.1\r\nHost: a%2Db\r\n\r\n",
                          "GET /fast-task HTTP/1.2\r\nHost: test\r\n\r\n",
                          "\r\nGET /fast-task HTTP/1.1\r\nHost: test\r\n\r\n",
                          get_bytes("/fast-task", "X-Empty:\r\nX-Blank: \t \r\n"),
                          get_bytes("/fast-task", "X-Name: caf\xc3\xa9\tau lait \xff\r\n"),
                          get_bytes("/fast-task", "!#$%&'*+-.^_`|~: a:b::c\r\n"),
                          get_bytes("/fast-task", "Connection:KEEP-ALIVE\r\n"),
                          get_bytes("/fast-task",
                                    "Accept: *\r\nCache-Control: max-age=zz\r\n"
                                    "Date: soon\r\nCookie: ;=;\r\n"),
                          get_bytes("/fast-task", "content-length:0\r\n"),
                          get_bytes("/fast-task", "Content-Length: 5\r\n") + "hello"});
}

TEST_F(Framing, answers_methods_that_nobody_knows_with_501) {
    expect_answered(
        501, {"get /fast-task HTTP/1.1\r\nHost: test\r\n\r\n",
              "BREW /fast-task HTTP/1.1\r\nHost: test\r\n\r\n",
              "BREW /nothing HTTP/1.1\r\nHost: test\r\n\r\n",
              "PROPFIND /fast-task/ HTTP/1.1\r\nHost: test\r\n\r\n",
              "options * HTTP/1.1\r\nHost: test\r\n\r\n", "BREW * HTTP/1.1\r\nHost: test\r\n\r\n"});
    expect_answered(405, {"TRACE /fast-task HTTP/1.1\r\nHost: test\r\n\r\n"});
}

TEST_F(Framing, takes_every_way_to_write_a_body) {
    const std::string post = "POST /users HTTP/1.1\r\nHost: test\r\n";
    expect_answered(
        405, {post + "Content-Length:\t5 \r\n\r\nhello", post + "content-LENGTH: 005\r\n\r\nhello",
              post + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
              post + "transfer-encoding:CHUNKED\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
              post + "Transfer-Encoding:\t, Chunked ,\r\n\r\n0\r\n\r\n",
              chunked("0005\r\nhello\r\n00\r\n\r\n"), chunked("A\r\n0123456789\r\n0\r\n\r\n"),
              chunked("a\r\n0123456789\r\n0\r\n\r\n"),
              chunked("5;name=value;other=\"a, b\"\r\nhello\r\n0;last\r\n\r\n"),
              chunked("5 \t;name\r\nhello\r\n0\r\n\r\n"),
              chunked("1\r\nh\r\n4\r\nello\r\n0\r\nX-Sum: 1\r\nX-More:\r\n\r\n"),
              chunked("5\r\n\r\n0\r\n\r\n0\r\n\r\n")});
}

TEST_F(Framing, refuses_a_head_request_without_a_body) {
    const std::pair<std::string, int> cases[] = {
        {"HEAD /fast-task HTTP/1.1\r\n\r\n", 400},
        {"HEAD /fast-task% HTTP/1.1\r\nHost: test\r\n\r\n", 400},
        {"HEAD /fast-task HTTP/2.0\r\nHost: test\r\n\r\n", 505},
        {"HEAD /fast-task HTTP/1.1\r\nHost: test\nX: y\r\n\r\n", 400},
        {"HEAD /fast-task HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\n", 413},
        {"HEAD /" + std::string(head_limit, 'x') + " HTTP/1.1\r\n\r\n", 414},
        {"HEAD /fast-task HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400}};
    for (const auto& [message, status] : cases) {
        SCOPED_TRACE(testing::PrintToString(message));
        const std::string answer = exchange(message + smuggled, 1);
        EXPECT_EQ(status_of(answer), status);
        EXPECT_EQ(header_of(answer, "Connection"), "close");
        EXPECT_GT(std::stoi(header_of(answer, "Content-Length").value_or("0")), 30);
        EXPECT_EQ(body_of(answer), "");
    }
}

}  // namespace
}  // namespace signalbox::test
