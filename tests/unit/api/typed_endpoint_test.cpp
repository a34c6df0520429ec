// Endpoints that declare what they take and return by their functions' parameters.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "signalbox/api/module.hpp"
#include "signalbox/testing/client.hpp"

namespace signalbox::api {
namespace {

using async::Task;

enum class Status { open, paid, shipped };

struct Item {
    Field<std::string, MinLength(1), MaxLength(40)> sku;
    Field<int, Ge(1), Le(100)> quantity = 1;
    Field<double, Gt(0)> price;
};
struct OrderIn {
    Field<std::string, MinLength(3), MaxLength(20)> reference;
    Email email;
    Field<Status> status = Status::open;
    Field<std::vector<Item>, MinLength(1)> items;
};
struct Order {
    int id;
    std::string reference;
    Status status;
    double total;
};
struct Page {
    Field<int, Ge(1), Le(100)> limit = 20;
    Field<int, Ge(0)> offset = 0;
    std::optional<Status> status;
    Field<std::vector<int>> ids = std::vector<int>{};
};
struct Presets {
    Field<std::optional<int>> floor = 5;
    Field<std::vector<int>> ids = std::vector<int>{1, 2};
    Field<std::map<std::string, int>> counts = std::map<std::string, int>{{"a", 1}};
};
struct Seat {
    int row;
    std::string place;
};
struct Traced {
    std::optional<std::string> x_request_token;
    Field<std::optional<std::string>, Alias("content-type")> type;
};

Task<Order> create(OrderIn order, Reply& reply) {
    double total = 0;
    for (const Item& item : *order.items)
        total += *item.price * *item.quantity;
    reply.header("Location", "/orders/7");
    co_return Order{7, *order.reference, *order.status, total};
}
Task<Page> list(Query<Page> page) {
    co_return *page;
}
Task<Presets> presets(Presets sent) {
    co_return sent;
}
Task<Seat> seat(Path<Seat> where) {
    co_return *where;
}
Task<int> twice(int number) {
    co_return 2 * number;
}
Task<Traced> traced(Headers<Traced> headers) {
    co_return *headers;
}
struct Tagged {
    Field<int, Alias("X-Tag")> tag;
    int x_depth;
};
Task<int> tagged(Headers<Tagged> headers) {
    co_return *headers->tag + headers->x_depth;
}
Task<> nothing() {
    co_return;
}

struct User {
    std::string name;
};
int asked = 0;
Task<User> current_user(Bearer bearer) {
    ++asked;
    if (bearer.token != "secret")
        throw http::HttpError(401, "Invalid token", {{"WWW-Authenticate", "Bearer"}});
    co_return User{"ada"};
}
std::string greeting(Depends<current_user> user) {
    return "Hello " + user->name;
}
Task<std::string> greet(Depends<greeting> text, Depends<current_user> user) {
    co_return *text + ", " + user->name;
}
Task<std::string> greet_order(OrderIn, Depends<current_user> user) {
    co_return user->name;
}

Module endpoints() {
    Module module;
    module.post<create>("/orders", {.status = 201});
    module.get<list>("/orders");
    module.post<presets>("/presets");
    module.get<seat>("/rows/{row}/places/{place}");
    module.get<twice>("/twice/{number}");
    module.get<traced>("/traced");
    module.get<tagged>("/tagged");
    module.del<nothing>("/nothing");
    module.get<greet>("/greet");
    module.post<greet_order>("/greet");
    return module;
}

TEST(TypedEndpoint, answers_with_what_its_function_returns) {
    test::Client client(endpoints());
    const auto response = client.post(
        "/orders",
        R"({"reference":"abc","email":"a@example.com","items":[{"sku":"x","price":"1.5","quantity":2}]})");
    EXPECT_EQ(response.status, 201) << response;
    EXPECT_EQ(response.body, R"({"id":7,"reference":"abc","status":"open","total":3.0})");
    EXPECT_EQ(response.header("Location"), "/orders/7");
    EXPECT_EQ(client.get("/orders?limit=5&status=paid&ids=1&ids=2").body,
              R"({"limit":5,"offset":0,"status":"paid","ids":[1,2]})");
    EXPECT_EQ(client.get("/rows/3/places/a%20b").body, R"({"row":3,"place":"a b"})");
    EXPECT_EQ(client.get("/twice/21").body, "42");
    EXPECT_EQ(client.get("/traced", {{"X-Request-Token", "t"}}).body,
              R"({"x_request_token":"t","content-type":null})");
    const auto nothing = client.del("/nothing");
    EXPECT_EQ(nothing.status, 204);
    EXPECT_EQ(nothing.body, "");
}

TEST(TypedEndpoint, has_what_was_sent_in_place_of_a_default) {
    test::Client client(endpoints());
    EXPECT_EQ(client.post("/presets", "{}").body, R"({"floor":5,"ids":[1,2],"counts":{"a":1}})");
    EXPECT_EQ(client.post("/presets", R"({"floor":null,"ids":[3],"counts":{"b":2}})").body,
              R"({"floor":null,"ids":[3],"counts":{"b":2}})");
}

TEST(TypedEndpoint, says_all_that_is_wrong_with_a_request) {
    test::Client client(endpoints());
    const auto response =
        client.post("/orders", R"({"reference":"ab","items":[{"sku":"x","price":0}]})");
    EXPECT_EQ(response.status, 422);
    EXPECT_EQ(
        response.body,
        R"({"detail":[{"type":"string_too_short","loc":["body","reference"],"msg":"String should have at least 3 characters","input":"ab","ctx":{"min_length":3}},)"
        R"({"type":"missing","loc":["body","email"],"msg":"Field required","input":{"reference":"ab","items":[{"sku":"x","price":0}]}},)"
        R"({"type":"greater_than","loc":["body","items",0,"price"],"msg":"Input should be greater than 0","input":0,"ctx":{"gt":0.0}}]})");
}

TEST(TypedEndpoint, names_a_header_as_its_alias_says) {
    test::Client client(endpoints());
    EXPECT_EQ(client.get("/tagged", {{"x-tag", "1"}, {"X-DEPTH", "2"}}).body, "3");
    EXPECT_EQ(
        client.get("/tagged").body,
        R"({"detail":[{"type":"missing","loc":["header","X-Tag"],"msg":"Field required","input":null},)"
        R"({"type":"missing","loc":["header","x-depth"],"msg":"Field required","input":null}]})");
}

TEST(TypedEndpoint, depends_on_what_is_computed_once_for_a_request) {
    test::Client client(endpoints());
    asked = 0;
    EXPECT_EQ(client.get("/greet", {{"Authorization", "Bearer secret"}}).body,
              R"("Hello ada, ada")");
    EXPECT_EQ(asked, 1);
    EXPECT_EQ(client.get("/greet").status, 403);
    const auto refused = client.post("/greet", "{}", {{"Authorization", "Bearer other"}});
    EXPECT_EQ(refused.status, 401);
    EXPECT_EQ(refused.header("WWW-Authenticate"), "Bearer");
    EXPECT_EQ(client.post("/greet", "{", {{"Authorization", "Bearer other"}}).status, 422);
}

}  // namespace
}  // namespace signalbox::api
