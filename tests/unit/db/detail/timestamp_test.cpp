#include "signalbox/db/detail/timestamp.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace signalbox::db {
namespace {

std::string json(std::string_view text) {
    std::string result;
    append_timestamp(result, text);
    return result;
}

TEST(Timestamp, has_six_digits_of_fraction) {
    EXPECT_EQ(json("2026-11-22 07:02:06.076478+00"), R"("2026-11-22T07:02:06.076478+00:00")");
    EXPECT_EQ(json("2026-11-22 07:02:06.5+00"), R"("2026-11-22T07:02:06.500000+00:00")");
    EXPECT_EQ(json("2026-11-22 07:02:06.000001+00"), R"("2026-11-22T07:02:06.000001+00:00")");
    EXPECT_EQ(json("2026-11-22 07:02:06+00"), R"("2026-11-22T07:02:06.000000+00:00")");
}

TEST(Timestamp, has_an_offset_when_it_has_a_zone) {
    EXPECT_EQ(json("2026-11-22 07:02:06+05:30"), R"("2026-11-22T07:02:06.000000+05:30")");
    EXPECT_EQ(json("2026-11-22 07:02:06.1-03:30"), R"("2026-11-22T07:02:06.100000-03:30")");
    EXPECT_EQ(json("1890-01-01 00:00:00+05:53:28"), R"("1890-01-01T00:00:00.000000+05:53:28")");
    EXPECT_EQ(json("2026-11-22 07:02:06.076478"), R"("2026-11-22T07:02:06.076478")");
    EXPECT_EQ(json("2026-11-22 07:02:06"), R"("2026-11-22T07:02:06.000000")");
}

TEST(Timestamp, stays_as_it_is_when_rfc_3339_cannot_say_it) {
    for (const std::string text :
         {"infinity", "-infinity", "0044-03-15 12:00:00+00 BC", "0044-03-15 12:00:00.5 BC",
          "10000-01-01 00:00:00+00", "294276-12-31 23:59:59.999999", "", "2026-11-22",
          "22/11/2026 07:02:06 UTC", "2026-11-22 07:02:06.1234567+00", "2026-11-22 07:02:06+0",
          "2026-11-22 07:02:06+00:0", "2026-11-22 07:02:06 UTC"})
        EXPECT_EQ(json(text), '"' + text + '"');
    EXPECT_EQ(json("a \"quote\""), R"("a \"quote\"")");
}

TEST(Timestamp, is_appended) {
    std::string text = "[";
    append_timestamp(text, "2026-11-22 07:02:06");
    EXPECT_EQ(text, R"(["2026-11-22T07:02:06.000000")");
}

std::string date_time(std::string_view text) {
    std::string result = "[";
    return append_date_time(result, text) ? result.substr(1) : result;
}

TEST(DateTime, is_what_pydantic_writes) {
    EXPECT_EQ(date_time("2026-11-22 07:02:06.076478+00"), R"("2026-11-22T07:02:06.076478Z")");
    EXPECT_EQ(date_time("2026-11-22 07:02:06.5+00"), R"("2026-11-22T07:02:06.500000Z")");
    EXPECT_EQ(date_time("2026-11-22 07:02:06+00"), R"("2026-11-22T07:02:06Z")");
    EXPECT_EQ(date_time("2026-11-22 07:02:06+05:30"), R"("2026-11-22T07:02:06+05:30")");
    EXPECT_EQ(date_time("2026-11-22 07:02:06.1-03"), R"("2026-11-22T07:02:06.100000-03:00")");
    EXPECT_EQ(date_time("2026-11-22 07:02:06.076478"), R"("2026-11-22T07:02:06.076478")");
    EXPECT_EQ(date_time("2026-11-22 07:02:06"), R"("2026-11-22T07:02:06")");
}

TEST(DateTime, is_nothing_that_rfc_3339_cannot_say) {
    for (const std::string text :
         {"infinity", "0044-03-15 12:00:00+00 BC", "10000-01-01 00:00:00+00", "", "2026-11-22",
          "1890-01-01 00:00:00+05:53:28", "2026-11-22 07:02:06.1234567+00"})
        EXPECT_EQ(date_time(text), "[") << text;
}

}  // namespace
}  // namespace signalbox::db
