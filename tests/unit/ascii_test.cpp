#include "signalbox/ascii.hpp"

#include <gtest/gtest.h>

#include <locale>

#include "signalbox/utf8.hpp"

namespace signalbox {
namespace {

TEST(Ascii, tells_bytes_beyond_it_from_letters_and_digits) {
    for (int code = 0; code < 256; ++code) {
        const char c = static_cast<char>(code);
        const bool within = code < 128;
        const std::locale& classic = std::locale::classic();
        EXPECT_EQ(is_digit(c), within && std::isdigit(c, classic)) << code;
        EXPECT_EQ(is_letter(c), within && std::isalpha(c, classic)) << code;
        EXPECT_EQ(is_alphanumeric(c), within && std::isalnum(c, classic)) << code;
        EXPECT_EQ(hex_value(c) >= 0, within && std::isxdigit(c, classic)) << code;
        EXPECT_EQ(to_lower(c), within ? std::tolower(c, classic) : c) << code;
        EXPECT_EQ(to_upper(c), within ? std::toupper(c, classic) : c) << code;
    }
}

TEST(Ascii, reads_hexadecimal_digits_of_either_case) {
    EXPECT_EQ(hex_value('9'), 9);
    EXPECT_EQ(hex_value('a'), 10);
    EXPECT_EQ(hex_value('F'), 15);
}

TEST(Ascii, trims_both_ends_and_nothing_between) {
    EXPECT_EQ(trim(" \t a b\t "), "a b");
    EXPECT_EQ(trim("a"), "a");
    EXPECT_EQ(trim(" \t"), "");
    EXPECT_EQ(trim(""), "");
    EXPECT_EQ(trim("\r\n a \n", " \r\n"), "a");
    EXPECT_EQ(trim("\n", "\n"), "");
}

TEST(Ascii, has_digits_only_or_not) {
    EXPECT_TRUE(is_all_digits("0123456789"));
    EXPECT_TRUE(is_all_digits(""));
    EXPECT_FALSE(is_all_digits("1 "));
    EXPECT_FALSE(is_all_digits("\xd9\xa1"));  // ARABIC-INDIC DIGIT ONE
}

TEST(Utf8, counts_characters_not_bytes) {
    EXPECT_EQ(count_characters(""), 0U);
    EXPECT_EQ(count_characters("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"), 4U);
}

}  // namespace
}  // namespace signalbox
