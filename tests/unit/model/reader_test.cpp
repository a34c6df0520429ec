// The rules of values, one error for each that is wrong, and how much a client is told.

#include "signalbox/model/reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "signalbox/model/scalars.hpp"
#include "unit/model/outcome.hpp"

namespace signalbox::model {
namespace {

using testing::HasSubstr;

TEST(Rules, are_bounds_of_integers) {
    using Number = Field<int, Ge(1), Le(100), MultipleOf(5)>;
    EXPECT_EQ(outcome<Number>("50"), "50");
    EXPECT_EQ(errors_json<Number>("101"),
              R"([{"type":"multiple_of","loc":["body"],"msg":"Input should be a multiple of 5",)"
              R"("input":101,"ctx":{"multiple_of":5}}])")
        << "the first rule that is broken, and no other";
    EXPECT_EQ(outcome<Number>("105"), "less_than_equal: Input should be less than or equal to 100");
    EXPECT_EQ(outcome<Number>("0"),
              "greater_than_equal: Input should be greater than or equal to 1");
    using Between = Field<std::int64_t, Gt(-2), Lt(2)>;
    EXPECT_EQ(outcome<Between>("-2"), "greater_than: Input should be greater than -2");
    EXPECT_EQ(outcome<Between>("2"), "less_than: Input should be less than 2");
    EXPECT_EQ(outcome<Between>("-1"), "-1");
}

TEST(Rules, are_the_bounds_of_the_type_as_well) {
    EXPECT_EQ(outcome<std::int8_t>("127"), "127");
    EXPECT_EQ(outcome<std::int8_t>("128"),
              "less_than_equal: Input should be less than or equal to 127");
    EXPECT_EQ(outcome<std::int8_t>("-128"), "-128");
    EXPECT_EQ(outcome<std::int8_t>("-129"),
              "greater_than_equal: Input should be greater than or equal to -128");
    EXPECT_EQ(outcome<std::uint16_t>("-1"),
              "greater_than_equal: Input should be greater than or equal to 0");
    EXPECT_EQ(outcome<std::uint64_t>("18446744073709551615"), "18446744073709551615");
    EXPECT_EQ(outcome<std::uint64_t>("18446744073709551616"),
              "less_than_equal: Input should be less than or equal to 18446744073709551615");
    EXPECT_EQ(outcome<std::int64_t>("-9223372036854775808"), "-9223372036854775808");
    EXPECT_EQ(outcome<std::int64_t>("\"-9999999999999999999999\""),
              "greater_than_equal: Input should be greater than or equal to -9223372036854775808");
    EXPECT_EQ(
        outcome<std::int64_t>('"' + std::string(4301, '9') + '"'),
        "int_parsing_size: Unable to parse input string as an integer, exceeded maximum size");
}

TEST(Rules, are_bounds_of_floating_point_numbers) {
    using Number = Field<double, Gt(0), Le(1e20)>;
    EXPECT_EQ(outcome<Number>("1e-7"), "1e-07");
    EXPECT_EQ(errors_json<Number>("2e20"),
              R"([{"type":"less_than_equal","loc":["body"],"msg":"Input should be less than or )"
              R"(equal to 100000000000000000000","input":2e+20,"ctx":{"le":1e+20}}])");
    EXPECT_EQ(outcome<Number>("\"nan\""),
              "less_than_equal: Input should be less than or equal to 100000000000000000000");
    EXPECT_EQ(outcome<double>("\"nan\""), "finite_number: Input should be a finite number");
    using Tenths = Field<double, MultipleOf(0.1)>;
    EXPECT_EQ(outcome<Tenths>("0.3"), "0.3") << "as far as a double can tell";
    EXPECT_EQ(outcome<Tenths>("0.35"), "multiple_of: Input should be a multiple of 0.1");
    EXPECT_EQ(outcome<float>("0.1"), "0.1");
    EXPECT_EQ(outcome<float>("1e39"), "finite_number: Input should be a finite number");
}

