#include <gtest/gtest.h>

#include "signalbox/db/detail/stream_cursor.hpp"

namespace signalbox::db {
namespace {

TEST(ABatchsSize, begins_small_and_grows_to_a_thousand_narrow_rows) {
    BatchSize size;
    EXPECT_EQ(size.next(), BatchSize::first);
    size.came(100, 100 * 50);
    EXPECT_EQ(size.next(), 800U);
    size.came(800, 800 * 50);
    EXPECT_EQ(size.next(), BatchSize::most);
    size.came(1000, 1000 * 50);
    EXPECT_EQ(size.next(), BatchSize::most);
}

TEST(ABatchsSize, is_of_bytes_where_rows_are_wide) {
    BatchSize size;
    size.came(100, 100 * 10'000);
    EXPECT_EQ(size.next(), BatchSize::bytes / 10'000);
    size.came(26, std::size_t{26} * 1024 * 1024);
    EXPECT_EQ(size.next(), 1U) << "each of more than a batch has";
}

TEST(ABatchsSize, forgets_wide_rows_slowly) {
    BatchSize size;
    size.came(100, 100 * 262'144);
    EXPECT_EQ(size.next(), 1U);
    std::size_t before = 1;
    int batches = 0;
    while (size.next() < BatchSize::most) {
        size.came(size.next(), size.next() * 50);
        EXPECT_LE(size.next(), before * 8);
        before = size.next();
        ASSERT_LT(++batches, 100);
    }
    EXPECT_GT(batches, 10);
}

TEST(ABatchsSize, learns_nothing_of_no_rows) {
    BatchSize size;
    size.came(0, 2);
    EXPECT_EQ(size.next(), BatchSize::first);
}

}  // namespace
}  // namespace signalbox::db
