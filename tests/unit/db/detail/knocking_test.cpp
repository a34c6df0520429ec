#include "signalbox/db/detail/knocking.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "unit/db/detail/start.hpp"

namespace signalbox::db {
namespace {

using namespace std::chrono_literals;

Knocking seeded(std::uint64_t seed) {
    return Knocking(Backoff([engine = std::mt19937_64(seed)]() mutable { return engine(); }));
}

TEST(Knocking, is_for_one_at_a_time) {
    Knocking knocking = seeded(1);
    EXPECT_TRUE(knocking.begin(start));
    EXPECT_FALSE(knocking.begin(start));
    EXPECT_FALSE(knocking.begin(start + 1s));
}

TEST(Knocking, is_due_again_after_a_pause_that_grows) {
    Knocking knocking = seeded(1);
    auto now = start;
    std::vector<std::chrono::milliseconds> pauses;
    for (int i = 0; i < 7; ++i) {
        ASSERT_TRUE(knocking.begin(now));
        pauses.push_back(knocking.failed(now));
        EXPECT_EQ(knocking.next(), now + pauses.back());
        EXPECT_FALSE(knocking.begin(now + pauses.back() - 1ms));
        now += pauses.back();
    }
    EXPECT_LE(pauses.front(), Backoff::first);
    EXPECT_GE(pauses.back(), Backoff::longest / 2);
}

TEST(Knocking, goes_on_beside_an_attempt_that_hangs) {
    Knocking knocking = seeded(1);
    ASSERT_TRUE(knocking.begin(start));
    EXPECT_TRUE(knocking.begin(start + Knocking::hanging));
    EXPECT_FALSE(knocking.begin(start + Knocking::hanging));
}

TEST(Knocking, begins_anew_after_a_success) {
    Knocking knocking = seeded(1);
    for (int i = 0; i < 10; ++i)
        knocking.failed(start);
    knocking.succeeded();
    EXPECT_TRUE(knocking.begin(start));
    EXPECT_LE(knocking.failed(start), Backoff::first);
}

/// When instances with pools of ten knock whose database refuses them, all from the same moment on.
std::vector<std::chrono::milliseconds> knocks(std::size_t instances, std::chrono::minutes away) {
    std::vector<std::chrono::milliseconds> times;
    for (std::size_t instance = 0; instance < instances; ++instance) {
        Knocking knocking = seeded(instance);
        for (auto now = start; now < start + away; now = knocking.next()) {
            for (int thread = 0; thread < 10; ++thread) {
                if (!knocking.begin(now)) continue;
                times.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(now - start));
                knocking.failed(now);
            }
        }
    }
    std::sort(times.begin(), times.end());
    return times;
}

std::size_t most_within(const std::vector<std::chrono::milliseconds>& times,
                        std::chrono::milliseconds window, std::chrono::milliseconds from) {
    std::size_t most = 0;
    for (auto first = std::lower_bound(times.begin(), times.end(), from); first != times.end();
         ++first) {
        const auto last = std::lower_bound(first, times.end(), *first + window);
        most = std::max(most, static_cast<std::size_t>(last - first));
    }
    return most;
}

TEST(Knocking, of_fifty_instances_is_no_storm) {
    constexpr std::size_t instances = 50;
    const auto times = knocks(instances, 5min);
    const auto between = [&](auto from, auto to) {
        return static_cast<std::size_t>(std::lower_bound(times.begin(), times.end(), to) -
                                        std::lower_bound(times.begin(), times.end(), from));
    };
    // A lost connection is replaced at once, then with pauses.
    EXPECT_LE(most_within(times, 1s, 0s), 5 * instances);
    EXPECT_LT(between(1s, 2s), between(0s, 1s) / 2);
    // Then each knocks at most once a second, on average less, and not when the others do.
    EXPECT_LE(most_within(times, 1s, 2s), instances);
    EXPECT_LE(most_within(times, 100ms, 5s), instances / 3);
    EXPECT_LT(between(10s, 5min) / 290, instances * 3 / 4);
    // But often enough that one whose database is back knows it soon.
    EXPECT_GT(between(10s, 5min) / 290, instances / 2);
    RecordProperty("in_the_first_second", static_cast<int>(between(0s, 1s)));
    RecordProperty("in_the_second_second", static_cast<int>(between(1s, 2s)));
    RecordProperty("most_in_a_second_later", static_cast<int>(most_within(times, 1s, 2s)));
    RecordProperty("most_in_100_ms_later", static_cast<int>(most_within(times, 100ms, 5s)));
}

}  // namespace
}  // namespace signalbox::db
