#include "signalbox/http/server/error_answer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "signalbox/db/error.hpp"
#include "signalbox/http/errors.hpp"
#include "signalbox/http/route.hpp"
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

Response answer_to(const auto& thrown, context::RequestContext& in_flight,
                   const Route* route = nullptr) {
    Request request;
    request.path = "/cellar";
    request.match.route = route;
    return answer_to_error(std::make_exception_ptr(thrown), in_flight, request);
}

TEST(AnswerToError, tells_the_client_an_http_error) {
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

TEST(AnswerToError, has_any_json_as_the_detail) {
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

TEST(AnswerToError, sends_the_headers_of_an_http_error_that_can_be_sent) {
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

TEST(AnswerToError, asks_to_come_back_when_the_database_is_away) {
    context::RequestContext in_flight;
    const Response response = answer_to(db::Unavailable("no route to db1"), in_flight);
    EXPECT_EQ(response.status, 503);
    EXPECT_EQ(response.body.view(), R"({"detail":"Service Unavailable"})");
    EXPECT_EQ(in_flight.error_cause(), "no route to db1");
    EXPECT_THAT(header_of(response, "Retry-After").value_or(""), MatchesRegex("[1-9][0-9]*"));
}

TEST(AnswerToError, keeps_every_other_cause_for_the_log) {
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

TEST(AnswerToError, goes_by_the_reason_of_a_cancellation) {
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

/// An application's own.
struct OutOfStock : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// A route whose errors go to `on_error` first.
Route route_with(ErrorHandler on_error) {
    return {.method = "GET", .path = "/", .handler = {}, .on_error = std::move(on_error)};
}

/// As an application writes it: what is not its own it throws on.
std::optional<Response> answer_to_own(const std::exception_ptr& thrown, Request& request) {
    try {
        std::rethrow_exception(thrown);
    } catch (const OutOfStock&) {
        return json({{"sold out", std::string_view(request.path)}}, 409);
    }
}

TEST(AnswerToError, asks_the_route_first) {
    const Route route = route_with(answer_to_own);
    context::RequestContext in_flight;
    const Response own = answer_to(OutOfStock("no more wine"), in_flight, &route);
    EXPECT_EQ(own.status, 409);
    EXPECT_EQ(own.body.view(), R"({"sold out":"/cellar"})");
    EXPECT_EQ(in_flight.error_cause(), "no more wine");
    // Also what the table knows.
    const Route of_all = route_with(
        [](const std::exception_ptr&, Request&) { return std::optional<Response>(error(418)); });
    EXPECT_EQ(answer_to(HttpError(404), in_flight, &of_all).status, 418);
    EXPECT_EQ(answer_to(db::Unavailable("no route to db1"), in_flight, &of_all).status, 418);
    EXPECT_EQ(in_flight.error_cause(), "no route to db1");
}

TEST(AnswerToError, is_the_tables_where_the_route_leaves_it) {
    const Route throws_on = route_with(answer_to_own);
    const Route says_nothing =
        route_with([](const std::exception_ptr&, Request&) { return std::optional<Response>(); });
    for (const Route* route : {&throws_on, &says_nothing}) {
        context::RequestContext in_flight;
        EXPECT_EQ(answer_to(HttpError(404), in_flight, route).status, 404);
        EXPECT_EQ(in_flight.error_cause(), "Not Found");
        EXPECT_EQ(answer_to(db::Unavailable("no route to db1"), in_flight, route).status, 503);
        EXPECT_EQ(in_flight.error_type, "database_unavailable");
        EXPECT_EQ(answer_to(std::runtime_error("secret"), in_flight, route).status, 500);
        EXPECT_EQ(in_flight.error_cause(), "secret");
        EXPECT_EQ(answer_to(42, in_flight, route).status, 500);
    }
}

TEST(AnswerToError, is_a_500_with_both_causes_where_the_route_throws_itself) {
    const Route route = route_with([](const std::exception_ptr&, Request&) {
        throw HttpError(404, "no template");
        return std::optional<Response>();
    });
    context::RequestContext in_flight;
    const Response response = answer_to(OutOfStock("no more wine"), in_flight, &route);
    EXPECT_EQ(response.status, 500);
    EXPECT_EQ(response.body.view(), R"({"detail":"Internal Server Error"})");
    EXPECT_EQ(in_flight.error_cause(), "no template, in answer to: no more wine");
}

TEST(AnswerToError, does_not_ask_the_route_about_a_cancellation) {
    std::size_t asked = 0;
    const Route route = route_with([&](const std::exception_ptr&, Request&) {
        ++asked;
        return std::optional<Response>(error(418));
    });
    context::RequestContext in_flight;
    in_flight.cancelled = context::Cancelled::deadline;
    EXPECT_EQ(answer_to(OutOfStock("no more wine"), in_flight, &route).status, 504);
    EXPECT_EQ(asked, 0U);
}

TEST(ServiceUnavailable, does_not_bring_everybody_back_at_once) {
    std::map<std::string, int> seen;
    for (int i = 0; i < 200; ++i)
        ++seen[header_of(service_unavailable(), "Retry-After").value()];
    EXPECT_GT(seen.size(), 1U);
}

}  // namespace
}  // namespace signalbox::http
