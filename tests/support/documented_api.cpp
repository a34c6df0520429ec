#include "support/documented_api.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

// The names are those of app.py: they are in the document.
namespace signalbox::test::documented {

using namespace signalbox::api;
using async::Task;

enum class Status { open, paid, in_transit };
constexpr auto wire_names(Status) {
    return std::array{std::pair{Status::open, "open"}, std::pair{Status::paid, "paid"},
                      std::pair{Status::in_transit, "in-transit"}};
}

using Date = std::chrono::year_month_day;
using Duration = std::chrono::microseconds;
using Anything = std::map<std::string, JsonText>;
template <class T>
using Map = std::map<std::string, T>;
constexpr auto most = std::numeric_limits<std::int64_t>::max();
constexpr auto least = std::numeric_limits<std::int64_t>::min();

// ---- every kind, in a body ---------------------------------------------------------------------

#define BODY(rule, ...)                               \
    struct Body_##rule {                              \
        __VA_ARGS__ value;                            \
    };                                                \
    Task<Body_##rule> body_##rule(Body_##rule body) { \
        co_return body;                               \
    }

BODY(bool, bool)
BODY(int, int)
BODY(int_ge_le, Field<int, Ge(1), Le(100)>)
BODY(int_gt_lt, Field<int, Gt(0), Lt(10)>)
BODY(int_multiple, Field<int, MultipleOf(5)>)
BODY(int_64, Field<std::int64_t, Ge(least), Le(most)>)
BODY(float, double)
BODY(float_ge_le, Field<double, Ge(-90), Le(90)>)
BODY(float_gt_lt, Field<double, Gt(0), Lt(1.5)>)
BODY(decimal, Decimal)
BODY(decimal_ge_lt, Field<Decimal, Ge(0.01), Lt(1000)>)
BODY(decimal_digits, Field<Decimal, MaxDigits(6), DecimalPlaces(2)>)
BODY(str, std::string)
BODY(str_length, Field<std::string, MinLength(2), MaxLength(5)>)
BODY(str_pattern, Field<std::string, Pattern("^[a-z]+(-[a-z]+)*$")>)
BODY(enum, Status)
BODY(uuid, Uuid)
BODY(datetime, DateTime)
BODY(date, Date)
BODY(duration, Duration)
BODY(email, Email)
BODY(url, Url)
BODY(list, std::vector<int>)
BODY(list_length, Field<std::vector<int>, MinLength(2), MaxLength(3)>)
BODY(list_str, std::vector<Field<std::string, MinLength(2)>>)
BODY(list_enum, std::vector<Status>)
BODY(dict, Map<int>)
BODY(dict_length, Field<Map<Field<double, Gt(0)>>, MinLength(1), MaxLength(2)>)

// ---- path, query, header, cookie ---------------------------------------------------------------

struct path_int_ge_le_answer {
    int value;
};
Task<path_int_ge_le_answer> path_int_ge_le(Field<int, Ge(1), Le(100)> value) {
    co_return path_int_ge_le_answer{*value};
}
struct path_enum_answer {
    Status value;
};
Task<path_enum_answer> path_enum(Status value) {
    co_return path_enum_answer{value};
}
struct Two {
    Field<int, Ge(1)> left;
    Status right;
};
Task<Anything> path_two(Path<Two>) {
    co_return Anything{};
}

#define QUERY(rule, answered, ...)                                          \
    struct query_##rule##_in {                                              \
        __VA_ARGS__ value;                                                  \
    };                                                                      \
    struct query_##rule##_answer {                                          \
        answered value;                                                     \
    };                                                                      \
    Task<query_##rule##_answer> query_##rule(Query<query_##rule##_in> in) { \
        co_return query_##rule##_answer{in->value};                         \
    }

QUERY(decimal_ge_lt, Decimal, Field<Decimal, Ge(0.01), Lt(1000)>)
QUERY(int_64, std::int64_t, Field<std::int64_t, Ge(least), Le(most)>)
QUERY(enum, Status, Status)
QUERY(url, Url, Url)
using Words = std::vector<Field<std::string, MinLength(2)>>;
QUERY(list_str, Words, Words)

