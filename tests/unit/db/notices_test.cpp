#include "signalbox/db/notices.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace signalbox::db {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Notices, are_told_once_each) {
    std::vector<std::string> told;
    Notices notices([&](auto message) { told.emplace_back(message); });
    for (const char* message : {"one", "two", "one", "two", "one"})
        notices.add(message);
    EXPECT_THAT(told, ElementsAre("one", "two"));
}

TEST(Notices, that_hold_data_end_with_a_word_that_there_are_more) {
    std::vector<std::string> told;
    Notices notices([&](auto message) { told.emplace_back(message); });
    for (int i = 0; i < 1000; ++i)
        notices.add(std::to_string(i));
    ASSERT_EQ(told.size(), 65U);
    EXPECT_EQ(told[63], "63");
    EXPECT_THAT(told[64], HasSubstr("further notices are left out"));
}

TEST(Notices, are_warnings_unless_postgresql_says_less) {
    EXPECT_TRUE(is_warning("WARNING:  database \"a\" has a collation version mismatch"));
    EXPECT_TRUE(is_warning("WARNUNG:  das Passwort"));
    EXPECT_FALSE(is_warning("NOTICE:  relation exists, skipping"));
}

}  // namespace
}  // namespace signalbox::db
