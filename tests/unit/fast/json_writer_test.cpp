#include "signalbox/fast/json_writer.hpp"

#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

namespace signalbox {
namespace {

using namespace std::chrono_literals;

template <class Value>
std::string written(Value value) {
    std::string text;
    JsonWriter(text).value(value);
    return text;
}

TEST(JsonWriter, sets_the_commas) {
    std::string text = "behind: ";
    JsonWriter json(text);
    json.begin_object().key<"a">().value(1).key("b").begin_array().end_array();
    json.key<"c">().begin_array().value(1).value("two").begin_object().end_object();
    json.begin_array().value(true).end_array().value(nullptr).end_array();
    json.key<"d">().begin_object().key<"e">().verbatim("[ ]").end_object().end_object();
    EXPECT_EQ(text, R"(behind: {"a":1,"b":[],"c":[1,"two",{},[true],null],"d":{"e":[ ]}})");
}

TEST(JsonWriter, writes_a_key_that_was_made_before_at_any_place) {
    const std::string key = json_key("na\"me\xff");
    std::string text;
    JsonWriter json(text);
    json.begin_object().written_key(key).value(1).written_key(key).value(2).end_object();
    EXPECT_EQ(text, "{\"na\\\"me\xEF\xBF\xBD\":1,\"na\\\"me\xEF\xBF\xBD\":2}");
}

TEST(JsonWriter, escapes_keys_and_texts) {
    std::string text;
    JsonWriter(text).begin_object().key("\"\n").value(std::string("\0\xff", 2)).end_object();
    EXPECT_EQ(text, "{\"\\\"\\n\":\"\\u0000\xEF\xBF\xBD\"}");
}

TEST(JsonWriter, takes_a_literal_for_a_text_and_not_for_a_boolean) {
    EXPECT_EQ(written("x"), R"("x")");
    EXPECT_EQ(written(true), "true");
    EXPECT_EQ(written(false), "false");
}

TEST(JsonWriter, writes_every_whole_number) {
    EXPECT_EQ(written(0), "0");
    EXPECT_EQ(written(std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
    EXPECT_EQ(written(std::numeric_limits<std::uint64_t>::max()), "18446744073709551615");
    EXPECT_EQ(written(std::uint8_t{200}), "200");
    EXPECT_EQ(written(std::int16_t{-7}), "-7");
}

TEST(JsonWriter, writes_numbers_that_are_read_back_the_same) {
    for (const double number : {0.0, -1.5, 0.1, 1e300, -1e-300, 5e-324, 12345678901234.5,
                                std::numeric_limits<double>::max(), std::nextafter(1.0, 2.0)}) {
        const std::string text = written(number);
        rapidjson::Document document;
        document.Parse<rapidjson::kParseFullPrecisionFlag>(text.data(), text.size());
        ASSERT_FALSE(document.HasParseError()) << text;
        EXPECT_EQ(document.GetDouble(), number) << text;
    }
}

TEST(JsonWriter, writes_null_for_what_json_has_no_number_for) {
    EXPECT_EQ(written(std::nan("")), "null");
    EXPECT_EQ(written(std::numeric_limits<double>::infinity()), "null");
    EXPECT_EQ(written(-std::numeric_limits<double>::infinity()), "null");
}

TEST(JsonWriter, writes_durations_in_seconds_with_microseconds) {
    EXPECT_EQ(written(0ns), "0.000000");
    EXPECT_EQ(written(499ns), "0.000000");
    EXPECT_EQ(written(501ns), "0.000001");
    EXPECT_EQ(written(-499ns), "0.000000");
    EXPECT_EQ(written(-501ns), "-0.000001");
    EXPECT_EQ(written(999'999'600ns), "1.000000");
    EXPECT_EQ(written(-1500ms), "-1.500000");
    EXPECT_EQ(written(std::chrono::nanoseconds::max()), "9223372036.854776");
    EXPECT_EQ(written(std::chrono::nanoseconds::min()), "-9223372036.854776");
}

}  // namespace
}  // namespace signalbox
