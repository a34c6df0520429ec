// Lines that there is no memory for are lost and counted, and take no place from others.

#include "signalbox/observe/log.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <exception>
#include <string>

#include "allocation/failing_allocations.hpp"
#include "support/log_lines.hpp"

namespace signalbox::observe {
namespace {

using test::FailingAllocation;

TEST(LogWithoutMemory, loses_lines_and_counts_them) {
    const test::LogFile file;
    Log log({"shop", "1.2.3"}, config::LogLevel::info, config::LogFormat::json, file.descriptor());
    // More than may wait, had each that failed kept its place.
    constexpr int attempts = 20'000;
    const std::string line(1000, 'x');
    int thrown = 0;
    int failed = 0;
    for (int i = 0; i < attempts; ++i) {
        FailingAllocation failing(i % 4, FailingAllocation::Of::this_thread);
        try {
            log.write_lines(line + "\n", 1);
        } catch (const std::exception&) {  // where it is made, not where it is handed over
            ++thrown;
        }
        failed += failing.end() ? 1 : 0;
    }
    EXPECT_GT(failed - thrown, 100) << "the test fails what it is meant to fail";
    EXPECT_GE(log.dropped(), static_cast<std::uint64_t>(failed - thrown));
    log.write(config::LogLevel::info, "the last");
    ASSERT_TRUE(log.close());
    const std::string text = file.text();
    EXPECT_NE(text.find("the last"), std::string::npos);
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'),
              attempts + 1 - thrown - static_cast<long>(log.dropped()));
}

}  // namespace
}  // namespace signalbox::observe
