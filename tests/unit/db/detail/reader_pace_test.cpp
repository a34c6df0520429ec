#include "signalbox/db/detail/reader_pace.hpp"

#include <gtest/gtest.h>

#include <chrono>

#include "unit/db/detail/start.hpp"

namespace signalbox::db {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t second = ReaderPace::bytes_a_second;  // of the slowest pace

TEST(AReadersPace, is_not_measured_while_it_waits) {
    ReaderPace pace(10s);
    EXPECT_FALSE(pace.is_behind(start + 1h));
    pace.takes(start, second);
    pace.returns(start + 1s);
    EXPECT_FALSE(pace.is_behind(start + 1h));
}

TEST(AReadersPace, may_be_behind_by_the_grace) {
    ReaderPace pace(10s);
    pace.takes(start, second / 2);
    EXPECT_FALSE(pace.is_behind(start + 10s));
    EXPECT_TRUE(pace.is_behind(start + 10s + 1ms));
}

TEST(AReadersPace, does_not_save_up_more_than_the_grace) {
    ReaderPace pace(10s);
    for (int i = 0; i < 100; ++i) {
        pace.takes(start, 10 * second);
        pace.returns(start);
    }
    pace.takes(start, second);
    EXPECT_FALSE(pace.is_behind(start + 10s));
    EXPECT_TRUE(pace.is_behind(start + 10s + 1ms));
}

TEST(AReadersPace, has_the_time_that_a_large_batch_needs) {
    ReaderPace pace(10s);
    pace.takes(start, 60 * second);
    EXPECT_FALSE(pace.is_behind(start + 60s));
    EXPECT_TRUE(pace.is_behind(start + 60s + 1ms));
}

TEST(AReadersPace, is_kept_for_ever_by_one_who_is_just_fast_enough) {
    ReaderPace pace(10s);
    auto now = start;
    for (int i = 0; i < 1000; ++i) {
        pace.takes(now, 2 * second);
        now += 2s;
        ASSERT_FALSE(pace.is_behind(now));
        pace.returns(now);
    }
}

TEST(AReadersPace, is_missed_some_time_by_one_who_is_a_little_slower) {
    ReaderPace pace(10s);
    auto now = start;
    int batches = 0;
    for (; batches < 1000; ++batches) {
        pace.takes(now, 2 * second);
        now += 2100ms;
        if (pace.is_behind(now)) break;
        pace.returns(now);
    }
    EXPECT_GT(batches, 50);
    EXPECT_LT(batches, 110);
}

}  // namespace
}  // namespace signalbox::db