struct DefaultIn {
    Field<int, Ge(1), Le(100)> limit = 20;
    Field<Status> status = Status::open;
};
Task<Anything> query_default(Query<DefaultIn>) {
    co_return Anything{};
}
struct OptionalIn {
    Field<std::optional<int>, Ge(1)> limit;
    std::optional<Status> status;
};
Task<Anything> query_optional(Query<OptionalIn>) {
    co_return Anything{};
}
struct AliasIn {
    Field<std::string, MinLength(1), Alias("sort-by")> sort_by;
    Field<std::string, Alias("class")> kind = "any";
};
Task<Anything> query_alias(Query<AliasIn>) {
    co_return Anything{};
}
struct ListDefaultIn {
    Field<std::vector<std::string>, MaxLength(2)> tag = std::vector<std::string>{"a", "b"};
    std::optional<std::vector<int>> id;
};
Task<Anything> query_list_default(Query<ListDefaultIn>) {
    co_return Anything{};
}
struct Page {
    Field<int, Ge(1), Le(100)> limit = 20;
    Field<int, Ge(0)> offset = 0;
    Field<Literal<"created_at", "updated_at">> order_by{Literal<"created_at", "updated_at">()};
    Field<std::vector<std::string>> tags = std::vector<std::string>{};
};
Task<Page> query_model(Query<Page> page) {
    co_return *page;
}
struct StrictPage {
    static constexpr auto extra = Extra::forbid;
    Field<int, Ge(1), Le(100)> limit;
    Field<int, Ge(0)> offset = 0;
};
Task<StrictPage> query_model_forbid(Query<StrictPage> page) {
    co_return *page;
}
struct header_list_in {
    Field<std::vector<int>, Alias("x-value")> value;
};
struct header_list_answer {
    std::vector<int> value;
};
Task<header_list_answer> header_list(Headers<header_list_in> in) {
    co_return header_list_answer{*in->value};
}
struct HeaderOptionalIn {
    Field<std::optional<int>, Ge(0)> x_depth;
    std::optional<std::string> user_agent;
};
Task<Anything> header_optional(Headers<HeaderOptionalIn>) {
    co_return Anything{};
}
struct Trace {
    Field<int, Ge(0)> x_depth;
    Field<std::vector<std::string>> x_tags = std::vector<std::string>{};
    std::optional<Status> x_mode;
};
Task<Trace> header_model(Headers<Trace> trace) {
    co_return *trace;
}
struct CookieOptionalIn {
    Field<std::optional<std::string>, MaxLength(8)> session;
    Field<int, Ge(0)> depth = 3;
};
Task<Anything> cookie_optional(Cookies<CookieOptionalIn>) {
    co_return Anything{};
}

// ---- bodies ------------------------------------------------------------------------------------

