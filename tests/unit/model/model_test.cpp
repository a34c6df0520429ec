// Structs as models: what they require, forbid, alias, flatten, and what start-up refuses.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "signalbox/model/scalars.hpp"
#include "unit/model/outcome.hpp"

namespace signalbox::model {

namespace shop {

enum class Status { open, paid = 7, in_transit = -3 };
enum class Level { info = 10, error = 40 };
constexpr AsNumbers wire_names(Level) {
    return {};
}
enum class Color : std::uint32_t { red = 0xFF0000, green = 0x00FF00 };
constexpr auto wire_names(Color) {
    return std::array<std::pair<Color, std::string_view>, 2>{
        {{Color::red, "deep red"}, {Color::green, "green"}}};
}

}  // namespace shop

namespace {

using testing::HasSubstr;

enum class Here { yes = 1, no };

struct Point {
    double x;
    double y;
};
struct Line {
    Point from;
    Point to;
};
struct Enums {
    shop::Status status;
    shop::Color color;
    Here here;
};
TEST(Model, holds_structs_of_numbers) {
    EXPECT_EQ(outcome<Line>(R"({"to":{"x":1,"y":2},"from":{"y":"0.5","x":-1}})"),
              R"({"from":{"x":-1.0,"y":0.5},"to":{"x":1.0,"y":2.0}})");
    struct Keyed {
        Uuid id;
    };
    EXPECT_EQ(outcome<Keyed>(R"({"id":"00000000000000000000000000000001"})"),
              R"({"id":"00000000-0000-0000-0000-000000000001"})");
}

TEST(Model, names_the_values_of_enums) {
    EXPECT_EQ(outcome<Enums>(R"({"status":"paid","color":"deep red","here":"no"})"),
              R"({"status":"paid","color":"deep red","here":"no"})");
    EXPECT_EQ(outcome<Enums>(R"({"status":7,"color":"red","here":null})"),
              "enum: [\"body\",\"status\"] Input should be 'in_transit', 'open' or 'paid'\n"
              "enum: [\"body\",\"color\"] Input should be 'deep red' or 'green'\n"
              "enum: [\"body\",\"here\"] Input should be 'yes' or 'no'");
    EXPECT_THROW(to_json(Enums{shop::Status{5}, shop::Color::red, Here::yes}), std::logic_error);
}

TEST(Model, has_enums_of_numbers) {
    EXPECT_EQ(outcome<shop::Level>("40"), "40");
    EXPECT_EQ(outcome<shop::Level>("\"10\""), "10");
    EXPECT_EQ(outcome<shop::Level>("10.0"), "10");
    EXPECT_EQ(outcome<shop::Level>("11"), "enum: Input should be 10 or 40");
    EXPECT_EQ(outcome<shop::Level>("\"info\""), "enum: Input should be 10 or 40");
    EXPECT_EQ(outcome<shop::Level>("99999999999999999999"), "enum: Input should be 10 or 40");
}

struct Local {
    int a;
    std::string b;
    Field<std::vector<int>> list = std::vector<int>{1, 2};
    Field<Point> point = Point{3, 4};
    Field<std::map<std::string, int>> map = std::map<std::string, int>{{"k", 1}};
};

TEST(Model, requires_what_has_no_default_and_is_not_optional) {
    EXPECT_EQ(outcome<Local>("{}"),
              "missing: [\"body\",\"a\"] Field required\nmissing: [\"body\",\"b\"] Field required");
    EXPECT_EQ(outcome<Local>(R"({"a":1,"b":""})"),
              R"({"a":1,"b":"","list":[1,2],"point":{"x":3.0,"y":4.0},"map":{"k":1}})");
    EXPECT_EQ(outcome<Local>("[]"),
              "model_attributes_type: Input should be a valid dictionary or object to extract "
              "fields from");
}

TEST(Model, leaves_nothing_of_a_default_in_what_is_read) {
    EXPECT_EQ(outcome<Local>(R"({"a":1,"b":"","list":[9],"point":{"x":1,"y":1},"map":{"z":2}})"),
              R"({"a":1,"b":"","list":[9],"point":{"x":1.0,"y":1.0},"map":{"z":2}})");
    EXPECT_EQ(outcome<Local>(R"({"a":1,"b":"","point":{"x":1}})"),
              "missing: [\"body\",\"point\",\"y\"] Field required");
}

struct Change {
    Field<std::optional<std::string>> note;
    Field<std::optional<int>> count = std::optional<int>(7);
};

TEST(Model, tells_what_was_sent_from_what_was_not) {
    const auto sent = [](std::string_view json) {
        const auto change = from_json<Change>(json);
        return std::pair(change.note.is_set(), change.count.is_set());
    };
    EXPECT_EQ(sent("{}"), std::pair(false, false));
    EXPECT_EQ(sent(R"({"note":null})"), std::pair(true, false));
    EXPECT_EQ(sent(R"({"count":7})"), std::pair(false, true)) << "also the default's value";
    Change change;
    EXPECT_EQ(**change.count, 7);
    change.count = 8;
    EXPECT_TRUE(change.count.is_set());
}

struct Nullable {
    Field<std::optional<int>, Required{}, Ge(0)> count;
    std::optional<int> other;
};

TEST(Model, can_require_what_can_be_null) {
    EXPECT_EQ(outcome<Nullable>("{}"), "missing: [\"body\",\"count\"] Field required");
    EXPECT_EQ(outcome<Nullable>(R"({"count":null})"), R"({"count":null,"other":null})");
    EXPECT_EQ(
        outcome<Nullable>(R"({"count":-1})"),
        "greater_than_equal: [\"body\",\"count\"] Input should be greater than or equal to 0");
}

struct Strict {
    static constexpr auto extra = Extra::forbid;
    int a;
    std::optional<Point> point;
};

TEST(Model, forbids_unknown_members_where_it_says_so) {
    EXPECT_EQ(outcome<Strict>(R"({"z":1,"a":1,"b":2})"),
              "extra_forbidden: [\"body\",\"z\"] Extra inputs are not permitted\n"
              "extra_forbidden: [\"body\",\"b\"] Extra inputs are not permitted");
    EXPECT_EQ(outcome<Strict>(R"({"a":1,"point":{"x":1,"y":2,"z":3}})"),
              R"({"a":1,"point":{"x":1.0,"y":2.0}})")
        << "not of others in it";
    EXPECT_EQ(outcome<Point>(R"({"x":1,"y":2,"z":3})"), R"({"x":1.0,"y":2.0})");
}

/// Members may be called as what a model says of itself.
struct Odd {
    int extra;
    std::string description;
};

TEST(Model, may_have_a_member_of_any_name) {
    EXPECT_EQ(outcome<Odd>(R"({"extra":1,"description":"d"})"), R"({"extra":1,"description":"d"})");
}

struct Base {
    Field<int, Ge(1)> id;
    Field<std::string> name = "base";
};
struct Derived {
    int first;
    Flatten<Base> base;
    Field<bool, Alias("is-last")> last;
};

TEST(Model, has_the_members_that_it_flattens_and_other_names_for_its_own) {
    EXPECT_EQ(outcome<Derived>(R"({"first":1,"id":2,"is-last":true})"),
              R"({"first":1,"id":2,"name":"base","is-last":true})");
    EXPECT_EQ(outcome<Derived>(R"({"first":1,"id":0,"last":true})"),
              "greater_than_equal: [\"body\",\"id\"] Input should be greater than or equal to 1\n"
              "missing: [\"body\",\"is-last\"] Field required");
    EXPECT_EQ(from_json<Derived>(R"({"first":1,"id":2,"is-last":true})").base.id, 2);
}

struct Card {
    Literal<"card"> method;
    std::string number;
};
struct Transfer {
    Literal<"transfer", "wire"> method;
    std::string iban;
};
struct Payment {
    Field<std::variant<Card, Transfer>, Discriminator("method")> payment;
};

TEST(Model, tells_alternatives_apart_by_their_discriminator) {
    EXPECT_EQ(outcome<Payment>(R"({"payment":{"iban":"x","method":"wire"}})"),
              R"({"payment":{"method":"wire","iban":"x"}})");
    EXPECT_EQ(outcome<Payment>(R"({"payment":{"method":"card"}})"),
              "missing: [\"body\",\"payment\",\"card\",\"number\"] Field required");
    EXPECT_EQ(
        outcome<Payment>(R"({"payment":{"method":"cash"}})"),
        "union_tag_invalid: [\"body\",\"payment\"] Input tag 'cash' found using 'method' does "
        "not match any of the expected tags: 'card', 'transfer', 'wire'");
    EXPECT_EQ(outcome<Payment>(R"({"payment":{}})"),
              "union_tag_not_found: [\"body\",\"payment\"] Unable to extract tag using "
              "discriminator 'method'");
    EXPECT_EQ(outcome<Payment>(R"({"payment":1})"),
              "model_attributes_type: [\"body\",\"payment\"] Input should be a valid dictionary or "
              "object to extract fields from");
}

struct Interval {
    int first;
    int last;
    void validate() const {
        if (first > last) throw std::invalid_argument("first is after last");
    }
};

TEST(Model, is_validated_as_a_whole_once_its_members_are_fit) {
    EXPECT_EQ(outcome<std::vector<Interval>>(R"([{"first":1,"last":2},{"first":3,"last":2}])"),
              "value_error: [\"body\",1] Value error, first is after last");
    EXPECT_EQ(outcome<Interval>(R"({"first":3})"), "missing: [\"body\",\"last\"] Field required");
}

struct Tree {
    Field<std::vector<Tree>> children = std::vector<Tree>{};
};

TEST(Model, holds_itself_only_so_deep) {
    const auto nested = [](int depth) {
        std::string json = "{}";
        for (int i = 1; i < depth; ++i)
            json = R"({"children":[)" + json + "]}";
        return json;
    };
    EXPECT_EQ(outcome<Tree>(nested(200)).substr(0, 13), R"({"children":[)");
    EXPECT_THAT(outcome<Tree>(nested(249)), HasSubstr("{\"children\":[]}"));
    EXPECT_EQ(outcome<Tree>(nested(300)), "json_invalid: nested too deep");
    struct Chain {
        Field<std::map<std::string, Point>> points = std::map<std::string, Point>{};
    };
    EXPECT_EQ(outcome<Chain>(R"({"points":{"a":{"x":1,"y":1}}})"),
              R"({"points":{"a":{"x":1.0,"y":1.0}}})");
}

TEST(Model, is_read_by_programs_as_well) {
    const auto point = from_json<Point>(R"({"x":1,"y":2})");
    EXPECT_EQ(point.y, 2);
    EXPECT_THROW(from_json<Point>(R"({"x":1})"), InvalidJson);
    EXPECT_THROW(from_json<Point>("{"), InvalidJson);
}

// --- What start-up refuses -----------------------------------------------------------------------

template <class T>
std::string refusal() {
    try {
        check_model(type_of<T>);
        return "none";
    } catch (const std::invalid_argument& error) {
        return error.what();
    }
}

struct WithPlainDefault {
    int limit = 20;
};
struct WithPlainDefaultInside {
    std::vector<WithPlainDefault> all;
};
struct WithBadPattern {
    Field<std::string, Pattern("(a")> text;
};
struct Untagged {
    std::string method;
};
struct WithUntagged {
    Field<std::variant<Card, Untagged>, Discriminator("method")> payment;
};
struct WithTwoOfAName {
    int id;
    Field<int, Alias("id")> other;
};
struct WithTwoByFlattening {
    int id;
    Flatten<Base> base;
};

TEST(CheckModel, refuses_what_cannot_be_meant) {
    EXPECT_THAT(refusal<WithPlainDefault>(),
                HasSubstr("limit: a default is written Field<…> limit = …"));
    EXPECT_THAT(refusal<WithPlainDefaultInside>(), HasSubstr("WithPlainDefault.limit"));
    EXPECT_THAT(refusal<WithBadPattern>(), HasSubstr("WithBadPattern.text: the pattern '(a'"));
    EXPECT_THAT(refusal<WithUntagged>(), HasSubstr("Untagged has no member `Literal<…> method`"));
    EXPECT_THAT(refusal<WithTwoOfAName>(), HasSubstr("has two members \"id\""));
    EXPECT_THAT(refusal<WithTwoByFlattening>(), HasSubstr("has two members \"id\""));
}

TEST(CheckModel, takes_what_can) {
    EXPECT_EQ(refusal<Local>(), "none");
    EXPECT_EQ(refusal<Payment>(), "none");
    EXPECT_EQ(refusal<Tree>(), "none") << "which holds itself";
    EXPECT_EQ(refusal<Enums>(), "none") << "no value of which need be 0";
}

}  // namespace
}  // namespace signalbox::model
