#include "signalbox/db/detail/reachability.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>

#include "unit/db/detail/start.hpp"

namespace signalbox::db {
namespace {

using namespace std::chrono_literals;

constexpr auto silence = Reachability::quiet + AnswerDeadline::of_ping;

std::string text(const std::optional<Reachability::Notice>& notice) {
    return notice ? std::string(notice->text) : "";
}

class ReachabilityTest : public testing::Test {
  protected:
    Reachability known_{Knocking(Backoff([] { return std::uint64_t{0}; }))};
};

/// With two connections, heard at `start`.
class ReachabilityOfTwo : public ReachabilityTest {
  protected:
    ReachabilityOfTwo() {
        known_.connected(start);
        known_.connected(start);
    }
};

TEST_F(ReachabilityTest, begins_with_nothing) {
    EXPECT_FALSE(known_.answers());
    EXPECT_EQ(known_.connections(), 0U);
    EXPECT_EQ(known_.last_error(), "");
}

TEST_F(ReachabilityTest, comes_with_the_first_connection_and_goes_with_the_last) {
    const auto found = known_.connected(start);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->event, Event::connected);
    EXPECT_EQ(found->text, "connected to the database");
    EXPECT_TRUE(known_.answers());
    EXPECT_FALSE(known_.connected(start)) << "the second is no news";
    EXPECT_EQ(known_.connections(), 2U);
    known_.disconnected(start);
    EXPECT_TRUE(known_.answers());
    known_.disconnected(start);
    EXPECT_FALSE(known_.answers());
    EXPECT_EQ(text(known_.connected(start + 1s)), "connected to the database");
}

TEST_F(ReachabilityTest, is_not_waited_for_once_it_has_been_away_for_a_second) {
    constexpr auto never = Reachability::Clock::time_point::max();
    EXPECT_EQ(known_.hopeless_from(), never) << "it has not been there yet";
    known_.connected(start);
    known_.connected(start);
    known_.disconnected(start + 1s);
    EXPECT_EQ(known_.hopeless_from(), never) << "there is another connection";
    known_.disconnected(start + 2s);
    EXPECT_EQ(known_.hopeless_from(), start + 2s + Reachability::patience);
    known_.connected(start + 10s);
    EXPECT_EQ(known_.hopeless_from(), never);
    ASSERT_TRUE(known_.unanswered(start + 20s));
    known_.disconnected(start + 21s);
    EXPECT_EQ(known_.hopeless_from(), start + 20s + Reachability::patience) << "since its silence";
}

TEST_F(ReachabilityOfTwo, is_waited_for_again_when_it_is_heard) {
    ASSERT_TRUE(known_.unanswered(start + silence));
    EXPECT_EQ(known_.hopeless_from(), start + silence + Reachability::patience);
    known_.heard(start + silence + 5s);
    EXPECT_EQ(known_.hopeless_from(), Reachability::Clock::time_point::max());
}

TEST_F(ReachabilityTest, keeps_the_last_error) {
    known_.cannot_connect("refused");
    known_.cannot_connect("no such host");
    EXPECT_EQ(known_.last_error(), "no such host");
}

TEST_F(ReachabilityOfTwo, needs_nobody_to_ask_while_it_is_heard) {
    EXPECT_FALSE(known_.begin_asking(start + Reachability::quiet - 1ms));
    known_.heard(start + 1s);
    EXPECT_FALSE(known_.begin_asking(start + 1s + Reachability::quiet - 1ms));
    EXPECT_TRUE(known_.begin_asking(start + 1s + Reachability::quiet));
}

TEST_F(ReachabilityOfTwo, is_asked_by_one_at_a_time) {
    EXPECT_TRUE(known_.begin_asking(start + 2s));
    EXPECT_FALSE(known_.begin_asking(start + 2s));
    known_.end_asking();
    EXPECT_TRUE(known_.begin_asking(start + 2s)) << "there was no answer";
    known_.end_asking();
    known_.heard(start + 2s);
    EXPECT_FALSE(known_.begin_asking(start + 2s));
}

TEST_F(ReachabilityOfTwo, is_asked_by_all_when_it_is_silent) {
    ASSERT_TRUE(known_.begin_asking(start + 1s));
    ASSERT_TRUE(known_.unanswered(start + silence));
    EXPECT_TRUE(known_.begin_asking(start + silence));
    EXPECT_TRUE(known_.begin_asking(start + silence));
}

TEST_F(ReachabilityOfTwo, ends_when_an_answer_is_missing_and_none_was_heard) {
    const auto silent = known_.unanswered(start + silence);
    ASSERT_TRUE(silent);
    EXPECT_EQ(silent->event, Event::lost);
    EXPECT_EQ(silent->text, "the database does not answer");
    EXPECT_FALSE(known_.answers());
    EXPECT_EQ(known_.connections(), 2U);
    EXPECT_FALSE(known_.unanswered(start + silence)) << "the second is no news";
}

TEST_F(ReachabilityOfTwo, stays_when_others_are_answered) {
    known_.heard(start + 1ms);
    EXPECT_FALSE(known_.unanswered(start + silence));
    EXPECT_TRUE(known_.answers());
}

TEST_F(ReachabilityOfTwo, comes_back_with_an_answer_on_an_old_connection) {
    EXPECT_FALSE(known_.heard(start)) << "nothing was missed";
    ASSERT_TRUE(known_.unanswered(start + silence));
    const auto back = known_.heard(start + 5s);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->event, Event::connected);
    EXPECT_EQ(back->text, "the database answers again");
    EXPECT_TRUE(known_.answers());
}

TEST_F(ReachabilityOfTwo, comes_back_with_a_new_connection) {
    ASSERT_TRUE(known_.unanswered(start + silence));
    EXPECT_EQ(text(known_.connected(start + 5s)), "the database answers again");
    EXPECT_TRUE(known_.answers());
}

TEST_F(ReachabilityOfTwo, comes_back_with_the_first_new_connection_after_silence) {
    ASSERT_TRUE(known_.unanswered(start + silence));
    known_.disconnected(start);
    known_.disconnected(start);
    EXPECT_EQ(text(known_.connected(start + 5s)), "connected to the database");
    EXPECT_TRUE(known_.answers());
    EXPECT_FALSE(known_.begin_asking(start + 5s));
}

TEST_F(ReachabilityTest, lets_one_knock_with_pauses_until_it_is_there) {
    EXPECT_TRUE(known_.begin_knocking(start));
    EXPECT_FALSE(known_.begin_knocking(start));
    const auto first = known_.knocking_failed(start);
    EXPECT_EQ(known_.next_knock(), start + first);
    ASSERT_TRUE(known_.begin_knocking(start + first));
    EXPECT_GT(known_.knocking_failed(start + first), first);
    known_.connected(start + 1s);
    EXPECT_TRUE(known_.begin_knocking(start + 1s));
    EXPECT_EQ(known_.knocking_failed(start + 1s), first);
}

TEST_F(ReachabilityOfTwo, forgets_the_pauses_when_it_answers_again) {
    ASSERT_TRUE(known_.unanswered(start + silence));
    ASSERT_TRUE(known_.begin_knocking(start + silence));
    known_.knocking_failed(start + silence);
    ASSERT_FALSE(known_.begin_knocking(start + silence));
    known_.heard(start + silence);
    EXPECT_TRUE(known_.begin_knocking(start + silence));
}

}  // namespace
}  // namespace signalbox::db