struct Item {
    Field<std::string, MinLength(1), MaxLength(40)> sku;
    Field<int, Ge(1), Le(100)> quantity = 1;
    Field<double, Gt(0)> price;
};
struct Order {
    Field<std::string, MinLength(3), MaxLength(20)> reference;
    Email email;
    Field<Status> status = Status::open;
    Field<std::optional<std::string>, MaxLength(10)> note;
    Field<std::vector<Item>, MinLength(1)> items;
};
Task<Order> body_order(Order order) {
    co_return order;
}
Task<std::vector<Item>> body_list_of_models(std::vector<Item> items) {
    co_return items;
}
Task<Map<Item>> body_dict_of_models(Map<Item> items) {
    co_return items;
}
struct Defaults {
    Field<std::string> name = "unnamed";
    Field<int, Ge(1)> count = 7;
    Field<double> ratio = 0.5;
    Field<Status> status = Status::open;
    Field<std::vector<std::string>> tags = std::vector<std::string>{"new"};
};
Task<Defaults> body_default(Defaults body) {
    co_return body;
}
struct Nullable {
    Field<std::optional<std::string>, Required{}> note;
    Field<std::optional<int>, Ge(0), Required{}> count;
};
Task<Nullable> body_nullable(Nullable body) {
    co_return body;
}
struct NotWhole {
    std::optional<std::string> note;
    std::optional<Status> status;
};
Task<Anything> body_patch(NotWhole) {
    co_return Anything{};
}
struct Aliased {
    Field<int, Alias("orderId")> order_id;
    Field<std::string, Alias("class")> kind = "any";
};
Task<Aliased> body_alias(Aliased body) {
    co_return body;
}
struct Strict {
    static constexpr auto extra = Extra::forbid;
    std::string name;
    std::optional<Item> item;
};
Task<Strict> body_forbid(Strict body) {
    co_return body;
}
struct Inner {
    int depth;
    Field<Map<std::vector<Item>>> leaf = Map<std::vector<Item>>{};
};
struct Outer {
    Inner inner;
    Field<std::vector<Inner>> others = std::vector<Inner>{};
};
Task<Outer> body_nested(Outer body) {
    co_return body;
}
struct Card {
    Literal<"card"> method;
    Field<std::string, Pattern("^[0-9]{4}$")> number;
};
struct Transfer {
    Literal<"transfer", "wire"> method;
    std::string iban;
    Field<Decimal, Gt(0)> amount;
};
struct Payment {
    Field<std::variant<Card, Transfer>, Discriminator("method")> payment;
};
Task<Payment> body_union(Payment body) {
    co_return body;
}
Task<std::optional<Item>> body_may_be_missing(std::optional<Item> item) {
    co_return item;
}
struct CheckedPage {
    Field<int, Ge(1)> page = 1;
};
int checked_page(Query<CheckedPage> in) {
    return *in->page;
}
struct MixedCookies {
    int session;
};
struct MixedHeaders {
    int x_depth;
};
struct MixedQuery {
    Field<int, Le(10)> limit;
};
Task<Anything> mixed(Item, Cookies<MixedCookies>, Headers<MixedHeaders>, Query<MixedQuery>, int,
                     Depends<checked_page>) {
    co_return Anything{};
}
struct Tree {
    Field<std::vector<Tree>> children = std::vector<Tree>{};
};
Task<http::Response> json_deep(Tree) {
    co_return http::Response{};
}

// ---- responses ---------------------------------------------------------------------------------

struct Account {
    int id;
    std::string name;
    Field<Decimal> balance = Decimal("0.00");
    std::optional<DateTime> since;
};
Task<Account> response_filtered() {
    co_return Account{};
}
struct Count {
    Field<int> count = 2;
};
Task<std::vector<Account>> response_list(Query<Count>) {
    co_return std::vector<Account>{};
}
Task<Item> response_created(Item item) {
    co_return item;
}
Task<> response_no_content(int) {
    co_return;
}
Task<http::Response> response_nothing() {
    co_return http::Response{};
}

// ---- who asks ----------------------------------------------------------------------------------

Task<Anything> auth_bearer(Bearer) {
    co_return Anything{};
}
Task<Anything> auth_bearer_optional(std::optional<Bearer>) {
    co_return Anything{};
}
Task<Anything> auth_basic(BasicIn<"kinds">) {
    co_return Anything{};
}
Task<Anything> auth_key_header(ApiKeyHeader<"X-API-Key">) {
    co_return Anything{};
}
Task<Anything> auth_key_query(ApiKeyQuery<"api_key">) {
    co_return Anything{};
}
Task<Anything> auth_key_cookie(ApiKeyCookie<"key">) {
    co_return Anything{};
}
Task<Anything> auth_oauth2(OAuth2PasswordBearer<"token">) {
    co_return Anything{};
}
std::string current_user(Bearer bearer) {
    return bearer.token;
}
struct Tenant {
    Field<int, Ge(1)> x_tenant;
};
std::string tenant(Depends<current_user>, Headers<Tenant>) {
    return {};
}
struct Limit {
    Field<int> limit = 10;
};
Task<Anything> auth_nested(Depends<tenant>, Query<Limit>) {
    co_return Anything{};
}
Task<Anything> auth_and_body(int, Item, Depends<current_user>) {
    co_return Anything{};
}

Task<Map<std::string>> routes_things() {
    co_return Map<std::string>{};
}
Task<Map<std::string>> routes_thing(std::string) {
    co_return Map<std::string>{};
}
Task<Map<std::string>> routes_put_thing(std::string) {
    co_return Map<std::string>{};
}