TEST(Rules, are_bounds_of_decimals) {
    using Price = Field<Decimal, Ge(0.01), Lt(1000), MaxDigits(6), DecimalPlaces(2)>;
    EXPECT_EQ(outcome<Price>("\"999.990\""), "\"999.990\"");
    EXPECT_EQ(outcome<Price>("\"0.009\""),
              "decimal_max_places: Decimal input should have no more than 2 decimal places");
    EXPECT_EQ(outcome<Price>("\"12345.67\""),
              "decimal_max_digits: Decimal input should have no more than 6 digits in total");
    EXPECT_EQ(outcome<Price>("\"12345\""),
              "decimal_whole_digits: Decimal input should have no more than 4 digits before the "
              "decimal point");
    EXPECT_EQ(outcome<Price>("0"),
              "greater_than_equal: Input should be greater than or equal to 0.01");
    EXPECT_EQ(outcome<Price>("1000"), "less_than: Input should be less than 1000");
    using Exact = Field<Decimal, Gt(1)>;
    EXPECT_EQ(outcome<Exact>("1.0000000000000000000000000000000001"),
              "\"1.0000000000000000000000000000000001\"")
        << "which no double could tell from 1";
}

TEST(Rules, are_of_texts) {
    using Text = Field<std::string, MinLength(2), MaxLength(3), Pattern("^[a-z\xC3\xA9]+$")>;
    EXPECT_EQ(outcome<Text>("\"ab\""), "\"ab\"");
    EXPECT_EQ(outcome<Text>("\"\xC3\xA9\""),
              "string_too_short: String should have at least 2 characters")
        << "characters, not bytes";
    EXPECT_EQ(outcome<Text>("\"\xC3\xA9\xC3\xA9\xC3\xA9\""), "\"\xC3\xA9\xC3\xA9\xC3\xA9\"");
    EXPECT_EQ(outcome<Text>("\"ABCD\""),
              "string_too_long: String should have at most 3 characters");
    EXPECT_EQ(
        errors_json<Text>("\"AB\""),
        "[{\"type\":\"string_pattern_mismatch\",\"loc\":[\"body\"],\"msg\":\"String should match "
        "pattern "
        "'^[a-z\xC3\xA9]+$'\",\"input\":\"AB\",\"ctx\":{\"pattern\":\"^[a-z\xC3\xA9]+$\"}}]");
    EXPECT_EQ(outcome<Text>("\"ab\\n\""),
              "string_pattern_mismatch: String should match pattern '^[a-z\xC3\xA9]+$'")
        << "$ is the end, not a last line's";
    EXPECT_EQ(outcome<std::string>("1"), "string_type: Input should be a valid string");
    using One = Field<std::string, MinLength(1)>;
    EXPECT_EQ(outcome<One>("\"\""), "string_too_short: String should have at least 1 character");
    // In an optional they are of what it holds.
    using Maybe = Field<std::optional<std::string>, MinLength(2)>;
    EXPECT_EQ(outcome<Maybe>("null"), "null");
    EXPECT_EQ(outcome<Maybe>("\"a\""),
              "string_too_short: String should have at least 2 characters");
}

TEST(Rules, are_of_lists) {
    using List = Field<std::vector<int>, MinLength(2), MaxLength(3)>;
    EXPECT_EQ(outcome<List>("[1,\"2\"]"), "[1,2]");
    EXPECT_EQ(
        errors_json<List>("[1]"),
        R"([{"type":"too_short","loc":["body"],"msg":"List should have at least 2 items after )"
        R"(validation, not 1","input":[1],"ctx":{"field_type":"List","min_length":2,)"
        R"("actual_length":1}}])");
    EXPECT_EQ(
        outcome<List>("[\"x\"]"),
        "int_parsing: [\"body\",0] Input should be a valid integer, unable to parse string as "
        "an integer")
        << "not its length as well";
    EXPECT_EQ(outcome<List>("[1,2,\"x\",4]"),
              "too_long: List should have at most 3 items after validation, not 4")
        << "before any item is looked at";
    EXPECT_EQ(outcome<List>("{}"), "list_type: Input should be a valid list");
}

TEST(Rules, are_of_maps) {
    using Map = Field<std::map<std::string, int>, MinLength(1), MaxLength(2)>;
    EXPECT_EQ(outcome<Map>(R"({"b":1,"a":2})"), R"({"a":2,"b":1})");
    EXPECT_EQ(outcome<Map>("{}"),
              "too_short: Dictionary should have at least 1 item after validation, not 0");
    EXPECT_EQ(outcome<Map>(R"({"a":1,"b":2,"c":3})"),
              "too_long: Dictionary should have at most 2 items after validation, not 3");
    EXPECT_EQ(
        outcome<Map>(R"({"a":1,"b":2,"c":"x"})"),
        "int_parsing: [\"body\",\"c\"] Input should be a valid integer, unable to parse string "
        "as an integer");
    EXPECT_EQ(outcome<Map>(R"({"a":"x","a":1,"a":2})"), R"({"a":2})") << "the last one counts";
    EXPECT_EQ(outcome<Map>("[]"), "dict_type: Input should be a valid dictionary");
}

