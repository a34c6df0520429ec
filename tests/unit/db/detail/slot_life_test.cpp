#include "signalbox/db/detail/slot_life.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>

#include "unit/db/detail/start.hpp"

namespace signalbox::db {
namespace {

using namespace std::chrono_literals;
using Action = SlotLife::Action;
using State = SlotLife::State;
using Clock = SlotLife::Clock;

constexpr auto never = Clock::time_point::max();
constexpr auto idle_check = SlotLife::idle_check;

std::uint64_t no_jitter() {
    return 0;
}

class SlotLifeTest : public testing::Test {
  protected:
    Action action(Clock::time_point now) const { return slot_.next(now, pool_).action; }

    void connect(Clock::time_point now) {
        slot_.begin_connecting();
        slot_.end_connecting(now);
        pool_.connections = 2;
    }
    void offer_read() { pool_.reads_ready = pool_.read_for_it = true; }
    void take_read() {
        slot_.begin_run();
        pool_.reads_ready = pool_.read_for_it = false;
    }

    SlotLife slot_{30min, no_jitter};
    SlotLife::Surroundings pool_{.slots = 3};
};

TEST_F(SlotLifeTest, begins_with_connecting) {
    EXPECT_EQ(slot_.state(), State::unconnected);
    EXPECT_FALSE(slot_.connected());
    EXPECT_EQ(action(start), Action::connect);
    slot_.begin_connecting();
    EXPECT_EQ(slot_.state(), State::connecting);
    EXPECT_FALSE(slot_.connected()) << "it has to answer first";
    slot_.end_connecting(start);
    EXPECT_EQ(slot_.state(), State::idle);
    EXPECT_TRUE(slot_.connected());
    EXPECT_EQ(slot_.connected_at(), start);
}

TEST_F(SlotLifeTest, waits_for_leave_to_connect) {
    pool_.allowed = false;
    offer_read();
    EXPECT_EQ(action(start), Action::wait_for_change);
    EXPECT_EQ(slot_.next(start, pool_).until, never);
    pool_.allowed = true;
    EXPECT_EQ(action(start), Action::connect);
}

TEST_F(SlotLifeTest, knocks_in_its_turn_while_postgresql_does_not_answer) {
    EXPECT_FALSE(slot_.next(start, pool_).knock);
    pool_.answers = false;
    pool_.next_knock = start + 1s;
    EXPECT_EQ(action(start), Action::wait_for_change);
    EXPECT_EQ(slot_.next(start, pool_).until, start + 1s) << "somebody else knocks";
    EXPECT_EQ(action(start + 1s), Action::connect);
    EXPECT_TRUE(slot_.next(start + 1s, pool_).knock);
    pool_.answers = true;
    EXPECT_EQ(action(start), Action::connect) << "as soon as the other one got in";
}

TEST_F(SlotLifeTest, pauses_after_a_failure_that_is_its_own) {
    auto now = start;
    Clock::duration last{};
    for (int i = 0; i < 5; ++i) {
        ASSERT_EQ(action(now), Action::connect);
        slot_.begin_connecting();
        slot_.disconnected();
        const auto pause = slot_.pause(now);
        EXPECT_GT(pause, last);
        last = pause;
        EXPECT_EQ(action(now + pause - 1ms), Action::wait_for_change);
        EXPECT_EQ(slot_.next(now, pool_).until, now + pause);
        now += pause;
    }
    connect(now);
    slot_.disconnected();
    EXPECT_EQ(action(now), Action::connect) << "what is lost is replaced at once";
    slot_.begin_connecting();
    slot_.disconnected();
    EXPECT_LE(slot_.pause(now), Backoff::first);
}

TEST_F(SlotLifeTest, takes_reads_while_it_is_idle) {
    connect(start);
    EXPECT_EQ(action(start), Action::wait_for_read);
    EXPECT_EQ(slot_.next(start, pool_).until, start + idle_check);
    offer_read();
    ASSERT_EQ(action(start), Action::run);
    EXPECT_FALSE(slot_.used());
    take_read();
    EXPECT_EQ(slot_.state(), State::running);
    EXPECT_TRUE(slot_.connected());
    EXPECT_TRUE(slot_.used());
    slot_.end_run(start + 10ms, false);
    EXPECT_EQ(slot_.state(), State::idle);
    EXPECT_FALSE(slot_.used());
    EXPECT_EQ(slot_.next(start + 10ms, pool_).until, start + 10ms + idle_check);
}

TEST_F(SlotLifeTest, takes_no_read_that_is_for_newer_connections_only) {
    connect(start);
    pool_.reads_ready = true;
    EXPECT_EQ(action(start), Action::wait_for_read);
}

TEST_F(SlotLifeTest, has_its_idle_connection_checked_at_once_when_the_schema_is_to_be_looked_at) {
    pool_.look_due = true;
    EXPECT_EQ(action(start), Action::connect);
    connect(start);
    EXPECT_EQ(action(start), Action::check);
    offer_read();
    EXPECT_EQ(action(start), Action::check) << "or it would never be, under load";
    pool_.look_due = false;
    EXPECT_EQ(action(start), Action::run);
}

TEST_F(SlotLifeTest, closes_what_nobody_has_needed_for_a_moment_while_idle_ones_are_closed) {
    connect(start);
    pool_.closing_idle = true;
    const auto step = slot_.next(start, pool_);
    EXPECT_EQ(step.action, Action::wait_for_read);
    EXPECT_EQ(step.until, start + SlotLife::linger);
    EXPECT_EQ(action(start + SlotLife::linger), Action::replace);
    offer_read();
    EXPECT_EQ(action(start + SlotLife::linger), Action::run) << "somebody waits for it";
    take_read();
    slot_.end_run(start + 10s, false);
    EXPECT_EQ(action(start + 10s), Action::wait_for_read) << "the next statement may need it";
    EXPECT_EQ(action(start + 10s + SlotLife::linger), Action::replace);
    pool_.connections = 1;
    EXPECT_EQ(action(start + 10s + SlotLife::linger), Action::wait_for_read) << "the last one";
}

TEST_F(SlotLifeTest, connects_only_when_it_is_wanted_while_idle_ones_are_closed) {
    pool_.closing_idle = true;
    pool_.connections = 1;
    EXPECT_EQ(action(start), Action::wait_for_change);
    EXPECT_EQ(slot_.next(start, pool_).until, never);
    pool_.wanted = true;
    EXPECT_EQ(action(start), Action::connect);
    pool_.wanted = false;
    pool_.connections = 0;
    EXPECT_EQ(action(start), Action::connect) << "one has to be there";
}

TEST_F(SlotLifeTest, looks_at_the_connection_before_it_uses_one_that_was_long_unused) {
    connect(start);
    offer_read();
    EXPECT_FALSE(slot_.next(start + idle_check, pool_).look_first);
    EXPECT_TRUE(slot_.next(start + idle_check + 1ms, pool_).look_first);
    slot_.checked(start + idle_check);
    EXPECT_TRUE(slot_.next(start + idle_check + 1ms, pool_).look_first)
        << "to be looked at is no use";
    take_read();
    slot_.end_run(start + 2s, false);
    offer_read();
    EXPECT_FALSE(slot_.next(start + 2s + idle_check, pool_).look_first);
}

TEST_F(SlotLifeTest, is_checked_once_a_second_while_it_is_idle) {
    connect(start);
    ASSERT_EQ(action(start + idle_check - 1ms), Action::wait_for_read);
    ASSERT_EQ(action(start + idle_check), Action::check);
    slot_.checked(start + idle_check);
    ASSERT_EQ(action(start + idle_check), Action::wait_for_read);
    EXPECT_EQ(slot_.next(start + idle_check, pool_).until, start + 2 * idle_check);
    offer_read();
    EXPECT_EQ(action(start + 2 * idle_check), Action::run) << "what waits is first";
}

TEST_F(SlotLifeTest, that_asks_is_not_used) {
    connect(start);
    slot_.begin_asking();
    EXPECT_EQ(slot_.state(), State::asking);
    EXPECT_TRUE(slot_.connected());
    EXPECT_FALSE(slot_.used());
    slot_.end_asking(start + 2s);
    EXPECT_EQ(slot_.state(), State::idle);
    EXPECT_EQ(slot_.next(start + 2s, pool_).until, start + 2s + idle_check);
}

TEST_F(SlotLifeTest, settles_what_was_cancelled_before_anything_else) {
    connect(start);
    take_read();
    slot_.end_run(start, true);
    EXPECT_EQ(slot_.state(), State::settling);
    EXPECT_TRUE(slot_.used());
    offer_read();
    pool_.stopping = pool_.giving_up = true;
    EXPECT_EQ(action(start + 40min), Action::settle);
    pool_.stopping = pool_.giving_up = false;
    slot_.end_settling(start + 1s);
    EXPECT_EQ(slot_.state(), State::idle);
    EXPECT_EQ(action(start + 1s), Action::run);
}

TEST_F(SlotLifeTest, replaces_a_connection_whose_time_is_over) {
    connect(start);
    offer_read();
    EXPECT_EQ(action(start + 30min - 1ms), Action::run);
    EXPECT_EQ(action(start + 30min), Action::replace);
    slot_.disconnected();
    connect(start + 30min);
    EXPECT_EQ(action(start + 30min), Action::run);
}

TEST_F(SlotLifeTest, waits_no_longer_than_its_connection_lives) {
    connect(start);
    slot_.checked(start + 30min - 1ms);
    EXPECT_EQ(action(start + 30min - 1ms), Action::wait_for_read);
    EXPECT_EQ(slot_.next(start + 30min - 1ms, pool_).until, start + 30min);
}

TEST(SlotLifeOfAnyLength, takes_up_to_a_tenth_from_it_at_random) {
    std::mt19937_64 engine(1);
    const SlotLife::Surroundings pool{.connections = 1, .reads_ready = true, .read_for_it = true};
    int ended_early = 0;
    for (int i = 0; i < 100; ++i) {
        SlotLife slot(30min, [&engine] { return engine(); });
        slot.begin_connecting();
        slot.end_connecting(start);
        EXPECT_EQ(slot.next(start + 27min - 1ms, pool).action, Action::run);
        EXPECT_EQ(slot.next(start + 30min, pool).action, Action::replace);
        if (slot.next(start + 28min + 30s, pool).action == Action::replace) ++ended_early;
    }
    EXPECT_GT(ended_early, 25);
    EXPECT_LT(ended_early, 75);
}

TEST(SlotLifeWithoutEnd, is_never_replaced) {
    SlotLife slot(0ms, no_jitter);
    slot.begin_connecting();
    slot.end_connecting(start);
    const SlotLife::Surroundings pool{.connections = 1, .reads_ready = true, .read_for_it = true};
    EXPECT_EQ(slot.next(start + 1000h, pool).action, Action::run);
}

TEST_F(SlotLifeTest, stops_with_the_pool) {
    pool_.stopping = true;
    EXPECT_EQ(action(start), Action::stop);
    pool_.allowed = false;
    EXPECT_EQ(action(start), Action::stop);
    pool_.giving_up = true;
    EXPECT_EQ(action(start), Action::stop) << "and tells nobody that it gave something up";
    connect(start);
    offer_read();
    EXPECT_EQ(action(start), Action::stop);
}

TEST_F(SlotLifeTest, retires_when_the_pool_gives_up_its_connections) {
    connect(start);
    EXPECT_EQ(action(start), Action::wait_for_read);
    pool_.giving_up = true;
    EXPECT_EQ(action(start), Action::retire);
    slot_.disconnected();
    EXPECT_EQ(action(start), Action::retire) << "also without a connection";
    pool_.allowed = false;
    EXPECT_EQ(action(start), Action::retire) << "or the leave to make one";
    slot_.retire();
    EXPECT_EQ(slot_.state(), State::retired);
}

TEST_F(SlotLifeTest, does_not_retire_while_reads_wait) {
    connect(start);
    pool_.giving_up = true;
    offer_read();
    EXPECT_EQ(action(start), Action::run);
    pool_.read_for_it = false;
    EXPECT_EQ(action(start), Action::wait_for_read);
    slot_.disconnected();
    EXPECT_EQ(action(start), Action::connect);
}

TEST_F(SlotLifeTest, does_not_retire_with_the_last_connection) {
    connect(start);
    pool_.giving_up = true;
    pool_.connections = 1;
    EXPECT_EQ(action(start), Action::wait_for_read);
    slot_.disconnected();
    EXPECT_EQ(action(start), Action::retire) << "it is another one's";
}

TEST_F(SlotLifeTest, does_not_retire_as_the_last_slot) {
    pool_.giving_up = true;
    pool_.slots = 1;
    EXPECT_EQ(action(start), Action::connect);
    connect(start);
    EXPECT_EQ(action(start), Action::wait_for_read);
}

TEST_F(SlotLifeTest, lends_its_connection_and_leaves_it_alone_until_it_is_back) {
    connect(start);
    pool_.lease_ready = true;
    EXPECT_EQ(action(start), Action::lend);
    EXPECT_TRUE(slot_.can_be_lent(start));
    slot_.begin_lease();
    EXPECT_EQ(slot_.state(), State::lent);
    EXPECT_TRUE(slot_.connected());
    EXPECT_TRUE(slot_.used());
    EXPECT_FALSE(slot_.can_be_lent(start));
    // Whatever else there would be to do.
    pool_.stopping = pool_.giving_up = true;
    offer_read();
    EXPECT_EQ(action(start + 1h), Action::wait_for_return);
    pool_ = {.slots = 3, .connections = 2};
    slot_.end_lease(start + 10s);
    EXPECT_EQ(slot_.state(), State::idle);
    EXPECT_FALSE(slot_.used());
    EXPECT_EQ(slot_.next(start + 10s, pool_).until, start + 10s + idle_check);
}

TEST_F(SlotLifeTest, serves_who_has_waited_longer) {
    connect(start);
    offer_read();
    pool_.lease_ready = true;
    EXPECT_EQ(action(start), Action::run);
    pool_.lease_first = true;
    EXPECT_EQ(action(start), Action::lend);
    pool_.lease_first = false;
    pool_.read_for_it = false;
    EXPECT_EQ(action(start), Action::lend);
}

TEST_F(SlotLifeTest, lends_no_connection_whose_time_is_over) {
    connect(start);
    pool_.lease_ready = true;
    EXPECT_FALSE(slot_.can_be_lent(start + 30min));
    EXPECT_EQ(action(start + 30min), Action::replace);
}

TEST_F(SlotLifeTest, does_not_retire_while_somebody_waits_to_have_it_lent) {
    connect(start);
    pool_.giving_up = true;
    pool_.lease_ready = true;
    EXPECT_EQ(action(start), Action::lend);
    pool_.lease_ready = false;
    EXPECT_EQ(action(start), Action::retire);
}

TEST_F(SlotLifeTest, connects_again_after_a_lease_that_broke_the_connection) {
    connect(start);
    slot_.begin_lease();
    slot_.disconnected();
    EXPECT_FALSE(slot_.connected());
    EXPECT_EQ(action(start), Action::connect);
}

}  // namespace
}  // namespace signalbox::db
