#include "signalbox/testing/json_value.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <stdexcept>

namespace signalbox::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

const auto order = JsonValue::parse(
    R"({"id": 7, "total": 12.5, "paid": false, "note": null, "lines": ["a", {"sku": "b\u0000"}]})");

TEST(JsonValue, compares_with_what_a_test_expects) {
    EXPECT_EQ(order["id"], 7);
    EXPECT_EQ(order["id"], 7U);
    EXPECT_NE(order["id"], 8);
    EXPECT_NE(order["id"], "7");
    EXPECT_NE(order["id"], true);
    EXPECT_EQ(order["total"], 12.5);
    EXPECT_NE(order["total"], 12);
    EXPECT_EQ(order["paid"], false);
    EXPECT_NE(order["paid"], 0);
    EXPECT_EQ(order["note"], nullptr);
    EXPECT_NE(order["paid"], nullptr);
    EXPECT_EQ(order["lines"][0], "a");
    EXPECT_EQ(order["lines"][1]["sku"], std::string_view("b\0", 2));
    EXPECT_EQ(order["lines"], JsonValue::parse(R"(["a",{"sku":"b\u0000"}])"));
    EXPECT_NE(order["lines"], JsonValue::parse(R"(["a"])"));
    EXPECT_EQ(JsonValue::parse(R"({"a":1,"b":2})"), JsonValue::parse(R"({"b":2,"a":1})"));
}

TEST(JsonValue, says_what_it_is) {
    EXPECT_EQ(order.size(), 5);
    EXPECT_EQ(order["lines"].size(), 2);
    EXPECT_EQ(order["id"].size(), 0);
    EXPECT_TRUE(order.has("note"));
    EXPECT_FALSE(order.has("notes"));
    EXPECT_EQ(order["lines"][0].string(), "a");
    EXPECT_EQ(order["id"].integer(), 7);
    EXPECT_EQ(order["id"].number(), 7.0);
    EXPECT_FALSE(order["paid"].boolean());
    std::ostringstream printed;
    printed << order["lines"];
    EXPECT_EQ(printed.str(), R"(["a",{"sku":"b\u0000"}])");
}

TEST(JsonValue, outlives_the_text_and_the_value_that_it_came_from) {
    const auto inner = JsonValue::parse(std::string(R"({"a":{"b":"c"}})"))["a"];
    EXPECT_EQ(inner["b"], "c");
}

TEST(JsonValue, shows_what_it_is_instead) {
    EXPECT_THAT([] { order["ids"]; },
                ThrowsMessage<std::out_of_range>(AllOf(HasSubstr("ids"), HasSubstr("12.5"))));
    EXPECT_THAT([] { order["lines"][2]; }, ThrowsMessage<std::out_of_range>(HasSubstr("2")));
    EXPECT_THROW(order[0], std::out_of_range);
    EXPECT_THROW(order["lines"]["a"], std::out_of_range);
    EXPECT_THAT([] { order["id"].string(); },
                ThrowsMessage<std::invalid_argument>("expected a string, found 7"));
    EXPECT_THROW(order["total"].integer(), std::invalid_argument);
    EXPECT_THROW(order["note"].number(), std::invalid_argument);
    EXPECT_THROW(order["id"].boolean(), std::invalid_argument);
}

TEST(JsonValue, refuses_what_is_no_json) {
    for (const std::string_view text : {std::string_view(""), std::string_view("{"),
                                        std::string_view("[1] 2"), std::string_view("[1]\0", 4)}) {
        EXPECT_THROW(JsonValue::parse(text), std::invalid_argument) << text;
    }
    EXPECT_THAT([] { JsonValue::parse("[1, x]"); },
                ThrowsMessage<std::invalid_argument>(AllOf(HasSubstr("byte 4"), HasSubstr("x]"))));
}

}  // namespace
}  // namespace signalbox::test
