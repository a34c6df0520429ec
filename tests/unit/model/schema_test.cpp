#include "signalbox/model/schema.hpp"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "signalbox/testing/json_value.hpp"

namespace shop {

struct Price {
    signalbox::model::Decimal amount;
};
struct Entry {
    int id;
    Price price;
};
template <class T>
struct Page {
    std::vector<T> entries;
    int total;
};

}  // namespace shop

namespace stock {

struct Entry {
    std::string shelf;
};
enum class Side { left, right };
enum class Level { low = -1, high = 10 };
constexpr signalbox::model::AsNumbers wire_names(Level) {
    return {};
}
struct ValidationError {
    int code;
};
template <class T>
struct Page {
    std::vector<T> shelves;
};

}  // namespace stock

namespace signalbox::model {

namespace schema_test {

struct Tree {
    std::string name;
    Field<std::vector<Tree>> children = std::vector<Tree>{};
};
struct Card {
    Literal<"card"> method;
    Field<std::string, Pattern("^[0-9]{4}$")> number;
};
struct Transfer {
    Literal<"transfer", "wire"> method;
    std::string iban;
};
struct Documented {
    static constexpr std::string_view description = "What is said of it.";
    static constexpr auto extra = Extra::forbid;

    Field<int, Title("How many"), Description("In pieces"), Example("12"), Deprecated{}> count = 1;
    Field<std::optional<std::string>, MinLength(2), Description("For people")> note;
    Field<std::optional<stock::Side>, Description("Of two")> side;
    Field<stock::Side, Description("Of both")> other = stock::Side::right;
    std::optional<int> may_be_missing;
    Field<std::optional<int>, Required{}> may_be_null;
    Field<std::optional<int>> may_be_either = 5;
    Field<std::string, Alias("fromPlace2b")> from_place;
};
struct Nothing {};
struct Hidden {
    int id;
};

}  // namespace schema_test

namespace {

struct Hidden {
    int id;
};

using schema_test::Card, schema_test::Documented, schema_test::Nothing, schema_test::Transfer,
    schema_test::Tree;
using Mode = Schemas::Mode;
using test::JsonValue;

template <class T>
JsonValue schema(Mode mode = Mode::input, std::string_view title = {},
                 std::string_view default_json = {}) {
    const Schemas schemas({{&type_of<T>, mode}}, "#/", {});
    return JsonValue::parse(schemas.schema(type_of<T>, mode, title, default_json));
}

std::map<std::string, JsonValue> definitions(const std::vector<Schemas::Use>& uses,
                                             const std::set<std::string>& reserved = {}) {
    std::map<std::string, JsonValue> parsed;
    for (const auto& [name, json] : Schemas(uses, "#/", reserved).definitions())
        parsed.emplace(name, JsonValue::parse(json));
    return parsed;
}

std::vector<std::string> names(const std::map<std::string, JsonValue>& all) {
    std::vector<std::string> those;
    for (const auto& [name, schema] : all)
        those.push_back(name);
    return those;
}

JsonValue json(std::string_view text) {
    return JsonValue::parse(text);
}

TEST(Title, is_made_of_a_name_as_python_does) {
    EXPECT_EQ(title_of("order_id"), "Order Id");
    EXPECT_EQ(title_of("orderId"), "Orderid");
    EXPECT_EQ(title_of("x-request-ID"), "X-Request-Id");
    EXPECT_EQ(title_of("part2b"), "Part2B");
    EXPECT_EQ(title_of("a__b"), "A  B");
    EXPECT_EQ(title_of("_"), "");
}

TEST(Schema, says_what_kind_of_value_it_is) {
    EXPECT_EQ(schema<bool>(), json(R"({"type":"boolean"})"));
    EXPECT_EQ(schema<int>(), json(R"({"type":"integer"})"));
    EXPECT_EQ(schema<unsigned>(), json(R"({"type":"integer","minimum":0})"));
    EXPECT_EQ(schema<float>(), json(R"({"type":"number"})"));
    EXPECT_EQ(schema<std::string>(), json(R"({"type":"string"})"));
    EXPECT_EQ(schema<Decimal>(), json(R"({"anyOf":[{"type":"number"},{"type":"string"}]})"));
    EXPECT_EQ(schema<Decimal>(Mode::output), json(R"({"type":"string"})"));
    EXPECT_EQ(schema<Uuid>(), json(R"({"type":"string","format":"uuid"})"));
    EXPECT_EQ(schema<DateTime>(), json(R"({"type":"string","format":"date-time"})"));
    EXPECT_EQ(schema<std::chrono::year_month_day>(), json(R"({"type":"string","format":"date"})"));
    EXPECT_EQ(schema<std::chrono::microseconds>(),
              json(R"({"type":"string","format":"duration"})"));
    EXPECT_EQ(schema<Email>(), json(R"({"type":"string","format":"email"})"));
    EXPECT_EQ(schema<Url>(),
              json(R"({"type":"string","format":"uri","minLength":1,"maxLength":2083})"));
    EXPECT_EQ(schema<JsonText>(), json("{}"));
    EXPECT_EQ(schema<Literal<"card">>(), json(R"({"type":"string","const":"card"})"));
    EXPECT_EQ((schema<Literal<"transfer", "wire">>()),
              json(R"({"type":"string","enum":["transfer","wire"]})"));
    EXPECT_EQ(schema<std::optional<int>>(),
              json(R"({"anyOf":[{"type":"integer"},{"type":"null"}]})"));
    EXPECT_EQ(schema<std::vector<Email>>(),
              json(R"({"type":"array","items":{"type":"string","format":"email"}})"));
    EXPECT_EQ((schema<std::map<std::string, double>>()),
              json(R"({"type":"object","additionalProperties":{"type":"number"}})"));
    EXPECT_EQ((schema<std::map<std::string, JsonText>>()), json(R"({"type":"object"})"));
    EXPECT_EQ(schema<stock::Side>(), json(R"({"$ref":"#/Side"})"));
    EXPECT_EQ(schema<shop::Entry>(), json(R"({"$ref":"#/Entry"})"));
}

TEST(Schema, says_the_rules) {
    EXPECT_EQ((schema<Field<int, Ge(1), Le(100)>>()),
              json(R"({"type":"integer","minimum":1,"maximum":100})"));
    EXPECT_EQ((schema<Field<int, Gt(0), Lt(10), MultipleOf(3)>>()),
              json(R"({"type":"integer","exclusiveMinimum":0,"exclusiveMaximum":10,)"
                   R"("multipleOf":3})"));
    EXPECT_EQ((schema<Field<unsigned, Gt(4)>>()),
              json(R"({"type":"integer","exclusiveMinimum":4})"));
    EXPECT_EQ((schema<Field<double, Lt(1.5)>>()),
              json(R"({"type":"number","exclusiveMaximum":1.5})"));
    EXPECT_EQ((schema<Field<std::int64_t, Le(9223372036854775807)>>().text()),
              R"({"type":"integer","maximum":9223372036854775807})");
    EXPECT_EQ(
        (schema<Field<Decimal, Ge(0.01), Lt(1000)>>()),
        json(
            R"({"anyOf":[{"type":"number","minimum":0.01,"exclusiveMaximum":1000},{"type":"string"}]})"));
    EXPECT_EQ((schema<Field<Decimal, Ge(0.01)>>(Mode::output)), json(R"({"type":"string"})"));
    EXPECT_EQ((schema<Field<std::string, MinLength(2), MaxLength(5), Pattern("^a\"")>>()),
              json(R"({"type":"string","minLength":2,"maxLength":5,"pattern":"^a\""})"));
    EXPECT_EQ((schema<Field<std::vector<int>, MinLength(2), MaxLength(3)>>()),
              json(R"({"type":"array","items":{"type":"integer"},"minItems":2,"maxItems":3})"));
    EXPECT_EQ((schema<Field<std::map<std::string, Field<int, Ge(1)>>, MaxLength(2)>>()),
              json(R"({"type":"object","additionalProperties":{"type":"integer","minimum":1},)"
                   R"("maxProperties":2})"));
    EXPECT_EQ((schema<Field<std::optional<int>, Ge(1)>>()),
              json(R"({"anyOf":[{"type":"integer","minimum":1},{"type":"null"}]})"));
    EXPECT_EQ((schema<Field<Url, MaxLength(100)>>()),
              json(R"({"type":"string","format":"uri","minLength":1,"maxLength":100})"));
}

TEST(Schema, has_a_title_and_a_default_where_it_stands) {
    EXPECT_EQ(schema<int>(Mode::input, "Count", "7"),
              json(R"({"type":"integer","title":"Count","default":7})"));
    EXPECT_EQ((schema<Field<int, Title("How many")>>(Mode::input, "Count")),
              json(R"({"type":"integer","title":"How many"})"));
    EXPECT_EQ(schema<stock::Side>(Mode::input, "Side", R"("left")"),
              json(R"({"$ref":"#/Side","default":"left"})"));
    EXPECT_EQ(schema<std::optional<stock::Side>>(Mode::input, "Side", "null"),
              json(R"({"anyOf":[{"$ref":"#/Side"},{"type":"null"}],"title":"Side"})"));
}

TEST(Schema, tells_the_alternatives_of_a_variant_apart) {
    EXPECT_EQ(
        (schema<Field<std::variant<Card, Transfer>, Discriminator("method")>>()),
        json(
            R"({"oneOf":[{"$ref":"#/Card"},{"$ref":"#/Transfer"}],"discriminator":{"propertyName":)"
            R"("method","mapping":{"card":"#/Card","transfer":"#/Transfer","wire":"#/Transfer"}}})"));
}

TEST(Schemas, define_structs_and_enums_once) {
    const auto all = definitions({{&type_of<Documented>, Mode::input},
                                  {&type_of<std::vector<Documented>>, Mode::input},
                                  {&type_of<Nothing>, Mode::output}});
    EXPECT_EQ(names(all), (std::vector<std::string>{"Documented", "Nothing", "Side"}));
    EXPECT_EQ(all.at("Nothing"), json(R"({"properties":{},"type":"object","title":"Nothing"})"));
    EXPECT_EQ(all.at("Side"), json(R"({"type":"string","enum":["left","right"],"title":"Side"})"));
    EXPECT_EQ(all.at("Documented"), json(R"({
        "properties": {
            "count": {"type": "integer", "title": "How many", "description": "In pieces",
                      "examples": [12], "deprecated": true, "default": 1},
            "note": {"anyOf": [{"type": "string", "minLength": 2}, {"type": "null"}],
                     "title": "Note", "description": "For people"},
            "side": {"anyOf": [{"$ref": "#/Side"}, {"type": "null"}], "description": "Of two"},
            "other": {"$ref": "#/Side", "description": "Of both", "default": "right"},
            "may_be_missing": {"anyOf": [{"type": "integer"}, {"type": "null"}],
                               "title": "May Be Missing"},
            "may_be_null": {"anyOf": [{"type": "integer"}, {"type": "null"}],
                            "title": "May Be Null"},
            "may_be_either": {"anyOf": [{"type": "integer"}, {"type": "null"}],
                              "title": "May Be Either", "default": 5},
            "fromPlace2b": {"type": "string", "title": "Fromplace2B"}},
        "additionalProperties": false,
        "type": "object",
        "required": ["may_be_null", "fromPlace2b"],
        "title": "Documented",
        "description": "What is said of it."})"));
}

TEST(Schemas, of_enums_are_numbers_where_they_are_written_so) {
    const auto all = definitions({{&type_of<stock::Level>, Mode::input}});
    EXPECT_EQ(all.at("Level"), json(R"({"type":"integer","enum":[-1,10],"title":"Level"})"));
}

TEST(Schemas, refer_to_themselves) {
    const auto all = definitions({{&type_of<Tree>, Mode::input}, {&type_of<Tree>, Mode::output}});
    EXPECT_EQ(names(all), std::vector<std::string>{"Tree"});
    EXPECT_EQ(all.at("Tree"), json(R"({
        "properties": {"name": {"type": "string", "title": "Name"},
                       "children": {"type": "array", "items": {"$ref": "#/Tree"},
                                    "title": "Children", "default": []}},
        "type": "object", "required": ["name"], "title": "Tree"})"));
}

TEST(Schemas, are_two_where_requests_and_responses_differ) {
    const auto both =
        definitions({{&type_of<shop::Entry>, Mode::input}, {&type_of<shop::Entry>, Mode::output}});
    EXPECT_EQ(names(both), (std::vector<std::string>{"Entry-Input", "Entry-Output", "Price-Input",
                                                     "Price-Output"}));
    EXPECT_EQ(both.at("Entry-Input")["properties"]["price"]["$ref"], "#/Price-Input");
    EXPECT_EQ(both.at("Entry-Output")["properties"]["price"]["$ref"], "#/Price-Output");
    EXPECT_EQ(both.at("Price-Output")["properties"]["amount"],
              json(R"({"type":"string","title":"Amount"})"));

    // Of a struct that is in responses only, the text is all there is.
    const auto one = definitions({{&type_of<shop::Entry>, Mode::output}});
    EXPECT_EQ(names(one), (std::vector<std::string>{"Entry", "Price"}));
    EXPECT_EQ(one.at("Price")["properties"]["amount"]["type"], "string");
}

TEST(Schemas, tell_types_of_one_name_apart) {
    const auto all = definitions({{&type_of<shop::Entry>, Mode::input},
                                  {&type_of<stock::Entry>, Mode::input},
                                  {&type_of<shop::Page<stock::Side>>, Mode::output},
                                  {&type_of<shop::Page<stock::Entry>>, Mode::output},
                                  {&type_of<stock::ValidationError>, Mode::output}},
                                 {"ValidationError"});
    EXPECT_EQ(names(all),
              (std::vector<std::string>{"Page_Entry_", "Page_Side_", "Price", "Side", "shop__Entry",
                                        "stock__Entry", "stock__ValidationError"}));
    EXPECT_EQ(all.at("shop__Entry")["title"], "Entry");
    EXPECT_EQ(all.at("Page_Side_")["title"], "Page[Side]");
    EXPECT_EQ(all.at("Page_Entry_")["properties"]["entries"]["items"]["$ref"], "#/stock__Entry");
}

TEST(Schemas, name_what_is_generic_by_what_it_is_of) {
    using Ruled = shop::Page<Field<std::string, Pattern("^[a-z>]+$"), MaxLength(5)>>;
    using Few = Field<std::vector<Field<double, Gt(0)>>, MaxLength(2)>;
    const auto all = definitions({{&type_of<Ruled>, Mode::output},
                                  {&type_of<shop::Page<std::map<std::string, long>>>, Mode::output},
                                  {&type_of<shop::Page<Field<Decimal, Ge(1)>>>, Mode::output},
                                  {&type_of<shop::Page<std::map<std::string, Few>>>, Mode::output},
                                  {&type_of<stock::Page<int>>, Mode::output},
                                  {&type_of<shop::Page<int>>, Mode::output},
                                  {&type_of<shop::Page<Field<int, Ge(1)>>>, Mode::output},
                                  {&type_of<Hidden>, Mode::output},
                                  {&type_of<schema_test::Hidden>, Mode::output}});
    EXPECT_EQ(names(all), (std::vector<std::string>{
                              "Page_Decimal_", "Page_map_string__long_int__",
                              "Page_map_string__vector_double___", "Page_string_",
                              "shop__Page_int_", "shop__Page_int__2", "signalbox__model__Hidden",
                              "signalbox__model__schema_test__Hidden", "stock__Page_int_"}));
    EXPECT_EQ(all.at("Page_map_string__long_int__")["title"], "Page[map[string, long int]]");
}

}  // namespace
}  // namespace signalbox::model
