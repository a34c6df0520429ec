#include "signalbox/db/detail/backoff.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <set>

namespace signalbox::db {
namespace {

using namespace std::chrono_literals;

TEST(Backoff, doubles_up_to_the_longest_and_is_at_least_half_of_each_step) {
    for (int round = 0; round < 100; ++round) {
        Backoff backoff;
        for (const auto step : {100ms, 200ms, 400ms, 800ms, 1600ms, 2000ms, 2000ms, 2000ms}) {
            const auto pause = backoff.next();
            EXPECT_GE(pause, step / 2);
            EXPECT_LE(pause, step);
        }
    }
}

TEST(Backoff, is_jittered) {
    std::set<std::chrono::milliseconds> pauses;
    for (int i = 0; i < 200; ++i)
        pauses.insert(Backoff().next());
    EXPECT_GT(pauses.size(), 10U);
    EXPECT_LT(*pauses.begin(), 60ms);
    EXPECT_GT(*pauses.rbegin(), 90ms);
}

TEST(Backoff, begins_anew_after_a_reset) {
    Backoff backoff;
    for (int i = 0; i < 10; ++i)
        backoff.next();
    backoff.reset();
    EXPECT_LE(backoff.next(), Backoff::first);
    EXPECT_GT(backoff.next(), Backoff::first / 2);
}

}  // namespace
}  // namespace signalbox::db
