#include "signalbox/process/file_limit.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace signalbox {
namespace {

TEST(FileLimit, is_raised_from_soft_to_hard) {
    rlimit limit{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
    ASSERT_GT(limit.rlim_max, 64U);
    limit.rlim_cur = 64;
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);

    EXPECT_EQ(process::file_limit(), limit.rlim_max);
    EXPECT_EQ(process::raise_file_limit(), limit.rlim_max);
    rlimit raised{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &raised), 0);
    EXPECT_EQ(raised.rlim_cur, limit.rlim_max);
}

}  // namespace
}  // namespace signalbox