void add_bodies(Module& api) {
    api.post<body_bool>("/body/bool")
        .post<body_int>("/body/int")
        .post<body_int_ge_le>("/body/int-ge-le")
        .post<body_int_gt_lt>("/body/int-gt-lt")
        .post<body_int_multiple>("/body/int-multiple")
        .post<body_int_64>("/body/int-64")
        .post<body_float>("/body/float")
        .post<body_float_ge_le>("/body/float-ge-le")
        .post<body_float_gt_lt>("/body/float-gt-lt")
        .post<body_decimal>("/body/decimal")
        .post<body_decimal_ge_lt>("/body/decimal-ge-lt")
        .post<body_decimal_digits>("/body/decimal-digits")
        .post<body_str>("/body/str")
        .post<body_str_length>("/body/str-length")
        .post<body_str_pattern>("/body/str-pattern")
        .post<body_enum>("/body/enum")
        .post<body_uuid>("/body/uuid")
        .post<body_datetime>("/body/datetime")
        .post<body_date>("/body/date")
        .post<body_duration>("/body/duration")
        .post<body_email>("/body/email")
        .post<body_url>("/body/url")
        .post<body_list>("/body/list")
        .post<body_list_length>("/body/list-length")
        .post<body_list_str>("/body/list-str")
        .post<body_list_enum>("/body/list-enum")
        .post<body_dict>("/body/dict")
        .post<body_dict_length>("/body/dict-length")
        .post<body_order>("/body/order")
        .post<body_list_of_models>("/body/list-of-models")
        .post<body_dict_of_models>("/body/dict-of-models")
        .post<body_default>("/body/default")
        .post<body_nullable>("/body/nullable")
        .patch<body_patch>("/body/patch")
        .post<body_alias>("/body/alias")
        .post<body_forbid>("/body/forbid")
        .post<body_nested>("/body/nested")
        .post<body_union>("/body/union")
        .post<body_may_be_missing>("/body/may-be-missing");
}

}  // namespace signalbox::test::documented

namespace signalbox::test {

api::Module documented_api() {
    using namespace documented;
    api::Module api;
    api.get<path_int_ge_le>("/path/int-ge-le/{value}")
        .get<path_enum>("/path/enum/{value}")
        .get<path_two>("/path/two/{left}/with/{right}")
        .get<query_decimal_ge_lt>("/query/decimal-ge-lt")
        .get<query_int_64>("/query/int-64")
        .get<query_enum>("/query/enum")
        .get<query_url>("/query/url")
        .get<query_list_str>("/query/list-str")
        .get<query_default>("/query/default")
        .get<query_optional>("/query/optional")
        .get<query_alias>("/query/alias")
        .get<query_list_default>("/query/list-default")
        .get<query_model>("/query/model")
        .get<query_model_forbid>("/query/model-forbid")
        .get<header_list>("/header/list")
        .get<header_optional>("/header/optional")
        .get<header_model>("/header/model")
        .get<cookie_optional>("/cookie/optional");
    add_bodies(api);
    api.post<mixed>("/mixed/{id}")
        .post<json_deep>("/json/deep")
        .get<response_filtered>("/response/filtered")
        .get<response_list>("/response/list")
        .post<response_created>("/response/created", {.status = 201})
        .del<response_no_content>("/response/no-content/{id}")
        .get<response_nothing>("/response/nothing")
        .get<auth_bearer>("/auth/bearer")
        .get<auth_bearer_optional>("/auth/bearer-optional")
        .get<auth_basic>("/auth/basic")
        .get<auth_key_header>("/auth/key-header")
        .get<auth_key_query>("/auth/key-query")
        .get<auth_key_cookie>("/auth/key-cookie")
        .get<auth_oauth2>("/auth/oauth2")
        .post<auth_and_body>("/auth/and-body/{id}")
        .get<auth_nested>("/auth/nested");
    api::Module routes;
    routes.get<routes_things>("/things")
        .get<routes_thing>("/things/{id}")
        .put<routes_put_thing>("/things/{id}");
    api.include(routes, "/v1/routes", {.tags = {"routes"}});
    return api;
}

}  // namespace signalbox::test
