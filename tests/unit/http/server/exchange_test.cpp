#include "signalbox/http/server/exchange.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "signalbox/db/error.hpp"
#include "signalbox/db/unavailable.hpp"
#include "signalbox/http/errors.hpp"

namespace signalbox::http {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

std::optional<std::string> header_of(const Response& response, std::string_view name) {
    for (const auto& [known, value] : response.headers) {
        if (known == name) return value;
    }
    return std::nullopt;
}

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

Response answer_to(const auto& thrown, observe::InFlightRequest& in_flight) {
    return answer_to_error(std::make_exception_ptr(thrown), in_flight);
}

std::string request_id_for(std::string_view sent) {
    Request request;
    request.headers.push_back({"X-Request-Id", sent});
    return choose_request_id(request);
}

TEST(request_id, of_the_client_is_kept_when_it_is_safe) {
    const std::string longest(128, 'x');
    for (const std::string& id : {std::string("a"), std::string("4bf9-2f_~:/+=@.Z"), longest}) {
        EXPECT_EQ(request_id_for(id), id);
    }
}

TEST(request_id, is_a_new_one_when_the_clients_is_missing_or_not_safe) {
    const std::string too_long(129, 'x');
    for (const std::string& id : {std::string(), too_long, std::string("a b"), std::string("a\"b"),
                                  std::string("a\\b"), std::string("<a>"), std::string("a,b"),
                                  std::string("\xc3\xa9"), std::string("${jndi}")}) {
        EXPECT_THAT(request_id_for(id), MatchesRegex("[0-9a-f]{32}"));
    }
    EXPECT_NE(choose_request_id({}), choose_request_id({}));
}

TEST(without_route, is_not_found) {
    Request request;
    request.raw_path = "/none";
    EXPECT_EQ(answer_without_route(request).status, 404);
    EXPECT_EQ(answer_without_route(request).body.view(), R"({"detail":"Not Found"})");
}

TEST(without_route, lists_the_methods_that_the_path_has) {
    Request request;
    request.raw_path = "/users";
    request.match.allow = "GET, HEAD";
    const Response response = answer_without_route(request);
    EXPECT_EQ(response.status, 405);
    EXPECT_EQ(response.body.view(), R"({"detail":"Method Not Allowed"})");
    EXPECT_EQ(header_of(response, "Allow"), "GET, HEAD");
}

TEST(without_route, redirects_relatively_and_keeps_the_query_as_sent) {
    Request request;
    request.raw_path = "/caf%C3%A9/";
    request.match.redirect = true;
    EXPECT_EQ(answer_without_route(request).status, 307);
    EXPECT_EQ(header_of(answer_without_route(request), "Location"), "/caf%C3%A9");
    request.query = "a=%20&b";
    EXPECT_EQ(header_of(answer_without_route(request), "Location"), "/caf%C3%A9?a=%20&b");
}

TEST(without_route, answers_options_of_the_server_as_a_whole) {
    Request request;
    request.raw_path = "*";
    const Response response = answer_without_route(request);
    EXPECT_EQ(response.status, 204);
    EXPECT_EQ(response.body.view(), "");
}

TEST(answer_to_error, tells_the_client_an_http_error) {
    observe::InFlightRequest in_flight;
    const Response plain = answer_to(HttpError(403), in_flight);
    EXPECT_EQ(plain.status, 403);
    EXPECT_EQ(plain.body.view(), R"({"detail":"Forbidden"})");
    EXPECT_EQ(in_flight.error_cause, "Forbidden");
    const Response detailed = answer_to(HttpError(409, "taken \"twice\""), in_flight);
    EXPECT_EQ(detailed.status, 409);
    EXPECT_EQ(detailed.body.view(), R"({"detail":"taken \"twice\""})");
    EXPECT_EQ(in_flight.error_cause, "taken \"twice\"");
}

TEST(answer_to_error, asks_to_come_back_when_the_database_is_away) {
    observe::InFlightRequest in_flight;
    const Response response = answer_to(db::Unavailable("no route to db1"), in_flight);
    EXPECT_EQ(response.status, 503);
    EXPECT_EQ(response.body.view(), R"({"detail":"Service Unavailable"})");
    EXPECT_EQ(in_flight.error_cause, "no route to db1");
    EXPECT_THAT(header_of(response, "Retry-After").value_or(""), MatchesRegex("[1-9][0-9]*"));
}

TEST(answer_to_error, keeps_every_other_cause_for_the_log) {
    observe::InFlightRequest in_flight;
    const Response known = answer_to(std::runtime_error("secret"), in_flight);
    EXPECT_EQ(known.status, 500);
    EXPECT_EQ(known.body.view(), R"({"detail":"Internal Server Error"})");
    EXPECT_EQ(in_flight.error_cause, "secret");
    const Response refused =
        answer_to(db::Error(db::ErrorKind::statement, "no column", "42703"), in_flight);
    EXPECT_EQ(refused.status, 500);
    EXPECT_THAT(std::string(refused.body.view()), Not(HasSubstr("column")));
    EXPECT_EQ(in_flight.error_cause, "no column");
    EXPECT_EQ(answer_to(42, in_flight).status, 500);
    EXPECT_EQ(in_flight.error_cause, "an exception of an unknown type");
}

