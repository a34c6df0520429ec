#include "signalbox/config/units.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

namespace signalbox::config {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using Milliseconds = std::chrono::milliseconds;

struct DurationCase {
    std::string_view text;
    Milliseconds expected;
};

TEST(ParseDuration, reads_every_unit) {
    for (const auto& [text, expected] : {DurationCase{"250ms", 250ms},
                                         {"5s", 5s},
                                         {"1m", 1min},
                                         {"1h", 1h},
                                         {"1.5s", 1500ms},
                                         {"0", 0ms},
                                         {"00", 0ms},
                                         {"0s", 0ms},
                                         {"0.0h", 0ms},
                                         {"007s", 7s},
                                         {"0.1s", 100ms},
                                         {"0.001s", 1ms},
                                         {"1.10m", 66s},
                                         {"2.5h", 150min},
                                         {"0.0000025h", 9ms},
                                         {"1.0ms", 1ms},
                                         {"1.000000000000000000000000s", 1s},
                                         {"8760h", longest_duration},
                                         {"31536000000ms", longest_duration}}) {
        const auto parsed = parse_duration(text);
        ASSERT_TRUE(parsed) << text << ": " << parsed.reason();
        EXPECT_EQ(*parsed, expected) << text;
    }
}

TEST(ParseDuration, names_the_units_when_a_number_stands_alone) {
    for (const std::string_view text : {"5", "1000", "1.5", "0.0", "18446744073709551616"}) {
        const auto parsed = parse_duration(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_THAT(parsed.reason(), HasSubstr("ms, s, m or h")) << text;
    }
}

TEST(ParseDuration, refuses_what_is_no_duration) {
    for (const std::string_view text :
         {"",     " ",    "s",   "-5s",   "+5s",      "5 s",   " 5s",    "5s ",
          "5S",   "5sec", "5d",  "1.s",   ".5s",      "1..5s", "1.5.5s", "1,5s",
          "1e3s", "0x5s", "5ss", "1h30m", "infinity", "nan",   "\xff",   "5\xc2\xb5s"}) {
        EXPECT_FALSE(parse_duration(text)) << text;
    }
    EXPECT_FALSE(parse_duration(std::string_view{"5s\0", 3}));
    EXPECT_FALSE(parse_duration(std::string_view{"\0", 1}));
}

TEST(ParseDuration, refuses_what_it_cannot_hold) {
    for (const std::string_view text : {"0.5ms", "0.0001s", "0.0000001h", "1.00000001h"}) {
        const auto parsed = parse_duration(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_THAT(parsed.reason(), HasSubstr("finer than a millisecond")) << text;
    }
    for (const std::string_view text :
         {"8761h", "8760.5h", "31536000001ms", "99999999999999999999s", "18446744073709551615h",
          "5124095576030432h"}) {
        const auto parsed = parse_duration(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_THAT(parsed.reason(), HasSubstr("at most 8760h")) << text;
    }
}

TEST(FormatDuration, takes_the_largest_unit_that_divides) {
    EXPECT_EQ(format_duration(0ms), "0s");
    EXPECT_EQ(format_duration(1ms), "1ms");
    EXPECT_EQ(format_duration(1500ms), "1500ms");
    EXPECT_EQ(format_duration(75s), "75s");
    EXPECT_EQ(format_duration(30min), "30m");
    EXPECT_EQ(format_duration(120min), "2h");
}

TEST(FormatDuration, is_read_back_as_the_same_duration) {
    for (Milliseconds duration = 0ms; duration < 3h; duration += 997ms) {
        const auto parsed = parse_duration(format_duration(duration));
        ASSERT_TRUE(parsed) << format_duration(duration);
        ASSERT_EQ(*parsed, duration);
    }
}

TEST(ParseSize, reads_every_unit) {
    for (const auto& [text, expected] :
         {std::pair<std::string_view, std::uint64_t>{"0", 0},
          {"100", 100},
          {"1048576", 1048576},
          {"100B", 100},
          {"0B", 0},
          {"1kB", 1000},
          {"1KB", 1000},
          {"1MB", 1'000'000},
          {"2GB", 2'000'000'000},
          {"32KiB", 32768},
          {"1MiB", 1048576},
          {"4GiB", 4294967296},
          {"18446744073709551615", std::numeric_limits<std::uint64_t>::max()},
          {"17179869183GiB", 17179869183ULL << 30U}}) {
        const auto parsed = parse_size(text);
        ASSERT_TRUE(parsed) << text << ": " << parsed.reason();
        EXPECT_EQ(*parsed, expected) << text;
    }
}

TEST(ParseSize, refuses_what_is_no_size) {
    for (const std::string_view text : {"",
                                        "B",
                                        "KiB",
                                        "-1",
                                        "+1",
                                        "1 KiB",
                                        " 1",
                                        "1.5MiB",
                                        "1K",
                                        "1k",
                                        "1M",
                                        "1mb",
                                        "1kib",
                                        "1KIB",
                                        "1MiBB",
                                        "0x10",
                                        "1e6",
                                        "1,000",
                                        "18446744073709551616",
                                        "17179869184GiB",
                                        "99999999999999999999999999B"}) {
        EXPECT_FALSE(parse_size(text)) << text;
    }
    EXPECT_FALSE(parse_size(std::string_view{"1\0", 2}));
}

TEST(FormatSize, is_read_back_as_the_same_size) {
    EXPECT_EQ(format_size(0), "0B");
    EXPECT_EQ(format_size(1000), "1000B");
    EXPECT_EQ(format_size(32768), "32KiB");
    EXPECT_EQ(format_size(1048576), "1MiB");
    EXPECT_EQ(format_size(3221225472), "3GiB");
    for (std::uint64_t bytes = 1; bytes < (1ULL << 40U); bytes = bytes * 3 + 1) {
        const auto parsed = parse_size(format_size(bytes));
        ASSERT_TRUE(parsed) << format_size(bytes);
        ASSERT_EQ(*parsed, bytes);
    }
}

TEST(ParseNumber, keeps_to_its_bounds) {
    EXPECT_EQ(*parse_number("0", 0, 5), 0U);
    EXPECT_EQ(*parse_number("5", 0, 5), 5U);
    EXPECT_EQ(*parse_number("05", 0, 5), 5U);
    for (const std::string_view text : {"6", "", "-1", "+1", "1.0", "1s", " 1", "0x1",
                                        "18446744073709551616", "99999999999999999999999"}) {
        const auto parsed = parse_number(text, 0, 5);
        ASSERT_FALSE(parsed) << text;
        EXPECT_THAT(parsed.reason(), HasSubstr("from 0 to 5"));
    }
    EXPECT_FALSE(parse_number("0", 1, 5));
}

TEST(ParseInteger, keeps_to_its_bounds) {
    EXPECT_EQ(*parse_integer("-5", -5, 5), -5);
    EXPECT_EQ(*parse_integer("010", -5, 10), 10);
    EXPECT_EQ(*parse_integer("-9223372036854775808", std::numeric_limits<std::int64_t>::min(), 0),
              std::numeric_limits<std::int64_t>::min());
    for (const std::string_view text : {"-6", "6", "", "-", "+1", "--1", "1.0", " 1", "1 ", "0x1",
                                        "9223372036854775808", "-99999999999999999999"}) {
        const auto parsed = parse_integer(text, -5, 5);
        ASSERT_FALSE(parsed) << text;
        EXPECT_THAT(parsed.reason(), HasSubstr("from -5 to 5"));
    }
}

TEST(ParseReal, keeps_to_its_bounds) {
    for (const auto& [text, expected] : {std::pair<std::string_view, double>{"0", 0},
                                         {"-0.5", -0.5},
                                         {"1e2", 100},
                                         {".25", .25}}) {
        const auto parsed = parse_real(text, -1, 100);
        ASSERT_TRUE(parsed) << text;
        EXPECT_EQ(*parsed, expected);
    }
    for (const std::string_view text : {"100.1", "-1.1", "", "-", "+1", "1,5", " 1", "1 ", "0x1p1",
                                        "inf", "-inf", "nan", "1e999"}) {
        const auto parsed = parse_real(text, -1, 100);
        ASSERT_FALSE(parsed) << text;
        EXPECT_THAT(parsed.reason(), HasSubstr("from -1 to 100"));
    }
    EXPECT_THAT(
        parse_real("x", std::numeric_limits<double>::lowest(), std::numeric_limits<double>::max())
            .reason(),
        HasSubstr("a number such as 0.25"));
}

TEST(FormatReal, is_read_back_as_the_same_number) {
    EXPECT_EQ(format_real(0.1), "0.1");
    EXPECT_EQ(format_real(-3), "-3");
    for (const double number : {1.0 / 3, 1e300, -4.9e-324}) {
        const auto parsed = parse_real(format_real(number), std::numeric_limits<double>::lowest(),
                                       std::numeric_limits<double>::max());
        ASSERT_TRUE(parsed);
        EXPECT_EQ(*parsed, number);
    }
}

TEST(Printable, stays_on_one_line_and_short) {
    EXPECT_EQ(printable("5x"), "\"5x\"");
    EXPECT_EQ(printable("a\nb\x1b[31m\x7f"), "\"a?b?[31m?\"");
    EXPECT_EQ(printable(std::string(61, 'x')), '"' + std::string(60, 'x') + "...\"");
    EXPECT_EQ(printable(std::string(60, 'x')), '"' + std::string(60, 'x') + '"');
}

}  // namespace
}  // namespace signalbox::config
