#include "signalbox/db/detail/cancelling.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "unit/db/detail/start.hpp"

namespace signalbox::db {
namespace {

using namespace std::chrono_literals;
using Clock = Cancelling::Clock;

constexpr bool hangs = true;

/// Without jitter: pauses are half of what they may be.
Cancelling steady() {
    return Cancelling(Backoff([] { return std::uint64_t{0}; }));
}

TEST(Cancelling, begins_at_once) {
    Cancelling cancelling = steady();
    EXPECT_FALSE(cancelling.begun());
    EXPECT_EQ(cancelling.next(), Clock::time_point::max());
    EXPECT_TRUE(cancelling.begin(start, false));
    EXPECT_TRUE(cancelling.begun());
}

TEST(Cancelling, is_tried_again_with_pauses_that_grow) {
    Cancelling cancelling = steady();
    auto now = start;
    std::vector<Clock::duration> pauses;
    for (int i = 0; i < 7; ++i) {
        ASSERT_TRUE(cancelling.begin(now, false));
        EXPECT_FALSE(cancelling.begin(cancelling.next() - 1ms, false));
        pauses.push_back(cancelling.next() - now);
        now = cancelling.next();
    }
    EXPECT_EQ(pauses, (std::vector<Clock::duration>{50ms, 100ms, 200ms, 400ms, 800ms, 1s, 1s}));
}

TEST(Cancelling, makes_no_attempt_beside_one_that_hangs) {
    Cancelling cancelling = steady();
    ASSERT_TRUE(cancelling.begin(start, false));
    const auto second = cancelling.next();
    EXPECT_FALSE(cancelling.begin(second, hangs));
    EXPECT_GT(cancelling.next(), second) << "nor looks for it all the time";
    EXPECT_FALSE(cancelling.begin(cancelling.next() - 1ms, false));
    EXPECT_TRUE(cancelling.begin(cancelling.next(), false));
}

TEST(Cancelling, begins_anew_for_what_runs_next) {
    Cancelling cancelling = steady();
    for (int i = 0; i < 5; ++i)
        ASSERT_TRUE(cancelling.begin(i == 0 ? start : cancelling.next(), false));
    cancelling.end();
    EXPECT_FALSE(cancelling.begun());
    EXPECT_EQ(cancelling.next(), Clock::time_point::max());
    EXPECT_TRUE(cancelling.begin(start, false));
    EXPECT_EQ(cancelling.next(), start + Backoff::first / 2);
}

}  // namespace
}  // namespace signalbox::db
