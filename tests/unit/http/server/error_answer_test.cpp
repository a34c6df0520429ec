#include "signalbox/http/server/error_answer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "signalbox/db/error.hpp"
#include "signalbox/http/errors.hpp"
#include "signalbox/http/wire/response_head.hpp"

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

Response answer_to(const auto& thrown, context::RequestContext& in_flight) {
    return answer_to_error(std::make_exception_ptr(thrown), in_flight);
}

TEST(answer_to_error, tells_the_client_an_http_error) {
    context::RequestContext in_flight;
    const Response plain = answer_to(HttpError(403), in_flight);
    EXPECT_EQ(plain.status, 403);
    EXPECT_EQ(plain.body.view(), R"({"detail":"Forbidden"})");
    EXPECT_EQ(in_flight.error_cause(), "Forbidden");
    const Response detailed = answer_to(HttpError(409, "taken \"twice\""), in_flight);
    EXPECT_EQ(detailed.status, 409);
    EXPECT_EQ(detailed.body.view(), R"({"detail":"taken \"twice\""})");
    EXPECT_EQ(in_flight.error_cause(), "taken \"twice\"");
}

TEST(answer_to_error, has_any_json_as_the_detail) {
    context::RequestContext in_flight;
    const JsonText detail(R"([{"loc":["body","sku"],"input":"hunter2"}])");
    const Response response = answer_to(HttpError(422, detail), in_flight);
    EXPECT_EQ(response.status, 422);
    EXPECT_EQ(response.content_type, "") << "which is application/json";
    EXPECT_EQ(response.body.view(), R"({"detail":[{"loc":["body","sku"],"input":"hunter2"}]})");
    EXPECT_EQ(in_flight.error_cause(), "Unprocessable Entity") << "and nothing of the client's";
    EXPECT_EQ(answer_to(HttpError(400, JsonText("null")), in_flight).body.view(),
              R"({"detail":null})");
    EXPECT_EQ(answer_to(HttpError(400, JsonText()), in_flight).body.view(),
              R"({"detail":"Bad Request"})");
}

TEST(answer_to_error, sends_the_headers_of_an_http_error_that_can_be_sent) {
    context::RequestContext in_flight;
    const Response plain =
        answer_to(HttpError(401, {}, {{"WWW-Authenticate", "Bearer"}}), in_flight);
    EXPECT_EQ(plain.body.view(), R"({"detail":"Unauthorized"})");
    EXPECT_EQ(header_of(plain, "WWW-Authenticate"), "Bearer");
    const Response response = answer_to(
        HttpError(
            429, JsonText(R"({"in":3})"),
            {{"Retry-After", "3"}, {"X-Bad", "a\r\nX-Evil: 1"}, {"X Bad", "a"}, {"X-A", "b"}}),
        in_flight);
    std::string head;
    append_head(head, response, "id", {}, true, 1);
    EXPECT_THAT(head, HasSubstr("HTTP/1.1 429 Too Many Requests\r\n"));
    EXPECT_THAT(head, HasSubstr("\r\nRetry-After: 3\r\nX-A: b\r\n"));
    EXPECT_THAT(head, Not(HasSubstr("Evil")));
    EXPECT_THAT(head, Not(HasSubstr("X Bad")));
    const Response detailed = answer_to(HttpError(403, "no", {{"X-A", "b"}}), in_flight);
    EXPECT_EQ(detailed.body.view(), R"({"detail":"no"})");
    EXPECT_EQ(header_of(detailed, "X-A"), "b");
}

TEST(answer_to_error, asks_to_come_back_when_the_database_is_away) {
    context::RequestContext in_flight;
    const Response response = answer_to(db::Unavailable("no route to db1"), in_flight);
    EXPECT_EQ(response.status, 503);
    EXPECT_EQ(response.body.view(), R"({"detail":"Service Unavailable"})");
    EXPECT_EQ(in_flight.error_cause(), "no route to db1");
    EXPECT_THAT(header_of(response, "Retry-After").value_or(""), MatchesRegex("[1-9][0-9]*"));
}

TEST(answer_to_error, keeps_every_other_cause_for_the_log) {
    context::RequestContext in_flight;
    const Response known = answer_to(std::runtime_error("secret"), in_flight);
    EXPECT_EQ(known.status, 500);
    EXPECT_EQ(known.body.view(), R"({"detail":"Internal Server Error"})");
    EXPECT_EQ(in_flight.error_cause(), "secret");
    const Response refused = answer_to(db::Error("no column", "42703"), in_flight);
    EXPECT_EQ(refused.status, 500);
    EXPECT_THAT(std::string(refused.body.view()), Not(HasSubstr("column")));
    EXPECT_EQ(in_flight.error_cause(), "no column");
    EXPECT_EQ(answer_to(42, in_flight).status, 500);
    EXPECT_EQ(in_flight.error_cause(), "an exception of an unknown type");
}

TEST(answer_to_error, goes_by_the_reason_of_a_cancellation) {
    const std::map<context::Cancelled, int> statuses{{context::Cancelled::deadline, 504},
                                                     {context::Cancelled::shutdown, 503},
                                                     {context::Cancelled::client_gone, 499}};
    for (const auto& [reason, status] : statuses) {
        context::RequestContext in_flight;
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

}  // namespace
}  // namespace signalbox::http
