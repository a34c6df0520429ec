#include "signalbox/api/container.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "signalbox/async/run.hpp"
#include "signalbox/http/errors.hpp"

namespace signalbox::api {
namespace {

using http::Request;
using http::Response;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::ThrowsMessage;

struct Clock {
    std::string now = "noon";
};
struct Greeter {
    explicit Greeter(const Clock& clock) : text("good " + clock.now) {}
    Greeter(const Greeter&) = delete;
    Greeter& operator=(const Greeter&) = delete;
    std::string text;
};
struct OnlyDeclared;

Clock make_clock() {
    return {};
}
Greeter make_greeter(const Clock& clock) {
    return Greeter(clock);
}

async::Task<Response> greet(Greeter& greeter) {
    co_return Response{.body = greeter.text};
}

/// Answers as the endpoint of this path does.
Response answer_at(const Container& container, std::string_view path, Request& request) {
    const auto routes = container.routes();
    const auto route = std::find_if(routes.begin(), routes.end(),
                                    [path](const http::Route& each) { return each.path == path; });
    if (route == routes.end()) throw std::invalid_argument("no such endpoint");
    async::EventLoop loop("test");
    return async::run(loop, route->handler(request));
}

/// As the one endpoint of the container does.
Response answer(const Container& container, Request& request) {
    return answer_at(container, container.routes().at(0).path, request);
}

std::string body_of(const Container& container) {
    Request request;
    return std::string(answer(container, request).body.view());
}

auto throws(auto matcher) {
    return ThrowsMessage<std::invalid_argument>(matcher);
}

TEST(Container, gives_handlers_the_services_that_their_parameters_name) {
    Module module;
    // In no order: what a service is made from is made before it.
    module.provide<make_greeter>().provide<make_clock>().get<greet>("/greeting");
    Container container(module);
    container.make_services();
    EXPECT_EQ(body_of(container), "good noon");
    const auto routes = container.routes();
    ASSERT_EQ(routes.size(), 1);
    EXPECT_EQ(routes[0].method, "GET");
    EXPECT_EQ(routes[0].path, "/greeting");
}

TEST(Container, takes_objects_of_the_callers) {
    Clock clock{"evening"};
    Module module;
    module.provide(clock).provide<make_greeter>().get<greet>("/");
    Container container(module);
    container.make_services();
    EXPECT_EQ(body_of(container), "good evening");
}

async::Task<Response> of_request(const Request& request, Clock& clock, Request& same) {
    co_return Response{.body = request.path + clock.now + same.path};
}

TEST(Container, gives_the_request_wherever_it_is_named) {
    Clock clock;
    Module module;
    module.provide(clock).post<of_request>("/");
    Container container(module);
    container.make_services();
    Request request;
    request.path = "/x";
    EXPECT_EQ(answer(container, request).body.view(), "/xnoon/x");
}

struct User {
    std::string name;
};

async::Task<std::string> token(Request& request) {
    const auto header = request.header("authorization");
    if (!header) throw http::HttpError(401);
    co_return std::string(*header);
}
async::Task<User> current_user(Clock& clock, Depends<token> given) {
    co_return User{*given + "@" + clock.now};
}
async::Task<Response> who(Greeter& greeter, Depends<current_user> user, Clock& clock) {
    co_return Response{.body = greeter.text + " " + user->name + " " + clock.now};
}

TEST(Container, asks_dependencies_first_and_theirs_before_them) {
    Module module;
    module.provide<make_clock>().provide<make_greeter>().get<who>("/me");
    Container container(module);
    container.make_services();
    Request request;
    request.headers = {{"Authorization", "ada"}};
    EXPECT_EQ(answer(container, request).body.view(), "good noon ada@noon noon");

    Request anonymous;
    EXPECT_THROW(answer(container, anonymous), http::HttpError);
}

TEST(Container, replaces_services_and_dependencies_for_tests) {
    Clock clock{"midnight"};
    Module module;
    module.provide<make_clock>().provide<make_greeter>().get<who>("/me");
    Container container(module);
    container.replace(clock);
    container.replace<current_user>([]() -> async::Task<User> { co_return User{"eve"}; });
    container.make_services();
    EXPECT_EQ(body_of(container), "good midnight eve midnight");
}

TEST(Container, refuses_replacements_that_nobody_would_meet) {
    Clock clock;
    Module module;
    module.provide<make_clock>().provide<make_greeter>().get<greet>("/greeting");
    {
        Container container(module);
        container.replace(clock);  // the greeter is made from it
        container.make_services();
    }
    User user;
    Container another_service(module);
    another_service.replace(user);
    EXPECT_THAT([&] { another_service.make_services(); },
                throws(AllOf(HasSubstr("nobody takes"), HasSubstr("User"))));

    Container another_dependency(module);
    another_dependency.replace<current_user>([]() -> async::Task<User> { co_return User{"eve"}; });
    EXPECT_THAT([&] { another_dependency.make_services(); },
                throws(HasSubstr("no endpoint depends on current_user")));

    Module with_user;
    with_user.include(module).get<who>("/me");
    Container of_a_dependency(with_user);
    of_a_dependency.replace<token>([]() -> async::Task<std::string> { co_return "eve"; });
    of_a_dependency.make_services();
    Request request;
    EXPECT_THAT(answer_at(of_a_dependency, "/me", request).body.view(), HasSubstr("eve@noon"));
}

async::Task<Response> wants_what_nobody_has(OnlyDeclared&) {
    co_return Response{};
}

TEST(Container, says_what_is_missing_and_for_whom) {
    Module module;
    module.get<wants_what_nobody_has>("/x");
    Container container(module);
    EXPECT_THAT(
        [&] { container.make_services(); },
        throws(AllOf(HasSubstr("OnlyDeclared"), HasSubstr("GET /x (wants_what_nobody_has)"))));

    Module factories;
    factories.provide<make_greeter>();
    Container without_clock(factories);
    EXPECT_THAT(
        [&] { without_clock.make_services(); },
        throws(AllOf(HasSubstr("Clock"), HasSubstr("the factory of"), HasSubstr("Greeter"))));
}

struct Hen;
struct Egg {};
struct Hen {};
Hen hatch(Egg&) {
    return {};
}
Egg lay(Hen&) {
    return {};
}

TEST(Container, refuses_what_is_provided_twice_or_made_from_itself) {
    Module twice;
    twice.provide<make_clock>().provide<make_clock>();
    Container two(twice);
    EXPECT_THAT([&] { two.make_services(); }, throws(HasSubstr("provided twice")));

    Clock clock;
    Module again;
    again.provide<make_clock>();
    Container one_is_there(again);
    one_is_there.add(clock);
    EXPECT_THAT([&] { one_is_there.make_services(); }, throws(HasSubstr("provided twice")));

    Module ring;
    ring.provide<hatch>().provide<lay>();
    Container neither(ring);
    EXPECT_THAT([&] { neither.make_services(); }, throws(HasSubstr("made from itself")));
}

std::vector<std::string> happened;

struct First {
    ~First() { happened.emplace_back("first ended"); }
};
struct Second {
    explicit Second(First&) {}
    ~Second() { happened.emplace_back("second ended"); }
};
std::unique_ptr<First> make_first() {
    return std::make_unique<First>();
}
std::unique_ptr<Second> make_second(First& first) {
    return std::make_unique<Second>(first);
}
void open(Clock& clock) {
    happened.push_back("open at " + clock.now);
}
async::Task<> warm_up() {
    happened.emplace_back("warm");
    co_return;
}
void close() {
    happened.emplace_back("close");
}
async::Task<> cool_down() {
    happened.emplace_back("cool");
    co_return;
}

TEST(Container, starts_in_order_stops_and_destroys_in_the_reverse) {
    happened.clear();
    Clock clock;
    async::EventLoop loop("test");
    {
        Module part;
        part.provide<make_second>().provide<make_first>().on_startup<warm_up>();
        part.on_shutdown<cool_down>();
        Module module;
        module.provide(clock).on_startup<open>().on_shutdown<close>().include(part);
        Container container(module);
        container.make_services();
        EXPECT_THAT(happened, IsEmpty());
        for (auto& task : container.startup())
            async::run(loop, std::move(task));
        for (auto& task : container.shutdown())
            async::run(loop, std::move(task));
    }
    EXPECT_THAT(happened, ElementsAre("open at noon", "warm", "cool", "close", "second ended",
                                      "first ended"));
}

}  // namespace
}  // namespace signalbox::api
