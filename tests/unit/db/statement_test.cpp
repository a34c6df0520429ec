#include "signalbox/db/statement.hpp"

#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <map>
#include <memory>

namespace signalbox::db {
namespace {

using namespace std::chrono_literals;
using model::Bytes, model::DateTime, model::Decimal, model::Email, model::Field, model::Literal,
    model::Uuid;

enum class Mood { sad, happy };
enum class Status { open, in_transit };
constexpr auto wire_names(Status) {
    return std::array{std::pair{Status::open, "open"}, std::pair{Status::in_transit, "in transit"}};
}
struct Address {
    std::string street;
    int floor = 0;
};

TEST(Parameter, is_a_number_that_is_read_back_as_the_same) {
    EXPECT_EQ(to_parameter(-7), "-7");
    EXPECT_EQ(to_parameter(std::numeric_limits<std::uint64_t>::max()), "18446744073709551615");
    EXPECT_EQ(to_parameter(1e-9), "1e-09");
    EXPECT_EQ(to_parameter(0.1), "0.1");
    EXPECT_EQ(to_parameter(0.1F), "0.1");
    EXPECT_EQ(to_parameter(1.0 / 3), "0.3333333333333333");
    EXPECT_EQ(to_parameter(-std::numeric_limits<double>::infinity()), "-inf");
    EXPECT_EQ(to_parameter(true), "true");
    EXPECT_EQ(to_parameter(Decimal("12.50")), "12.50");
}

TEST(Parameter, is_a_text) {
    EXPECT_EQ(to_parameter("text"), "text");
    EXPECT_EQ(to_parameter(std::string("")), "");
    EXPECT_EQ(to_parameter(std::string_view("view")), "view");
    EXPECT_EQ(to_parameter(Literal<"card">{}), "card");
    EXPECT_EQ(to_parameter(Mood::happy), "happy");
    EXPECT_EQ(to_parameter(Status::in_transit), "in transit");
    EXPECT_THROW(to_parameter(static_cast<Mood>(7)), std::invalid_argument);
    EXPECT_EQ(to_parameter(Bytes{std::string("\0a\xff", 3)}), "\\x0061ff");
    EXPECT_EQ(to_parameter(static_cast<const char*>(nullptr)), std::nullopt);
    EXPECT_THROW(to_parameter(std::string("a\0b", 3)), InvalidData);
    EXPECT_THROW(to_parameter(std::vector<std::string>{std::string(1, '\0')}), InvalidData);
    Uuid uuid;
    uuid.bytes[15] = 1;
    EXPECT_EQ(to_parameter(uuid), "00000000-0000-0000-0000-000000000001");
}

TEST(Parameter, is_a_time) {
    using namespace std::chrono;
    const sys_days day = 2026y / November / 22;
    EXPECT_EQ(to_parameter(year_month_day(day)), "2026-11-22");
    EXPECT_EQ(to_parameter(DateTime{day + 7h + 1us, 0min}), "2026-11-22T07:00:00.000001Z");
    EXPECT_EQ(to_parameter(DateTime{day + 7h, std::nullopt}), "2026-11-22T07:00:00");
    EXPECT_THROW(to_parameter(2026y / February / 30), std::invalid_argument);
    EXPECT_THROW(to_parameter(year_month_day(year(-43) / March / 15)), std::invalid_argument);
    EXPECT_THROW(to_parameter(DateTime{sys_days(10000y / January / 1), 0min}),
                 std::invalid_argument);
    EXPECT_THROW(to_parameter(DateTime{sys_days(10000y / January / 1) - 1us, 60min}),
                 std::invalid_argument);
    EXPECT_EQ(to_parameter(-1500ms), "-1500000 microseconds");
    EXPECT_EQ(to_parameter(1h), "3600000000 microseconds");
}

TEST(Parameter, is_null_when_there_is_none) {
    EXPECT_EQ(to_parameter(std::nullopt), std::nullopt);
    EXPECT_EQ(to_parameter(std::optional<int>()), std::nullopt);
    EXPECT_EQ(to_parameter(std::optional(0)), "0");
    EXPECT_EQ(to_parameter(std::optional(Status::open)), "open");
    EXPECT_EQ(to_parameter(std::unique_ptr<int>()), std::nullopt);
    EXPECT_EQ(to_parameter(JsonText()), std::nullopt);
}

TEST(Parameter, is_what_a_field_holds) {
    EXPECT_EQ(to_parameter(Field<int>(0)), "0") << "zero is not NULL";
    EXPECT_EQ(to_parameter(Field<bool>(false)), "false");
    EXPECT_EQ(to_parameter(Email("ada@example.com")), "ada@example.com");
    EXPECT_EQ(to_parameter(Field<std::optional<int>>()), std::nullopt);
    EXPECT_EQ(to_parameter(Field<std::optional<Status>>(Status::open)), "open");
}

TEST(Parameter, is_json) {
    EXPECT_EQ(to_parameter(JsonText("[1]")), "[1]");
    EXPECT_EQ(to_parameter(Address{"Main", 2}), R"({"street":"Main","floor":2})");
    EXPECT_EQ(to_parameter(std::map<std::string, int>{{"a", 1}}), R"({"a":1})");
}

TEST(Parameter, is_an_array) {
    EXPECT_EQ(to_parameter(std::vector<int>{}), "{}");
    EXPECT_EQ(to_parameter(std::vector<int>{1, 2}), R"({"1","2"})");
    EXPECT_EQ(to_parameter(std::vector<std::string>{"a \"b\", \\ {c}", "", "NULL"}),
              R"({"a \"b\", \\ {c}","","NULL"})");
    EXPECT_EQ(to_parameter(std::vector<std::optional<Status>>{Status::open, std::nullopt}),
              R"({"open",NULL})");
}

}  // namespace
}  // namespace signalbox::db