TEST(ReadText, reads_one_value_and_read_texts_several) {
    ValidationErrors errors;
    int number = 0;
    const Location query{.name = "query"};
    read_text(" 7 ", type_of<int>, &number, query, errors);
    EXPECT_EQ(number, 7);
    std::vector<int> numbers;
    const std::vector<std::string_view> texts{"1", "x", "3"};
    EXPECT_GE(read_texts(texts, type_of<std::vector<int>>, &numbers, query, errors),
              numbers.capacity() * sizeof numbers[0]);
    ASSERT_EQ(errors.list().size(), 1U);
    EXPECT_EQ(errors.list()[0].loc_json, R"(["query",1])");
    add_missing(query, errors);
    EXPECT_EQ(errors.list()[1].input_json, "null");
    EXPECT_TRUE(is_text(type_of<std::optional<int>>, false));
    EXPECT_FALSE(is_text(type_of<std::vector<int>>, false));
    EXPECT_TRUE(is_text(type_of<std::vector<int>>, true));
    EXPECT_FALSE(is_text(type_of<std::map<std::string, int>>, true));
}

// --- How much a client can make of what it sends -------------------------------------------------

constexpr std::size_t mib = 1 << 20;
/// Of all errors together, with what makes them JSON.
constexpr std::size_t most_answer = 300 * 1024;

struct Order {
    std::string reference;
    std::string email;
    std::vector<int> items;
};

TEST(ValidationErrors, tell_of_a_large_value_only_its_beginning) {
    const std::string json = errors_json<int>('"' + std::string(mib, 'x') + '"');
    EXPECT_LT(json.size(), longest_input + 500);
    EXPECT_THAT(json, HasSubstr("xxx…\""));
    const std::string digits = errors_json<bool>(std::string(300, '7'));
    EXPECT_LT(digits.size(), longest_input + 500);
}

TEST(ValidationErrors, are_bounded_however_many_values_are_wrong) {
    std::string list = "[\"x\"";
    while (list.size() < mib)
        list += ",\"x\"";
    list += ']';
    const std::string json = errors_json<std::vector<int>>(list);
    EXPECT_LT(json.size(), most_answer);
    EXPECT_THAT(json, HasSubstr("too_many_errors"));
    JsonTree again;
    EXPECT_FALSE(again.read(json)) << "it is JSON";
}

TEST(ValidationErrors, are_bounded_where_each_tells_all_that_was_sent) {
    std::string list = "[";
    while (list.size() < mib)
        list += R"({"z":"0123456789012345678901234567890123456789"},)";
    list += "{}]";
    const std::string json = errors_json<std::vector<Order>>(list);
    EXPECT_LT(json.size(), most_answer);
    EXPECT_THAT(json, HasSubstr("too_many_errors"));
}

TEST(ValidationErrors, are_bounded_where_names_are_large) {
    std::string map = "{";
    for (int i = 0; i < 10; ++i)
        map += (i == 0 ? "\"" : ",\"") + std::string(mib / 10, static_cast<char>('a' + i)) +
               "\":\"x\"";
    map += '}';
    EXPECT_LT((errors_json<std::map<std::string, int>>(map).size()), most_answer + mib / 5);
}

TEST(ValidationErrors, keep_their_order_and_the_first_that_is_not_listed) {
    ValidationErrors errors;
    const Location body{.name = "body"};
    std::size_t added = 0;
    for (; !errors.full(); ++added)
        errors.add("int_type", {.outer = &body, .index = added}, "Input should be a valid integer",
                   "null");
    ASSERT_EQ(errors.list().size(), added);
    EXPECT_EQ(errors.list().front().loc_json, R"(["body",0])");
    EXPECT_EQ(errors.list().back().type, "too_many_errors");
    errors.add("int_type", body, "more", "null");
    EXPECT_EQ(errors.list().size(), added);
}

}  // namespace
}  // namespace signalbox::model
