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

TEST(FilesNeeded, is_one_for_each_connection_and_a_reserve) {
    const std::size_t reserve = process::files_needed(0, 10, 2);
    EXPECT_GT(reserve, 10U);
    EXPECT_EQ(process::files_needed(1000, 10, 2), 1000 + reserve);
    EXPECT_GT(process::files_needed(0, 20, 2), reserve);
    EXPECT_GT(process::files_needed(0, 10, 3), reserve);
}

TEST(ConnectionsAllowed, is_the_most_that_the_files_cover) {
    for (std::size_t files = 0; files < 3000; ++files) {
        const std::size_t connections = process::connections_allowed(files, 10, 2);
        if (connections > 0) {
            EXPECT_LE(process::files_needed(connections, 10, 2), files);
        }
        EXPECT_GT(process::files_needed(connections + 1, 10, 2), files);
    }
}

}  // namespace
}  // namespace signalbox
