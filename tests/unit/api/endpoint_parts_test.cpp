// What surrounds typed endpoints: dependencies that clean up, handlers of errors, several services
// of a type, prefixes, and what is refused at start.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "signalbox/api/container.hpp"
#include "signalbox/api/module.hpp"
#include "signalbox/async/sleep.hpp"
#include "signalbox/testing/client.hpp"

namespace signalbox::api {
namespace {

using async::Task;
using http::HttpError;
using testing::ElementsAre;
using testing::HasSubstr;
using namespace std::chrono_literals;

/// What has happened, in order.
std::vector<std::string> history;

struct Work {
    std::string name;
    bool commit_fails = false;

    Task<> finish(const std::exception_ptr& error) {
        co_await async::sleep_for(1ms);
        history.push_back((error ? "roll back " : "commit ") + name);
        if (!error && commit_fails) throw HttpError(409, "The commit failed");
    }
};
struct Wish {
    Field<bool> fails = false;
    Field<bool> commit_fails = false;
};

Work outer() {
    history.emplace_back("begin outer");
    return {"outer"};
}
Task<Work> inner(Depends<outer>, Query<Wish> wish) {
    history.emplace_back("begin inner");
    co_return Work{"inner", *wish->commit_fails};
}
Task<std::string> work(Depends<outer>, Depends<inner> done, Query<Wish> wish) {
    history.emplace_back("work");
    if (*wish->fails) throw HttpError(418, "No");
    co_return done->name;
}

/// What the process has in use when a dependency may wait.
std::size_t in_use = 0;
std::size_t in_use_now() {
    return ::mallinfo2().uordblks + ::mallinfo2().hblkhd;
}
Task<int> measured() {
    in_use = in_use_now();
    co_return 1;
}
struct Numbers {
    std::vector<int> numbers;
};
Task<int> reads_as_well(Numbers body) {
    co_await async::sleep_for(1ms);
    in_use = in_use_now();
    co_return static_cast<int>(body.numbers.size());
}
Task<std::size_t> count_numbers(Depends<measured>, Numbers body) {
    co_return body.numbers.size();
}
Task<std::size_t> count_numbers_twice(Depends<reads_as_well> before, Numbers body) {
    co_return body.numbers.size() + static_cast<std::size_t>(*before);
}

Task<> wait_long(Depends<outer>) {
    co_await async::sleep_for(1h);
}

TEST(Dependencies, wait_without_the_parsed_body) {
    Module module;
    module.post<count_numbers>("/count").post<count_numbers_twice>("/count-twice");
    test::Client client(module);
    for (const char* path : {"/count", "/count-twice"}) {
        const auto ask = [&](std::size_t numbers) {
            std::string body = R"({"numbers":[1)";
            for (std::size_t i = 1; i < numbers; ++i)
                body += ",1";
            body += "]}";
            const auto response = client.post(path, body);
            EXPECT_EQ(response.status, 200) << response;
            return response;
        };
        ask(1);
        const std::size_t before = in_use;
        constexpr std::size_t many = 200'000;
        const auto response = ask(many);
        EXPECT_EQ(response.body, std::to_string(path == std::string("/count") ? many : 2 * many));
        // The body itself, and for whom has read it its numbers; not 40 bytes for each.
        EXPECT_LT(in_use, before + 15 * many);
    }
}

struct CleanUp : testing::Test {
    CleanUp() {
        history.clear();
        Module module;
        module.get<work>("/work");
        module.get<wait_long>("/long", {.timeout = 20ms});
        client.emplace(module);
    }
    std::optional<test::Client> client;
};

TEST_F(CleanUp, happens_after_the_handler_the_last_first) {
    EXPECT_EQ(client->get("/work").body, R"("inner")");
    EXPECT_THAT(history,
                ElementsAre("begin outer", "begin inner", "work", "commit inner", "commit outer"));
}

TEST_F(CleanUp, knows_what_was_thrown) {
    EXPECT_EQ(client->get("/work?fails=true").status, 418);
    EXPECT_THAT(history, ElementsAre("begin outer", "begin inner", "work", "roll back inner",
                                     "roll back outer"));
}

TEST_F(CleanUp, that_fails_is_the_answer) {
    const auto response = client->get("/work?commit_fails=true");
    EXPECT_EQ(response.status, 409);
    EXPECT_EQ(response.body, R"({"detail":"The commit failed"})");
    EXPECT_THAT(history, ElementsAre("begin outer", "begin inner", "work", "commit inner",
                                     "roll back outer"));
}

TEST_F(CleanUp, of_what_began_happens_where_another_dependency_was_refused) {
    const auto response = client->get("/work?fails=maybe");
    EXPECT_EQ(response.status, 422);
    EXPECT_THAT(history, ElementsAre("begin outer", "roll back outer"));
}

TEST_F(CleanUp, happens_whole_where_the_request_was_cancelled) {
    EXPECT_EQ(client->get("/long").status, 504);
    EXPECT_THAT(history, ElementsAre("begin outer", "roll back outer"));
}

// --- Errors -------------------------------------------------------------------------------------

struct OutOfStock : std::runtime_error {
    using std::runtime_error::runtime_error;
};
struct SoldOut : OutOfStock {
    using OutOfStock::OutOfStock;
};

Task<> sell() {
    throw SoldOut("tea");
    co_return;
}
Task<int> count(Query<Wish>) {
    co_return 1;
}
http::Response answer_out_of_stock(const OutOfStock& error, http::Request& request) {
    return http::json({{"missing", std::string_view(error.what())}, {"at", request.path}}, 410);
}
http::Response answer_invalid(const RequestValidationError& error) {
    return http::json({{"wrong", static_cast<std::int64_t>(error.errors().size())}}, 400);
}
http::Response answer_first(const OutOfStock&) {
    return http::json({}, 200);
}

TEST(ErrorHandlers, answer_what_is_of_their_type_the_last_one_first) {
    Module module;
    module.post<sell>("/sales");
    module.get<count>("/count");
    module.on_error<OutOfStock, answer_first>();
    module.on_error<OutOfStock, answer_out_of_stock>();
    module.on_error<RequestValidationError, answer_invalid>();
    test::Client client(module);
    const auto sold = client.post("/sales");
    EXPECT_EQ(sold.status, 410);
    EXPECT_EQ(sold.body, R"({"missing":"tea","at":"/sales"})");
    const auto invalid = client.get("/count?fails=x&commit_fails=z");
    EXPECT_EQ(invalid.status, 400);
    EXPECT_EQ(invalid.body, R"({"wrong":2})");
}

// --- Services -----------------------------------------------------------------------------------

struct Store {
    std::string name;
};
using Main = Named<Store, "main">;
using Archive = Named<Store, "archive">;

Store main_store() {
    return {"the main one"};
}
Task<std::string> both(Main main, Archive archive, Store& any) {
    co_return main->name + ", " + archive->name + ", " + any.name;
}

TEST(NamedServices, of_one_type_are_told_apart) {
    Store archive{"the archive"};
    Store any{"any"};
    Module module;
    module.provide_as<Main, main_store>();
    module.provide_as<Archive>(archive);
    module.provide(any);
    module.get<both>("/both");
    test::Client client(module);
    EXPECT_EQ(client.get("/both").body, R"("the main one, the archive, any")");
}

TEST(NamedServices, that_nobody_provides_are_named_at_start) {
    Module module;
    module.get<both>("/both");
    test::Client client(module);
    EXPECT_THAT([&] { client.start(); },
                testing::ThrowsMessage<std::invalid_argument>(HasSubstr("nobody provides")));
}

TEST(IncludedModules, have_a_prefix_and_tags) {
    Module orders;
    orders.get<count>("/count", {.tags = {"own"}});
    Module all;
    all.include(orders, "/v1", {.tags = {"orders"}, .deprecated = true});
    all.include(orders, "/v2");
    ASSERT_EQ(all.endpoints().size(), 2U);
    EXPECT_EQ(all.endpoints()[0].path, "/v1/count");
    EXPECT_THAT(all.endpoints()[0].options.tags, ElementsAre("orders", "own"));
    EXPECT_TRUE(all.endpoints()[0].options.deprecated);
    EXPECT_THAT(all.endpoints()[1].options.tags, ElementsAre("own"));
    test::Client client(all);
    EXPECT_EQ(client.get("/v2/count").body, "1");
}

// --- What is refused at start -------------------------------------------------------------------

struct Two {
    int a;
    int b;
};
struct PlainDefault {
    int limit = 20;
};
struct BadPattern {
    Field<std::string, Pattern("(")> text;
};
struct Nested {
    Two two;
};
struct Twice {
    int a;
    Field<int, Alias("a")> b;
};
Task<int> one(int number) {
    co_return number;
}
Task<int> by_name(Path<Two> path) {
    co_return path->a;
}
Task<int> plain_default(Query<PlainDefault> page) {
    co_return page->limit;
}
Task<int> bad_pattern(BadPattern) {
    co_return 1;
}
Task<int> nested(Query<Nested>) {
    co_return 1;
}
Task<int> twice(Twice) {
    co_return 1;
}

template <auto handler>
std::string refusal(const std::string& path) {
    Module module;
    module.post<handler>(path);
    try {
        test::Client(module).start();
    } catch (const std::invalid_argument& error) {
        return error.what();
    }
    return "none";
}

TEST(EndpointsThatCannotWork, are_refused_at_start_by_a_line_that_names_them) {
    EXPECT_THAT(refusal<one>("/numbers"),
                HasSubstr("POST /numbers (one): the function takes one parameter of the path, "
                          "which has 0"));
    EXPECT_THAT(refusal<one>("/{a}/{b}"), HasSubstr("take a Path<…> struct of them, by name"));
    EXPECT_THAT(refusal<by_name>("/{a}/{c}"), HasSubstr("the path has no {b}, which Two has"));
    EXPECT_THAT(refusal<by_name>("/{a}/{b}/{c}"),
                HasSubstr("nothing in the function's Path<…> is named c"));
    EXPECT_THAT(refusal<plain_default>("/list"),
                HasSubstr("PlainDefault.limit: a default is written Field<…> limit"));
    EXPECT_THAT(refusal<bad_pattern>("/text"), HasSubstr("BadPattern.text: the pattern '('"));
    EXPECT_THAT(refusal<nested>("/list"), HasSubstr("Nested.two is read from a text"));
    EXPECT_THAT(refusal<twice>("/twice"), HasSubstr("Twice has two members \"a\""));
    EXPECT_EQ(refusal<by_name>("/{a}/{b}"), "none");
}

TEST(Secrets, are_compared_whole) {
    EXPECT_TRUE(equal_in_constant_time("secret", "secret"));
    EXPECT_TRUE(equal_in_constant_time("", ""));
    EXPECT_FALSE(equal_in_constant_time("secret", "secreT"));
    EXPECT_FALSE(equal_in_constant_time("secret", "secrets"));
    EXPECT_FALSE(equal_in_constant_time("", "s"));
}

}  // namespace
}  // namespace signalbox::api
