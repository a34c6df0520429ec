#include "signalbox/http/wire/response_head.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace signalbox::http {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

std::vector<std::string> lines_of(std::string_view head) {
    std::vector<std::string> lines;
    while (!head.empty()) {
        const std::size_t end = head.find("\r\n");
        lines.emplace_back(head.substr(0, end));
        if (end == std::string_view::npos) break;
        head.remove_prefix(end + 2);
    }
    return lines;
}

std::string head_of(const Response& response, std::string_view request_id = "id",
                    bool keep_alive = true, int version_minor = 1) {
    std::string head;
    append_head(head, response, request_id, {}, keep_alive, version_minor);
    return head;
}

TEST(ResponseHead, has_what_every_response_has) {
    const std::string head = head_of({.body = std::string("{}")}, "id-1");
    const auto lines = lines_of(head);
    EXPECT_EQ(lines.front(), "HTTP/1.1 200 OK");
    EXPECT_THAT(lines, testing::Contains("Content-Type: application/json"));
    EXPECT_THAT(lines, testing::Contains("Content-Length: 2"));
    EXPECT_THAT(lines, testing::Contains("X-Request-ID: id-1"));
    EXPECT_THAT(lines, testing::Contains("X-Content-Type-Options: nosniff"));
    EXPECT_THAT(lines, testing::Contains(
                           MatchesRegex("Date: [A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} "
                                        "[0-9]{2}:[0-9]{2}:[0-9]{2} GMT")));
    EXPECT_EQ(lines.back(), "");
    EXPECT_EQ(head.substr(head.size() - 4), "\r\n\r\n");
    EXPECT_EQ(head.find("\r\n\r\n"), head.size() - 4);
}

TEST(ResponseHead, of_an_empty_body_says_so_and_names_no_type) {
    const std::string head = head_of({.status = 307});
    EXPECT_THAT(head, HasSubstr("\r\nContent-Length: 0\r\n"));
    EXPECT_THAT(head, Not(HasSubstr("\r\nContent-Type")));
}

TEST(ResponseHead, of_a_response_that_has_no_body_describes_none) {
    for (const int status : {204, 304, 101}) {
        const std::string head = head_of({.status = status, .body = std::string("x")});
        EXPECT_THAT(head, Not(HasSubstr("\r\nContent-"))) << status;
    }
}

TEST(ResponseHead, says_what_becomes_of_the_connection) {
    const auto connection = [](bool keep_alive, int version_minor) {
        for (const auto& line : lines_of(head_of({}, "id", keep_alive, version_minor))) {
            if (line.starts_with("Connection: ")) return line.substr(12);
        }
        return std::string();
    };
    EXPECT_EQ(connection(true, 1), "");
    EXPECT_EQ(connection(false, 1), "close");
    EXPECT_EQ(connection(true, 0), "keep-alive");
    EXPECT_EQ(connection(false, 0), "close");
}

TEST(ResponseHead, of_a_stream_has_no_length) {
    const Response response = stream("text/csv", [](Sink&) -> async::Task<> { co_return; });
    const std::string head = head_of(response);
    EXPECT_THAT(
        head,
        HasSubstr("\r\nContent-Type: text/csv; charset=utf-8\r\nTransfer-Encoding: chunked\r\n"));
    EXPECT_THAT(head, Not(HasSubstr("\r\nContent-Length")));
    const std::string old = head_of(response, "id", false, 0);
    EXPECT_THAT(old, HasSubstr("\r\nContent-Type: text/csv; charset=utf-8\r\n"));
    EXPECT_THAT(old, Not(HasSubstr("\r\nTransfer-Encoding")));
    EXPECT_THAT(old, Not(HasSubstr("\r\nContent-Length")));
    const Response none = stream(
        "text/csv", [](Sink&) -> async::Task<> { co_return; }, 204);
    EXPECT_THAT(head_of(none), Not(HasSubstr("\r\nTransfer-Encoding")));
}

TEST(ResponseHead, sends_the_headers_of_the_response) {
    const Response response{.headers = {{"Allow", "GET"}, {"X-Empty", ""}, {"Link", "</é>"}}};
    const auto lines = lines_of(head_of(response));
    EXPECT_THAT(lines, testing::IsSupersetOf({"Allow: GET", "X-Empty: ", "Link: </é>"}));
}

TEST(ResponseHead, cannot_be_split_by_a_header) {
    const std::string evil = "a\r\nSet-Cookie: evil\r\n\r\n<p>";
    const std::string head = head_of({.content_type = evil,
                                      .body = std::string("x"),
                                      .headers = {{"Location", evil},
                                                  {evil, "b"},
                                                  {"Bad Name", "b"},
                                                  {"", "b"},
                                                  {"X-Nul", std::string("a\0b", 3)},
                                                  {"X-Line", "a\nb"}}});
    EXPECT_THAT(head, Not(HasSubstr("evil")));
    EXPECT_THAT(head, Not(HasSubstr("Bad Name")));
    for (const std::string_view name : {"X-Nul", "X-Line", "\r\n: b", "\nContent-Type"}) {
        EXPECT_EQ(head.find(name), std::string::npos) << name;
    }
    EXPECT_EQ(head.find("\r\n\r\n"), head.size() - 4);
    EXPECT_THAT(head, HasSubstr("Content-Length: 1\r\n"));
}

}  // namespace
}  // namespace signalbox::http
