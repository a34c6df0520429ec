#include "signalbox/http/wire/date.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>

namespace signalbox::http {
namespace {

using namespace std::chrono;

std::optional<std::string> written(sys_seconds time) {
    const auto date = http_date(time);
    if (!date) return std::nullopt;
    return std::string(date->data(), date->size());
}

TEST(HttpDate, is_that_of_rfc_9110) {
    EXPECT_EQ(written(sys_days(1994y / 11 / 6) + 8h + 49min + 37s),
              "Sun, 06 Nov 1994 08:49:37 GMT");
    EXPECT_EQ(written(sys_seconds()), "Thu, 01 Jan 1970 00:00:00 GMT");
    EXPECT_EQ(written(sys_days(2024y / 2 / 29)), "Thu, 29 Feb 2024 00:00:00 GMT");
}

TEST(HttpDate, has_a_year_of_four_digits) {
    EXPECT_EQ(written(sys_days(9999y / 12 / 31) + 23h + 59min + 59s),
              "Fri, 31 Dec 9999 23:59:59 GMT");
    EXPECT_EQ(written(sys_days(10000y / 1 / 1)), std::nullopt);
    EXPECT_EQ(written(sys_days(1000y / 1 / 1)), "Wed, 01 Jan 1000 00:00:00 GMT");
    EXPECT_EQ(written(sys_days(999y / 12 / 31)), std::nullopt);
    EXPECT_EQ(written(sys_seconds::max()), std::nullopt);
    EXPECT_EQ(written(sys_seconds::min()), std::nullopt);
}

}  // namespace
}  // namespace signalbox::http
