#include "signalbox/config/config.hpp"

#include <gtest/gtest.h>

namespace signalbox::config {
namespace {

TEST(LogLevelName, is_read_back) {
    for (const auto level : {LogLevel::trace, LogLevel::debug, LogLevel::info, LogLevel::warning,
                             LogLevel::error, LogLevel::critical}) {
        const auto parsed = parse_log_level(to_string(level));
        ASSERT_TRUE(parsed);
        EXPECT_EQ(*parsed, level);
    }
    EXPECT_FALSE(parse_log_level("WARNING"));
}

}  // namespace
}  // namespace signalbox::config
