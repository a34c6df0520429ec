#include "signalbox/command_line/open_files.hpp"

#include <gtest/gtest.h>

namespace signalbox::command_line {
namespace {

TEST(FilesNeeded, is_one_for_each_connection_and_a_reserve) {
    const std::size_t reserve = files_needed(0, 10, 2);
    EXPECT_GT(reserve, 10U);
    EXPECT_EQ(files_needed(1000, 10, 2), 1000 + reserve);
    EXPECT_GT(files_needed(0, 20, 2), reserve);
    EXPECT_GT(files_needed(0, 10, 3), reserve);
}

TEST(ConnectionsAllowed, is_the_most_that_the_files_cover) {
    for (std::size_t files = 0; files < 3000; ++files) {
        const std::size_t connections = connections_allowed(files, 10, 2);
        if (connections > 0) {
            EXPECT_LE(files_needed(connections, 10, 2), files);
        }
        EXPECT_GT(files_needed(connections + 1, 10, 2), files);
    }
}

}  // namespace
}  // namespace signalbox::command_line
