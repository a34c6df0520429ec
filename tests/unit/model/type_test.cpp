// How values are written.

#include "signalbox/model/type.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace signalbox::model {
namespace {

TEST(ToJson, writes_floating_point_numbers_as_python_does) {
    EXPECT_EQ(to_json(1.0), "1.0");
    EXPECT_EQ(to_json(-0.0), "-0.0");
    EXPECT_EQ(to_json(0.1), "0.1");
    EXPECT_EQ(to_json(1e16), "1e+16");
    EXPECT_EQ(to_json(1234567890123456.0), "1234567890123456.0");
    EXPECT_EQ(to_json(12345678901234567.0), "1.2345678901234568e+16");
    EXPECT_EQ(to_json(1e-4), "0.0001");
    EXPECT_EQ(to_json(1e-5), "1e-05");
    EXPECT_EQ(to_json(1.5e300), "1.5e+300");
    EXPECT_EQ(to_json(5e-324), "5e-324");
    EXPECT_EQ(to_json(0.1F), "0.1") << "of a float, not of the double next to it";
    EXPECT_EQ(to_json(16777216.0F), "16777216.0");
    EXPECT_EQ(to_json(std::nan("")), "null");
    EXPECT_EQ(to_json(std::numeric_limits<float>::infinity()), "null");
}

TEST(ToJson, writes_integers_of_every_size) {
    EXPECT_EQ(to_json(std::int8_t{-128}), "-128");
    EXPECT_EQ(to_json(std::uint8_t{255}), "255");
    EXPECT_EQ(to_json(std::int16_t{-2}), "-2");
    EXPECT_EQ(to_json(std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
    EXPECT_EQ(to_json(std::numeric_limits<std::uint64_t>::max()), "18446744073709551615");
    EXPECT_EQ(to_json(true), "true");
}

TEST(ToJson, writes_what_holds_other_values) {
    using Map = std::map<std::string, std::vector<std::optional<int>>>;
    EXPECT_EQ(to_json(Map{{"b", {}}, {"a\"", {1, std::nullopt}}}), R"({"a\"":[1,null],"b":[]})");
    EXPECT_EQ(to_json(std::string("\xFF")), "\"\xEF\xBF\xBD\"") << "what is no UTF-8 is mended";
    EXPECT_EQ(to_json(JsonText()), "null");
    EXPECT_EQ(to_json(std::vector{JsonText("{}"), JsonText("1")}), "[{},1]");
}

}  // namespace
}  // namespace signalbox::model
