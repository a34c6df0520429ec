#include "signalbox/http/wire/uri.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace signalbox::http {
namespace {

TEST(PercentDecode, decodes_both_cases_and_any_byte_but_nul) {
    EXPECT_EQ(percent_decode(""), "");
    EXPECT_EQ(percent_decode("a+b"), "a+b");
    EXPECT_EQ(percent_decode("%41%2f%2F%ff%7F"), "A//\xff\x7f");
    EXPECT_EQ(percent_decode("%2541"), "%41");
    EXPECT_EQ(percent_decode("%01%10"), "\x01\x10");
}

TEST(PercentDecode, refuses_bad_escapes) {
    for (const std::string_view text :
         {"%", "a%", "%4", "%g0", "%0g", "%%41", "% 1", "%00", "a%00b", "%-1", "%+1"}) {
        EXPECT_EQ(percent_decode(text), std::nullopt) << text;
    }
}

TEST(PercentEncode, leaves_the_unreserved_and_what_is_safe) {
    EXPECT_EQ(percent_encode("", ""), "");
    EXPECT_EQ(percent_encode("aZ09-._~", ""), "aZ09-._~");
    EXPECT_EQ(percent_encode("a/b c%", "/"), "a/b%20c%25");
    EXPECT_EQ(percent_encode("\xff\n", "/"), "%FF%0A");
}

}  // namespace
}  // namespace signalbox::http
