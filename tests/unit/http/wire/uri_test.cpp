#include "signalbox/http/wire/uri.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace signalbox::http {
namespace {

TEST(percent_decode, decodes_both_cases_and_any_byte_but_nul) {
    EXPECT_EQ(percent_decode(""), "");
    EXPECT_EQ(percent_decode("a+b"), "a+b");
    EXPECT_EQ(percent_decode("%41%2f%2F%ff%7F"), "A//\xff\x7f");
    EXPECT_EQ(percent_decode("%2541"), "%41");
    EXPECT_EQ(percent_decode("%01%10"), "\x01\x10");
}

TEST(percent_decode, refuses_bad_escapes) {
    for (const std::string_view text :
         {"%", "a%", "%4", "%g0", "%0g", "%%41", "% 1", "%00", "a%00b", "%-1", "%+1"}) {
        EXPECT_EQ(percent_decode(text), std::nullopt) << text;
    }
}

TEST(query_parameter, is_found_by_its_whole_decoded_name) {
    EXPECT_EQ(find_query_parameter("a=1&b=2", "b"), "2");
    EXPECT_EQ(find_query_parameter("ab=1&b=2", "b"), "2");
    EXPECT_EQ(find_query_parameter("%62=2", "b"), "2");
    EXPECT_EQ(find_query_parameter("a+b=2", "a b"), "2");
    EXPECT_EQ(find_query_parameter("a=1", "A"), std::nullopt);
    EXPECT_EQ(find_query_parameter("", "a"), std::nullopt);
    EXPECT_EQ(find_query_parameter("&&", "a"), std::nullopt);
    EXPECT_EQ(find_query_parameter("&&a=1&&", ""), std::nullopt);
    EXPECT_EQ(find_query_parameter("&&=1", ""), "1");
}

TEST(query_parameter, has_its_first_value_decoded) {
    EXPECT_EQ(find_query_parameter("a=1&a=2", "a"), "1");
    EXPECT_EQ(find_query_parameter("a=x+y%2Bz%26", "a"), "x y+z&");
    EXPECT_EQ(find_query_parameter("a=b=c", "a"), "b=c");
    EXPECT_EQ(find_query_parameter("a=", "a"), "");
    EXPECT_EQ(find_query_parameter("a", "a"), "");
    EXPECT_EQ(find_query_parameter("&a=1&", "a"), "1");
}

TEST(query_parameter, with_a_bad_escape_is_passed_over) {
    EXPECT_EQ(find_query_parameter("a=%zz&a=2", "a"), "2");
    EXPECT_EQ(find_query_parameter("%zz=1&a=2", "a"), "2");
    EXPECT_EQ(find_query_parameter("a=%00", "a"), std::nullopt);
}

}  // namespace
}  // namespace signalbox::http
