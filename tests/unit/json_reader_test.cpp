#include "signalbox/json_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace signalbox {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string refusal(std::string_view text) {
    const auto document = parse_json(text);
    return document ? "none" : document.reason();
}

TEST(ParseJson, reads_every_kind_of_value) {
    const auto document = parse_json(R"( {"a":[1,-2.5,true,null,"\u00e9\n"],"b":{}} )");
    ASSERT_TRUE(document) << document.reason();
    const auto& a = (*document)["a"];
    EXPECT_EQ(a[0].GetInt(), 1);
    EXPECT_EQ(a[1].GetDouble(), -2.5);
    EXPECT_TRUE(a[2].GetBool());
    EXPECT_TRUE(a[3].IsNull());
    EXPECT_STREQ(a[4].GetString(), "\xC3\xA9\n");
    EXPECT_TRUE((*document)["b"].IsObject());
    EXPECT_TRUE(parse_json("7")) << "a text need not be an object (RFC 8259)";
}

TEST(ParseJson, reads_numbers_exactly) {
    const auto numbers = parse_json("[18446744073709551615,-9223372036854775808,0.1,5e-324]");
    ASSERT_TRUE(numbers);
    EXPECT_EQ((*numbers)[0].GetUint64(), 18446744073709551615U);
    EXPECT_EQ((*numbers)[1].GetInt64(), -9223372036854775807 - 1);
    EXPECT_EQ((*numbers)[2].GetDouble(), 0.1);
    EXPECT_EQ((*numbers)[3].GetDouble(), 5e-324);
}

TEST(ParseJson, refuses_what_is_not_json_and_says_where) {
    for (const std::string_view text :
         {"", " ", "{", "{\"a\"}", "{\"a\":1,}", "[1 2]", "[1]x", "01", "+1", ".5", "NaN",
          "Infinity", "'a'", "// a\n1", "\"a\nb\"", "\"\\x\"", "\"\\ud800\"", "1e999"}) {
        EXPECT_THAT(refusal(text), StartsWith("not JSON: byte ")) << text;
    }
    EXPECT_THAT(refusal("[1,x]"), StartsWith("not JSON: byte 3: "));
}

TEST(ParseJson, refuses_what_is_not_utf_8) {
    for (const std::string_view text :
         {"\"\xff\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xe2\x82\""})
        EXPECT_THAT(refusal(text), StartsWith("not JSON: byte ")) << text;
    EXPECT_THAT(refusal("\xEF\xBB\xBF{}"), HasSubstr("byte order mark"));
}

TEST(ParseJson, does_not_end_at_a_nul) {
    EXPECT_THAT(refusal(std::string("{}\0x", 4)), HasSubstr("NUL at byte 2"));
    const auto escaped = parse_json(R"("a\u0000b")");
    ASSERT_TRUE(escaped);
    EXPECT_EQ(std::string(escaped->GetString(), escaped->GetStringLength()),
              std::string("a\0b", 3));
}

TEST(ParseJson, takes_any_depth) {
    constexpr std::size_t depth = 1'000'000;
    EXPECT_TRUE(parse_json(std::string(depth, '[') + std::string(depth, ']')));
    EXPECT_THAT(refusal(std::string(depth, '[')), StartsWith("not JSON: byte "));
}

}  // namespace
}  // namespace signalbox
