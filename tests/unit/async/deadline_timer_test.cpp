#include "signalbox/async/deadline_timer.hpp"

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

namespace signalbox::async {
namespace {

using namespace std::chrono_literals;
using Clock = DeadlineTimer::Clock;

class DeadlineTimerTest : public testing::Test {
  protected:
    /// Turns the loop until nothing is left to wait for. What is never to happen is put later than
    /// that can take.
    void run() {
        loop_.restart();
        loop_.run();
    }

    asio::io_context loop_{1};
    std::vector<Clock::time_point> fired_;
    std::optional<DeadlineTimer> timer_{std::in_place, loop_,
                                        [this] { fired_.push_back(Clock::now()); }};
};

TEST_F(DeadlineTimerTest, fires_once_and_not_early) {
    const auto deadline = Clock::now() + 20ms;
    timer_->set(deadline);
    run();
    ASSERT_EQ(fired_.size(), 1U);
    EXPECT_GE(fired_[0], deadline);
    run();
    EXPECT_EQ(fired_.size(), 1U);
}

TEST_F(DeadlineTimerTest, that_was_never_set_does_not_fire) {
    run();
    EXPECT_TRUE(fired_.empty());
    timer_->set(Clock::time_point::max());
    run();
    EXPECT_TRUE(fired_.empty());
}

TEST_F(DeadlineTimerTest, fires_for_a_deadline_that_has_passed) {
    timer_->set(Clock::now() - 1h);
    EXPECT_TRUE(fired_.empty()) << "called from within set()";
    run();
    EXPECT_EQ(fired_.size(), 1U);
}

TEST_F(DeadlineTimerTest, moved_later_fires_then_only) {
    const auto begin = Clock::now();
    timer_->set(begin + 5ms);
    timer_->set(begin + 20ms);
    timer_->set(begin + 60ms);
    run();
    ASSERT_EQ(fired_.size(), 1U);
    EXPECT_GE(fired_[0], begin + 60ms);
}

TEST_F(DeadlineTimerTest, moved_earlier_does_not_wait_for_the_old_one) {
    timer_->set(Clock::now() + 10min);
    timer_->set(Clock::now() + 5ms);
    run();
    EXPECT_EQ(fired_.size(), 1U);
}

TEST_F(DeadlineTimerTest, moved_there_and_back_fires_once) {
    const auto begin = Clock::now();
    timer_->set(begin + 10ms);
    timer_->set(begin + 10min);
    timer_->set(begin + 15ms);
    run();
    ASSERT_EQ(fired_.size(), 1U);
    EXPECT_GE(fired_[0], begin + 15ms);
}

TEST_F(DeadlineTimerTest, cleared_does_not_fire) {
    timer_->set(Clock::now() + 5ms);
    timer_->clear();
    run();
    EXPECT_TRUE(fired_.empty());
}

TEST_F(DeadlineTimerTest, set_again_after_clear_fires) {
    timer_->set(Clock::now() + 5ms);
    timer_->clear();
    const auto deadline = Clock::now() + 30ms;
    timer_->set(deadline);
    run();
    ASSERT_EQ(fired_.size(), 1U);
    EXPECT_GE(fired_[0], deadline);
}

TEST_F(DeadlineTimerTest, set_again_after_it_fired_fires_again) {
    timer_->set(Clock::now());
    run();
    timer_->set(Clock::now() + 1ms);
    run();
    EXPECT_EQ(fired_.size(), 2U);
}

TEST_F(DeadlineTimerTest, cleared_or_moved_when_its_wait_is_over_but_not_yet_told) {
    // Both the loop's turn that begins here and the timer are due; which comes first is not said.
    for (const bool clear : {true, false}) {
        fired_.clear();
        const auto later = Clock::now() + 60ms;
        timer_->set(Clock::now() + 1ms);
        asio::post(loop_, [&] {
            std::this_thread::sleep_for(5ms);
            asio::post(loop_, [&] {
                if (clear) {
                    timer_->clear();
                } else {
                    timer_->set(later);
                }
            });
        });
        run();
        if (!clear) {
            ASSERT_FALSE(fired_.empty());
            EXPECT_GE(fired_.back(), later);
        }
        EXPECT_LE(fired_.size(), clear ? 1U : 2U);
    }
}

TEST_F(DeadlineTimerTest, moved_earlier_when_its_wait_is_over_fires_once_for_each_deadline) {
    timer_->set(Clock::now() + 1ms);
    asio::post(loop_, [&] {
        std::this_thread::sleep_for(5ms);
        // The wait is over. This arms a second one, while the first is on its way.
        timer_->set(Clock::now() - 1h);
    });
    run();
    EXPECT_EQ(fired_.size(), 1U);
}

TEST_F(DeadlineTimerTest, destroyed_while_armed_does_not_fire) {
    timer_->set(Clock::now() + 5ms);
    timer_.reset();
    run();
    EXPECT_TRUE(fired_.empty());
}

TEST_F(DeadlineTimerTest, destroyed_when_its_wait_is_over_does_not_fire) {
    timer_->set(Clock::now() + 1ms);
    asio::post(loop_, [&] {
        std::this_thread::sleep_for(5ms);
        timer_.reset();
    });
    run();
    EXPECT_TRUE(fired_.empty());
}

TEST_F(DeadlineTimerTest, may_be_set_from_its_own_call) {
    int calls = 0;
    timer_.emplace(loop_, [&] {
        if (++calls < 3) timer_->set(Clock::now() + 1ms);
    });
    timer_->set(Clock::now());
    run();
    EXPECT_EQ(calls, 3);
}

TEST_F(DeadlineTimerTest, may_be_destroyed_from_its_own_call) {
    auto owned = std::make_shared<std::optional<DeadlineTimer>>();
    int calls = 0;
    owned->emplace(loop_, [&calls, &owned] {
        ++calls;
        owned.reset();
    });
    (*owned)->set(Clock::now());
    run();
    EXPECT_EQ(calls, 1);
    EXPECT_EQ(owned, nullptr);
}

}  // namespace
}  // namespace signalbox::async
