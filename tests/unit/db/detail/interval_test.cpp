#include "signalbox/db/detail/interval.hpp"

#include <gtest/gtest.h>

#include <string>

namespace signalbox::db {
namespace {

using namespace std::chrono_literals;
using std::chrono::days;

TEST(Interval, is_days_and_a_time) {
    EXPECT_EQ(read_interval("00:00:00"), 0us);
    EXPECT_EQ(read_interval("02:03:04"), 2h + 3min + 4s);
    EXPECT_EQ(read_interval("00:00:00.5"), 500ms);
    EXPECT_EQ(read_interval("00:00:00.000001"), 1us);
    EXPECT_EQ(read_interval("123:00:00"), 123h);
    EXPECT_EQ(read_interval("1 day"), 24h);
    EXPECT_EQ(read_interval("3 days 04:00:00"), days(3) + 4h);
}

TEST(Interval, has_a_sign_for_each_part) {
    EXPECT_EQ(read_interval("-00:00:00.5"), -500ms);
    EXPECT_EQ(read_interval("1 day -02:30:00"), 24h - 2h - 30min);
    EXPECT_EQ(read_interval("-2 days +03:00:00"), -days(2) + 3h);
}

TEST(Interval, is_nothing_when_it_has_no_length_or_another_style) {
    for (const std::string text : {"1 mon", "2 years 1 day", "@ 1 day", "P1DT2H", "1 2:00:00",
                                   "1 day ago", "x", "1", "00:00", "00:00:00.1234567", "00:00:00.x",
                                   "00:00:00 x", "2562047789:00:00", "106751992 days"})
        EXPECT_EQ(read_interval(text), std::nullopt) << text;
}

}  // namespace
}  // namespace signalbox::db
