#include "signalbox/db/detail/answer_deadline.hpp"

#include <gtest/gtest.h>

#include "unit/db/detail/start.hpp"

namespace signalbox::db {
namespace {

using namespace std::chrono_literals;
using Clock = AnswerDeadline::Clock;

TEST(AnswerDeadline, is_none_while_nothing_was_asked) {
    AnswerDeadline answer;
    EXPECT_EQ(answer.next(), Clock::time_point::max());
    EXPECT_FALSE(answer.shall_cut(start));
    EXPECT_FALSE(answer.is_cut());
}

TEST(AnswerDeadline, is_a_time_to_cut_once) {
    AnswerDeadline answer;
    answer.begin(start + 2s);
    EXPECT_EQ(answer.next(), start + 2s);
    EXPECT_FALSE(answer.shall_cut(start + 1999ms));
    EXPECT_TRUE(answer.shall_cut(start + 2s));
    EXPECT_TRUE(answer.is_cut());
    EXPECT_FALSE(answer.shall_cut(start + 3s));
    EXPECT_EQ(answer.next(), Clock::time_point::max());
}

TEST(AnswerDeadline, is_over_with_the_answer) {
    AnswerDeadline answer;
    answer.begin(start + 2s);
    answer.end();
    EXPECT_FALSE(answer.shall_cut(start + 3s));
    EXPECT_EQ(answer.next(), Clock::time_point::max());
}

TEST(AnswerDeadline, tells_whoever_was_cut_and_not_who_asks_after_it) {
    AnswerDeadline answer;
    answer.begin(start);
    ASSERT_TRUE(answer.shall_cut(start));
    answer.end();
    EXPECT_TRUE(answer.is_cut());
    answer.begin(start + 5s);
    EXPECT_FALSE(answer.is_cut());
    EXPECT_TRUE(answer.shall_cut(start + 5s));
}

TEST(AnswerDeadline, needs_no_cut_for_what_was_given_up) {
    AnswerDeadline answer;
    answer.begin(start);
    answer.give_up();
    EXPECT_TRUE(answer.is_cut());
    EXPECT_FALSE(answer.shall_cut(start + 1s));
    EXPECT_EQ(answer.next(), Clock::time_point::max());
}

}  // namespace
}  // namespace signalbox::db