TEST(answer_to_error, goes_by_the_reason_of_a_cancellation) {
    const std::map<observe::Cancelled, int> statuses{{observe::Cancelled::deadline, 504},
                                                     {observe::Cancelled::shutdown, 503},
                                                     {observe::Cancelled::client_gone, 499}};
    for (const auto& [reason, status] : statuses) {
        observe::InFlightRequest in_flight;
        in_flight.cancelled = reason;
        // Whatever the handler made of the cancellation.
        const Response response = answer_to(HttpError(404), in_flight);
        EXPECT_EQ(response.status, status);
        EXPECT_EQ(header_of(response, "Retry-After").has_value(), status == 503);
    }
}

TEST(service_unavailable, does_not_bring_everybody_back_at_once) {
    std::map<std::string, int> seen;
    for (int i = 0; i < 200; ++i)
        ++seen[header_of(service_unavailable(), "Retry-After").value()];
    EXPECT_GT(seen.size(), 1U);
}

TEST(serialized_head, has_what_every_response_has) {
    const std::string head = serialize_head({.body = std::string("{}")}, "id-1", {}, true, 1);
    const auto lines = lines_of(head);
    EXPECT_EQ(lines.front(), "HTTP/1.1 200 OK");
    EXPECT_THAT(lines, testing::Contains("Content-Type: application/json"));
    EXPECT_THAT(lines, testing::Contains("Content-Length: 2"));
    EXPECT_THAT(lines, testing::Contains("X-Request-ID: id-1"));
    EXPECT_THAT(lines, testing::Contains(
                           MatchesRegex("Date: [A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} "
                                        "[0-9]{2}:[0-9]{2}:[0-9]{2} GMT")));
    EXPECT_EQ(lines.back(), "");
    EXPECT_EQ(head.substr(head.size() - 4), "\r\n\r\n");
    EXPECT_EQ(head.find("\r\n\r\n"), head.size() - 4);
}

TEST(serialized_head, of_an_empty_body_says_so_and_names_no_type) {
    const std::string head = serialize_head({.status = 307}, "id", {}, true, 1);
    EXPECT_THAT(head, HasSubstr("\r\nContent-Length: 0\r\n"));
    EXPECT_THAT(head, Not(HasSubstr("Content-Type")));
}

TEST(serialized_head, of_a_response_that_has_no_body_describes_none) {
    for (const int status : {204, 304, 101}) {
        const std::string head =
            serialize_head({.status = status, .body = std::string("x")}, "id", {}, true, 1);
        EXPECT_THAT(head, Not(HasSubstr("Content-"))) << status;
    }
}

TEST(serialized_head, says_what_becomes_of_the_connection) {
    const auto connection = [](bool keep_alive, int version_minor) {
        for (const auto& line : lines_of(serialize_head({}, "id", {}, keep_alive, version_minor))) {
            if (line.starts_with("Connection: ")) return line.substr(12);
        }
        return std::string();
    };
    EXPECT_EQ(connection(true, 1), "");
    EXPECT_EQ(connection(false, 1), "close");
    EXPECT_EQ(connection(true, 0), "keep-alive");
    EXPECT_EQ(connection(false, 0), "close");
}

TEST(serialized_head, sends_the_headers_of_the_response) {
    const Response response{.headers = {{"Allow", "GET"}, {"X-Empty", ""}, {"Link", "</é>"}}};
    const auto lines = lines_of(serialize_head(response, "id", {}, true, 1));
    EXPECT_THAT(lines, testing::IsSupersetOf({"Allow: GET", "X-Empty: ", "Link: </é>"}));
}

TEST(serialized_head, cannot_be_split_by_a_header) {
    const std::string evil = "a\r\nSet-Cookie: evil\r\n\r\n<p>";
    const std::string head = serialize_head({.content_type = evil,
                                             .body = std::string("x"),
                                             .headers = {{"Location", evil},
                                                         {evil, "b"},
                                                         {"Bad Name", "b"},
                                                         {"", "b"},
                                                         {"X-Nul", std::string("a\0b", 3)},
                                                         {"X-Line", "a\nb"}}},
                                            "id", {}, true, 1);
    EXPECT_THAT(head, Not(HasSubstr("evil")));
    EXPECT_THAT(head, Not(HasSubstr("Bad Name")));
    for (const std::string_view name : {"X-Nul", "X-Line", "\r\n: b", "Content-Type"}) {
        EXPECT_EQ(head.find(name), std::string::npos) << name;
    }
    EXPECT_EQ(head.find("\r\n\r\n"), head.size() - 4);
    EXPECT_THAT(head, HasSubstr("Content-Length: 1\r\n"));
}

}  // namespace
}  // namespace signalbox::http
