// Every kind under every rule, at an endpoint of its own in each place where it may stand.
#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "fastapi/app.hpp"
#include "fastapi/enums.hpp"

namespace fastapi {

namespace {

using namespace signalbox::api;  // NOLINT: the words of models
using signalbox::async::Task;

template <class T>
struct Value {
    T value;
};
template <class T>
struct HeaderValue {
    Field<T, Alias("x-value")> value;
};

template <class T>
Task<Value<T>> of_path(Path<Value<T>> path) {
    co_return *path;
}
template <class T>
Task<Value<T>> of_query(Query<Value<T>> query) {
    co_return *query;
}
template <class T>
Task<Value<T>> of_header(Headers<HeaderValue<T>> headers) {
    co_return Value<T>{*headers->value};
}
template <class T>
Task<Value<T>> of_cookie(Cookies<Value<T>> cookies) {
    co_return *cookies;
}
template <class T>
Task<Value<T>> of_body(Value<T> body) {
    co_return body;
}

template <class T>
void in_path(Module& module, const std::string& rule) {
    module.get<of_path<T>>("/path/" + rule + "/{value}");
}
template <class T>
void in_query(Module& module, const std::string& rule) {
    module.get<of_query<T>>("/query/" + rule);
}
template <class T>
void in_header(Module& module, const std::string& rule) {
    module.get<of_header<T>>("/header/" + rule);
}
template <class T>
void in_cookie(Module& module, const std::string& rule) {
    module.get<of_cookie<T>>("/cookie/" + rule);
}
template <class T>
void in_body(Module& module, const std::string& rule) {
    module.post<of_body<T>>("/body/" + rule);
}
template <class T>
void in_query_and_body(Module& module, const std::string& rule) {
    in_query<T>(module, rule);
    in_body<T>(module, rule);
}

using Limits = std::numeric_limits<std::int64_t>;

using Integer = std::int64_t;
using IntegerFromTo = Field<std::int64_t, Ge(1), Le(100)>;
using IntegerBetween = Field<std::int64_t, Gt(0), Lt(10)>;
using IntegerMultiple = Field<std::int64_t, MultipleOf(5)>;
using Integer64 = Field<std::int64_t, Ge(Limits::min()), Le(Limits::max())>;
using FloatFromTo = Field<double, Ge(-90), Le(90)>;
using FloatBetween = Field<double, Gt(0), Lt(1.5)>;
using DecimalFromTo = Field<Decimal, Ge(0.01), Lt(1000)>;
using DecimalDigits = Field<Decimal, MaxDigits(6), DecimalPlaces(2)>;
using TextLength = Field<std::string, MinLength(2), MaxLength(5)>;
using TextPattern = Field<std::string, Pattern("^[a-z]+(-[a-z]+)*$")>;
using Date = std::chrono::year_month_day;
using Duration = std::chrono::microseconds;

using List = std::vector<std::int64_t>;
using ListLength = Field<std::vector<std::int64_t>, MinLength(2), MaxLength(3)>;
using ListText = std::vector<Field<std::string, MinLength(2)>>;
using ListEnum = std::vector<Status>;
using Dict = std::map<std::string, std::int64_t>;
using DictLength = Field<std::map<std::string, Field<double, Gt(0)>>, MinLength(1), MaxLength(2)>;

}  // namespace

Module kinds() {
    Module module;
    in_query_and_body<bool>(module, "bool");
    in_query_and_body<Integer>(module, "int");
    in_query_and_body<IntegerFromTo>(module, "int-ge-le");
    in_query_and_body<IntegerBetween>(module, "int-gt-lt");
    in_query_and_body<IntegerMultiple>(module, "int-multiple");
    in_query_and_body<Integer64>(module, "int-64");
    in_query_and_body<double>(module, "float");
    in_query_and_body<FloatFromTo>(module, "float-ge-le");
    in_query_and_body<FloatBetween>(module, "float-gt-lt");
    in_query_and_body<Decimal>(module, "decimal");
    in_query_and_body<DecimalFromTo>(module, "decimal-ge-lt");
    in_query_and_body<DecimalDigits>(module, "decimal-digits");
    in_query_and_body<std::string>(module, "str");
    in_query_and_body<TextLength>(module, "str-length");
    in_query_and_body<TextPattern>(module, "str-pattern");
    in_query_and_body<Status>(module, "enum");
    in_query_and_body<Priority>(module, "enum-int");
    in_query_and_body<Uuid>(module, "uuid");
    in_query_and_body<DateTime>(module, "datetime");
    in_query_and_body<Date>(module, "date");
    in_query_and_body<Duration>(module, "duration");
    in_query_and_body<Email>(module, "email");
    in_query_and_body<Url>(module, "url");
    in_query_and_body<List>(module, "list");
    in_query_and_body<ListLength>(module, "list-length");
    in_query_and_body<ListText>(module, "list-str");
    in_query_and_body<ListEnum>(module, "list-enum");
    in_body<Dict>(module, "dict");
    in_body<DictLength>(module, "dict-length");

    in_path<bool>(module, "bool");
    in_path<Integer>(module, "int");
    in_path<IntegerFromTo>(module, "int-ge-le");
    in_path<Integer64>(module, "int-64");
    in_path<double>(module, "float");
    in_path<Decimal>(module, "decimal");
    in_path<TextLength>(module, "str-length");
    in_path<TextPattern>(module, "str-pattern");
    in_path<Status>(module, "enum");
    in_path<Priority>(module, "enum-int");
    in_path<Uuid>(module, "uuid");
    in_path<DateTime>(module, "datetime");
    in_path<Date>(module, "date");

    in_header<bool>(module, "bool");
    in_header<IntegerFromTo>(module, "int-ge-le");
    in_header<double>(module, "float");
    in_header<TextLength>(module, "str-length");
    in_header<Status>(module, "enum");
    in_header<Uuid>(module, "uuid");
    in_header<DateTime>(module, "datetime");
    in_header<List>(module, "list");

    in_cookie<bool>(module, "bool");
    in_cookie<IntegerFromTo>(module, "int-ge-le");
    in_cookie<Decimal>(module, "decimal");
    in_cookie<TextPattern>(module, "str-pattern");
    in_cookie<Status>(module, "enum");
    in_cookie<Date>(module, "date");
    return module;
}

}  // namespace fastapi
