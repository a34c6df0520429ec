#include "signalbox/db/detail/read_queue.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "signalbox/db/row_form.hpp"

namespace signalbox::db {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using Added = ReadQueue::Added;
using Parameters = std::vector<std::optional<std::string>>;

std::shared_ptr<Waiter> waiter(Clock::time_point deadline = Clock::time_point::max()) {
    auto made = std::make_shared<Waiter>();
    made->deadline = deadline;
    return made;
}

Clock::time_point at(std::chrono::seconds time) {
    return Clock::time_point(1h + time);
}

class ReadQueueTest : public testing::Test {
  protected:
    Added add(const std::string& sql, const std::shared_ptr<Waiter>& who,
              const Parameters& parameters = {}) {
        return queue_.add({sql, parameters}, who);
    }
    std::shared_ptr<Read> take() { return queue_.take(Clock::now()); }

    ReadQueue queue_{true, 100};
    std::shared_ptr<Waiter> a_ = waiter(), b_ = waiter(), c_ = waiter(), d_ = waiter();
};

TEST_F(ReadQueueTest, begins_empty) {
    EXPECT_FALSE(queue_.has_ready());
    EXPECT_EQ(queue_.waiting(), 0U);
    EXPECT_TRUE(queue_.running().empty());
    EXPECT_EQ(queue_.next_deadline(), Clock::time_point::max());
    EXPECT_TRUE(queue_.leave_all_waiting().empty());
    EXPECT_TRUE(queue_.leave_expired(Clock::now()).empty());
    EXPECT_FALSE(queue_.leave(a_));
}

TEST_F(ReadQueueTest, runs_a_read_for_its_waiter) {
    EXPECT_EQ(add("one", a_, {"p"}), Added::ready);
    EXPECT_EQ(queue_.waiting(), 1U);
    const auto read = queue_.take(at(5s));
    EXPECT_EQ(read->statement.sql, "one");
    EXPECT_EQ(read->statement.parameters, Parameters{"p"});
    EXPECT_EQ(read->started, at(5s));
    EXPECT_EQ(read->state, Read::State::running);
    EXPECT_EQ(queue_.waiting(), 0U);
    EXPECT_FALSE(queue_.has_ready());
    ASSERT_EQ(queue_.running().size(), 1U);
    EXPECT_EQ(queue_.running().front(), read);
    EXPECT_EQ(queue_.finish(*read), Waiters{a_});
    EXPECT_TRUE(queue_.running().empty());
    EXPECT_FALSE(queue_.has_ready());
    EXPECT_FALSE(a_->shared);
    EXPECT_FALSE(queue_.leave(a_));
}

TEST_F(ReadQueueTest, starts_reads_in_the_order_in_which_they_came) {
    add("one", a_);
    add("two", b_);
    add("three", c_);
    EXPECT_EQ(take()->statement.sql, "one");
    EXPECT_EQ(take()->statement.sql, "two");
    EXPECT_EQ(take()->statement.sql, "three");
}

struct Order {
    int id;
};
struct Invoice {
    int id;
};

TEST_F(ReadQueueTest, shares_rows_of_one_form_only) {
    using Shape = RowForm::Shape;
    const auto add_form = [this](const auto& who, const RowForm& form) {
        return queue_.add({"one", {"p"}, &form}, who);
    };
    EXPECT_EQ(add("one", a_, {"p"}), Added::ready);
    EXPECT_EQ(add_form(b_, row_form<Order, Shape::json_rows>), Added::ready);
    EXPECT_EQ(add_form(c_, row_form<Invoice, Shape::json_rows>), Added::ready);
    EXPECT_EQ(add_form(d_, row_form<Order, Shape::values>), Added::ready);
    EXPECT_EQ(add_form(waiter(), row_form<Order, Shape::json_row>), Added::ready);
    const auto same = waiter();
    EXPECT_EQ(add_form(same, row_form<Order, Shape::json_rows>), Added::joined);
    EXPECT_EQ(take()->statement.form, nullptr);
    const auto read = take();
    EXPECT_EQ(read->statement.form, (&row_form<Order, Shape::json_rows>));
    EXPECT_EQ(queue_.finish(*read), (Waiters{b_, same}));
}

TEST_F(ReadQueueTest, lets_an_identical_read_join_while_it_waits) {
    EXPECT_EQ(add("one", a_), Added::ready);
    EXPECT_EQ(add("two", b_), Added::ready);
    EXPECT_EQ(add("one", c_), Added::joined);
    EXPECT_EQ(queue_.waiting(), 2U);
    EXPECT_FALSE(a_->shared);
    EXPECT_TRUE(c_->shared);
    const auto read = take();
    EXPECT_EQ(queue_.finish(*read), (Waiters{a_, c_}));
}

TEST_F(ReadQueueTest, never_joins_a_read_that_runs) {
    add("one", a_);
    const auto first = take();
    EXPECT_EQ(add("one", b_), Added::gathering);
    EXPECT_EQ(add("one", c_), Added::joined);
    EXPECT_EQ(queue_.waiting(), 1U);
    EXPECT_FALSE(queue_.has_ready()) << "the same read would run twice at once";
    EXPECT_FALSE(b_->shared);
    EXPECT_TRUE(c_->shared);
    EXPECT_EQ(queue_.finish(*first), Waiters{a_});
    ASSERT_TRUE(queue_.has_ready());
    EXPECT_EQ(queue_.waiting(), 1U);
    EXPECT_EQ(add("one", d_), Added::joined) << "it has gathered and not started";
    const auto second = take();
    EXPECT_NE(first, second);
    EXPECT_EQ(second->statement.sql, "one");
    EXPECT_EQ(queue_.finish(*second), (Waiters{b_, c_, d_}));
    EXPECT_FALSE(queue_.has_ready());
}

TEST_F(ReadQueueTest, puts_what_gathered_behind_what_was_ready_before) {
    add("one", a_);
    const auto first = take();
    add("one", b_);
    add("two", c_);
    queue_.finish(*first);
    EXPECT_EQ(take()->statement.sql, "two");
    EXPECT_EQ(take()->statement.sql, "one");
}

TEST_F(ReadQueueTest, takes_different_parameters_for_different_reads) {
    const std::vector<Parameters> different{{},
                                            {std::nullopt},
                                            {""},
                                            {"="},
                                            {"a"},
                                            {"a", std::nullopt},
                                            {"a", ""},
                                            {std::nullopt, "a"},
                                            {std::nullopt, std::nullopt},
                                            {"", ""},
                                            {"a", "b"},
                                            {"ab"},
                                            {"a", "b", ""},
                                            // PostgreSQL takes no NUL, but only the session knows.
                                            {"a\0=b"s, "c"},
                                            {"a", "b\0=c"s},
                                            {"\0"s}};
    for (const auto& parameters : different) {
        EXPECT_EQ(add("same", waiter(), parameters), Added::ready)
            << testing::PrintToString(parameters);
    }
    for (const auto& parameters : different) {
        EXPECT_EQ(add("same", waiter(), parameters), Added::joined)
            << testing::PrintToString(parameters);
    }
    EXPECT_EQ(add("same ", waiter()), Added::ready);
    EXPECT_EQ(add("Same", waiter()), Added::ready);
}

TEST_F(ReadQueueTest, runs_different_reads_at_once) {
    add("one", a_, {"1"});
    add("one", b_, {"2"});
    const auto first = take();
    ASSERT_TRUE(queue_.has_ready());
    const auto second = take();
    EXPECT_EQ(queue_.finish(*second), Waiters{b_});
    EXPECT_EQ(queue_.finish(*first), Waiters{a_});
}

TEST_F(ReadQueueTest, without_sharing_keeps_identical_reads_apart) {
    ReadQueue alone{false, 3};
    EXPECT_EQ(alone.add({"one", {}}, a_), Added::ready);
    EXPECT_EQ(alone.add({"one", {}}, b_), Added::ready);
    const auto first = alone.take(Clock::now());
    const auto second = alone.take(Clock::now());
    EXPECT_EQ(alone.add({"one", {}}, c_), Added::ready);
    EXPECT_EQ(alone.finish(*second), Waiters{b_});
    alone.put_back(first);
    EXPECT_EQ(alone.waiting(), 2U);
    EXPECT_EQ(alone.take(Clock::now()), first);
    EXPECT_TRUE(alone.leave(c_));
    EXPECT_EQ(alone.waiting(), 0U);
    EXPECT_FALSE(alone.has_ready());
    EXPECT_EQ(alone.finish(*first), Waiters{a_});
    for (const auto& each : {a_, b_, c_})
        EXPECT_FALSE(each->shared);
}

TEST_F(ReadQueueTest, never_shares_what_is_exempt) {
    const Statement random{.sql = "SELECT random()", .parameters = {}, .may_be_shared = false};
    EXPECT_EQ(queue_.add(random, a_), Added::ready);
    EXPECT_EQ(queue_.add(random, b_), Added::ready);
    EXPECT_EQ(queue_.waiting(), 2U);
    const auto first = take();
    const auto second = take();
    EXPECT_NE(first, second);
    EXPECT_EQ(queue_.add(random, c_), Added::ready);
    EXPECT_EQ(queue_.finish(*first), Waiters{a_});
    queue_.put_back(second);
    EXPECT_EQ(queue_.waiting(), 2U);
    EXPECT_EQ(take(), second);
    EXPECT_TRUE(queue_.leave(c_));
    EXPECT_FALSE(queue_.has_ready());
    EXPECT_EQ(queue_.finish(*second), Waiters{b_});
    EXPECT_FALSE(a_->shared || b_->shared || c_->shared);
}

TEST_F(ReadQueueTest, is_full_at_its_limit_and_still_lets_join) {
    ReadQueue two{true, 2};
    EXPECT_EQ(two.add({"one", {}}, a_), Added::ready);
    EXPECT_EQ(two.add({"two", {}}, b_), Added::ready);
    EXPECT_EQ(two.add({"three", {}}, c_), Added::full);
    EXPECT_EQ(two.waiting(), 2U);
    EXPECT_FALSE(two.leave(c_));
    EXPECT_EQ(two.add({"one", {}}, c_), Added::joined);
    const auto read = two.take(Clock::now());
    EXPECT_EQ(two.add({"three", {}}, d_), Added::ready) << "one that runs does not wait";
    EXPECT_EQ(two.add({"one", {}}, waiter()), Added::full) << "one that gathers does";
    EXPECT_EQ(two.finish(*read).size(), 2U);
    EXPECT_EQ(two.add({"one", {}}, waiter()), Added::full);
    two.take(Clock::now());
    EXPECT_EQ(two.add({"one", {}}, waiter()), Added::ready) << "a refusal left something behind";
}

TEST_F(ReadQueueTest, with_a_limit_of_nothing_takes_nothing) {
    ReadQueue none{true, 0};
    EXPECT_EQ(none.add({"one", {}}, a_), Added::full);
    EXPECT_EQ(none.add({"one", {}}, a_), Added::full);
    EXPECT_FALSE(none.has_ready());
}

TEST_F(ReadQueueTest, does_not_start_a_read_that_everybody_left) {
    add("one", a_);
    add("one", b_);
    EXPECT_TRUE(queue_.leave(a_));
    EXPECT_TRUE(queue_.has_ready());
    EXPECT_FALSE(queue_.leave(a_)) << "twice";
    EXPECT_TRUE(queue_.leave(b_));
    EXPECT_FALSE(queue_.has_ready());
    EXPECT_EQ(queue_.waiting(), 0U);
    EXPECT_EQ(add("one", c_), Added::ready);
    EXPECT_EQ(queue_.finish(*take()), Waiters{c_});
}

TEST_F(ReadQueueTest, does_not_start_a_gathering_that_everybody_left) {
    add("one", a_);
    const auto running = take();
    add("one", b_);
    EXPECT_TRUE(queue_.leave(b_));
    EXPECT_EQ(queue_.waiting(), 0U);
    EXPECT_EQ(add("one", c_), Added::gathering);
    EXPECT_TRUE(queue_.leave(c_));
    queue_.finish(*running);
    EXPECT_FALSE(queue_.has_ready());
    EXPECT_EQ(add("one", d_), Added::ready);
}

TEST_F(ReadQueueTest, runs_on_when_a_waiter_leaves_a_read_that_runs) {
    add("one", a_);
    add("one", b_);
    const auto read = take();
    EXPECT_TRUE(queue_.leave(a_));
    EXPECT_EQ(queue_.finish(*read), Waiters{b_});
    add("two", c_);
    const auto deserted = take();
    EXPECT_TRUE(queue_.leave(c_));
    EXPECT_EQ(queue_.running().size(), 1U);
    EXPECT_TRUE(queue_.finish(*deserted).empty());
    EXPECT_EQ(queue_.waiting(), 0U);
}

TEST_F(ReadQueueTest, expires_whoever_waits_too_long_in_any_state) {
    const auto running = waiter(at(1s)), ready = waiter(at(2s)), gathering = waiter(at(3s));
    const auto patient = waiter(at(9s));
    add("one", running);
    const auto read = take();
    add("one", gathering);
    add("two", ready);
    add("two", patient);
    EXPECT_EQ(queue_.next_deadline(), at(1s));
    EXPECT_TRUE(queue_.leave_expired(at(1s) - 1ns).empty());
    EXPECT_EQ(queue_.leave_expired(at(1s)), Waiters{running});
    EXPECT_EQ(queue_.next_deadline(), at(2s));
    EXPECT_EQ(queue_.waiting(), 2U);
    EXPECT_EQ(queue_.leave_expired(at(3s)).size(), 2U);
    EXPECT_EQ(queue_.waiting(), 1U) << "nobody gathers any more";
    EXPECT_EQ(queue_.next_deadline(), at(9s));
    EXPECT_TRUE(queue_.finish(*read).empty());
    for (const auto& each : {running, ready, gathering})
        EXPECT_FALSE(queue_.leave(each));
    const auto second = take();
    EXPECT_EQ(second->statement.sql, "two");
    EXPECT_EQ(queue_.finish(*second), Waiters{patient});
}

TEST_F(ReadQueueTest, expires_only_those_of_a_read_whose_time_has_come) {
    const auto early = waiter(at(1s)), late = waiter(at(2s));
    add("one", early);
    add("one", late);
    EXPECT_EQ(queue_.leave_expired(at(1s)), Waiters{early});
    EXPECT_EQ(queue_.finish(*take()), Waiters{late});
}

TEST_F(ReadQueueTest, lets_all_go_who_wait_but_not_those_of_a_read_that_runs) {
    add("one", a_);
    const auto running = take();
    add("one", b_);
    add("two", c_);
    add("two", d_);
    const Waiters left = queue_.leave_all_waiting();
    EXPECT_EQ(left.size(), 3U);
    EXPECT_EQ(queue_.waiting(), 0U);
    EXPECT_FALSE(queue_.has_ready());
    EXPECT_FALSE(queue_.leave(b_));
    EXPECT_EQ(queue_.finish(*running), Waiters{a_});
    EXPECT_FALSE(queue_.has_ready());
}

TEST_F(ReadQueueTest, puts_a_read_back_to_the_head) {
    add("one", a_);
    add("two", b_);
    const auto read = take();
    queue_.put_back(read);
    EXPECT_TRUE(queue_.running().empty());
    EXPECT_EQ(queue_.waiting(), 2U);
    EXPECT_EQ(read->state, Read::State::ready);
    EXPECT_EQ(add("one", c_), Added::joined) << "it has not started after all";
    EXPECT_EQ(take(), read);
    EXPECT_EQ(queue_.finish(*read), (Waiters{a_, c_}));
}

TEST_F(ReadQueueTest, keeps_a_read_that_broke_for_a_newer_connection) {
    EXPECT_FALSE(queue_.has_ready_for(at(1s)));
    add("one", a_);
    EXPECT_TRUE(queue_.has_ready_for(at(1s)));
    auto read = take();
    read->broke = at(5s);
    queue_.put_back(std::move(read));
    EXPECT_TRUE(queue_.has_ready());
    EXPECT_FALSE(queue_.has_ready_for(at(5s)));
    EXPECT_EQ(queue_.take(at(6s), at(5s)), nullptr);
    add("two", b_);
    EXPECT_TRUE(queue_.has_ready_for(at(5s)));
    EXPECT_EQ(queue_.take(at(6s), at(5s))->statement.sql, "two");
    EXPECT_FALSE(queue_.has_ready_for(at(5s)));
    EXPECT_TRUE(queue_.has_ready_for(at(6s)));
    EXPECT_EQ(queue_.take(at(7s), at(6s))->statement.sql, "one");
}

TEST_F(ReadQueueTest, put_back_takes_in_those_who_gathered) {
    add("one", a_);
    const auto read = take();
    add("one", b_);
    add("one", c_);
    queue_.put_back(read);
    EXPECT_EQ(queue_.waiting(), 1U);
    EXPECT_TRUE(queue_.leave(b_)) << "it waits for the read that was put back now";
    EXPECT_EQ(take(), read);
    EXPECT_EQ(add("one", d_), Added::gathering);
    EXPECT_EQ(queue_.finish(*read), (Waiters{a_, c_}));
    EXPECT_FALSE(a_->shared);
    EXPECT_TRUE(c_->shared);
    EXPECT_EQ(queue_.finish(*take()), Waiters{d_});
}

TEST_F(ReadQueueTest, forgets_a_read_put_back_that_everybody_left) {
    add("one", a_);
    const auto read = take();
    queue_.leave(a_);
    queue_.put_back(read);
    EXPECT_FALSE(queue_.has_ready());
    EXPECT_EQ(queue_.waiting(), 0U);
    EXPECT_EQ(add("one", b_), Added::ready);
    const auto second = take();
    EXPECT_NE(second, read);
    EXPECT_EQ(queue_.finish(*second), Waiters{b_});
}

TEST_F(ReadQueueTest, runs_a_read_put_back_for_those_who_gathered_alone) {
    add("one", a_);
    const auto read = take();
    add("one", b_);
    queue_.leave(a_);
    queue_.put_back(read);
    ASSERT_TRUE(queue_.has_ready());
    EXPECT_EQ(queue_.waiting(), 1U);
    EXPECT_EQ(queue_.finish(*take()), Waiters{b_});
}

TEST_F(ReadQueueTest, keeps_a_read_back_until_its_pause_is_over) {
    EXPECT_EQ(queue_.next_due(), Clock::time_point::max());
    add("one", a_);
    const auto read = take();
    add("one", b_);
    queue_.pause(read, at(5s));
    add("two", d_);
    EXPECT_EQ(queue_.waiting(), 2U);
    EXPECT_EQ(queue_.next_due(), at(5s));
    EXPECT_EQ(take()->statement.sql, "two");
    EXPECT_FALSE(queue_.has_ready());
    EXPECT_EQ(add("one", c_), Added::joined);
    EXPECT_EQ(queue_.end_pauses(at(4s)), 0U);
    EXPECT_EQ(take(), nullptr);
    add("three", waiter());
    EXPECT_EQ(queue_.end_pauses(at(5s)), 1U);
    EXPECT_EQ(queue_.next_due(), Clock::time_point::max());
    EXPECT_EQ(take(), read) << "it is the first now";
    EXPECT_EQ(queue_.finish(*read), (Waiters{a_, b_, c_}));
}

TEST_F(ReadQueueTest, forgets_a_read_that_everybody_left_in_its_pause) {
    for (const bool shared : {true, false}) {
        ReadQueue queue(shared, 100);
        const auto leaves = waiter(), expires = waiter(at(1s)), is_let_go = waiter();
        const auto pause = [&](const std::shared_ptr<Waiter>& who) {
            queue.add({"one", {}}, who);
            queue.pause(queue.take(at(0s)), at(5s));
        };
        pause(leaves);
        EXPECT_TRUE(queue.leave(leaves));
        pause(expires);
        EXPECT_EQ(queue.next_deadline(), at(1s));
        EXPECT_EQ(queue.leave_expired(at(1s)), Waiters{expires});
        pause(is_let_go);
        EXPECT_EQ(queue.leave_all_waiting(), Waiters{is_let_go});
        EXPECT_EQ(queue.waiting(), 0U);
        EXPECT_EQ(queue.end_pauses(at(9s)), 0U);
        EXPECT_EQ(queue.next_due(), Clock::time_point::max());
        queue.add({"one", {}}, leaves);
        const auto left = queue.take(at(0s));
        queue.leave(leaves);
        queue.pause(left, at(5s));
        EXPECT_EQ(queue.next_due(), Clock::time_point::max());
        EXPECT_EQ(queue.waiting(), 0U);
    }
}

TEST_F(ReadQueueTest, keeps_nobody_alive_who_has_left_it) {
    std::weak_ptr<Waiter> left, finished, expired;
    {
        const auto one = waiter(), two = waiter(), three = waiter(at(1s));
        left = one;
        finished = two;
        expired = three;
        add("one", one);
        queue_.leave(one);
        add("two", three);
        queue_.leave_expired(at(1s));
        add("three", two);
        const auto read = take();
        queue_.finish(*read);
    }
    EXPECT_TRUE(left.expired());
    EXPECT_TRUE(finished.expired());
    EXPECT_TRUE(expired.expired());
}

}  // namespace
}  // namespace signalbox::db
