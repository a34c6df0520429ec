#include "signalbox/db/detail/lease_queue.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <utility>

#include "unit/db/detail/start.hpp"

namespace signalbox::db {
namespace {

using namespace std::chrono_literals;

constexpr auto anytime = Clock::time_point::max();

std::shared_ptr<Waiter> waiter(Clock::time_point since = start, Clock::duration patience = 5s) {
    auto result = std::make_shared<Waiter>();
    result->since = since;
    result->deadline = since + patience;
    return result;
}

struct LeaseQueueTest : testing::Test {
    LeaseQueue queue{10, 3};
    const std::shared_ptr<Waiter> a = waiter();
    const std::shared_ptr<Waiter> b = waiter(start + 1s, 1s);
    const std::shared_ptr<Waiter> c = waiter(start + 2s);
};

TEST(LeaseQueues, leave_a_fifth_of_the_pool_to_short_statements_but_lend_the_only_connection) {
    EXPECT_EQ(LeaseQueue::most_transactions(1), 1U);
    EXPECT_EQ(LeaseQueue::most_transactions(2), 1U);
    EXPECT_EQ(LeaseQueue::most_transactions(3), 2U);
    EXPECT_EQ(LeaseQueue::most_transactions(5), 4U);
    EXPECT_EQ(LeaseQueue::most_transactions(6), 4U);
    EXPECT_EQ(LeaseQueue::most_transactions(10), 8U);
    EXPECT_EQ(LeaseQueue::most_transactions(100), 80U);
    for (std::size_t size = 2; size <= 1000; ++size)
        EXPECT_GE((size - LeaseQueue::most_transactions(size)) * 5, size);
}

TEST_F(LeaseQueueTest, lends_in_the_order_of_arrival) {
    EXPECT_FALSE(queue.has_ready());
    EXPECT_TRUE(queue.add(LeaseFor::statement, a));
    EXPECT_TRUE(queue.add(LeaseFor::transaction, b));
    EXPECT_EQ(queue.waiting(), 2U);
    EXPECT_EQ(queue.since(anytime), a->since);
    const auto first = queue.take(anytime);
    EXPECT_EQ(first.waiter, a);
    EXPECT_EQ(first.purpose, LeaseFor::statement);
    EXPECT_EQ(queue.transactions(), 0U);
    EXPECT_EQ(queue.since(anytime), b->since);
    EXPECT_EQ(queue.take(anytime).waiter, b);
    EXPECT_EQ(queue.transactions(), 1U);
    EXPECT_FALSE(queue.has_ready());
    EXPECT_EQ(queue.waiting(), 0U);
}

TEST_F(LeaseQueueTest, lets_statements_overtake_transactions_that_have_their_share) {
    for (int i = 0; i < 8; ++i)
        queue.lent(LeaseFor::transaction);
    EXPECT_FALSE(queue.may_lend(LeaseFor::transaction));
    EXPECT_TRUE(queue.may_lend(LeaseFor::statement));
    queue.add(LeaseFor::transaction, a);
    EXPECT_FALSE(queue.has_ready());
    queue.add(LeaseFor::statement, b);
    EXPECT_TRUE(queue.has_ready());
    EXPECT_EQ(queue.take(anytime).waiter, b);
    EXPECT_FALSE(queue.has_ready());
    queue.returned(LeaseFor::statement);
    EXPECT_FALSE(queue.has_ready());
    queue.returned(LeaseFor::transaction);
    EXPECT_TRUE(queue.has_ready());
    EXPECT_EQ(queue.take(anytime).waiter, a);
    EXPECT_EQ(queue.transactions(), 8U);
}

TEST_F(LeaseQueueTest, keeps_one_for_a_newer_connection_if_that_was_asked_for) {
    queue.add(LeaseFor::transaction, a, start);
    EXPECT_FALSE(queue.has_ready(start));
    queue.add(LeaseFor::transaction, b);
    EXPECT_EQ(queue.since(start), b->since);
    EXPECT_EQ(queue.take(start).waiter, b);
    EXPECT_FALSE(queue.has_ready(start));
    EXPECT_TRUE(queue.has_ready(start + 1ns));
    EXPECT_EQ(queue.take(start + 1ns).waiter, a);
}

TEST(LeaseQueues, let_streams_have_a_third_of_the_pool) {
    for (const auto& [pool_size, most] :
         {std::pair{1, 1}, {2, 1}, {3, 1}, {5, 1}, {6, 2}, {10, 3}, {30, 10}}) {
        LeaseQueue queue(static_cast<std::size_t>(pool_size), 10);
        int streams = 0;
        for (; queue.may_lend(LeaseFor::stream); ++streams)
            queue.lent(LeaseFor::stream);
        EXPECT_EQ(streams, most) << pool_size;
        EXPECT_TRUE(queue.may_lend(LeaseFor::statement));
        queue.returned(LeaseFor::stream);
        EXPECT_TRUE(queue.may_lend(LeaseFor::stream));
    }
}

TEST(LeaseQueues, leave_a_fifth_of_the_pool_by_streams_and_transactions_together) {
    LeaseQueue queue(10, 10, 10);
    for (int i = 0; i < 5; ++i)
        queue.lent(LeaseFor::stream);
    for (int i = 0; i < 3; ++i)
        queue.lent(LeaseFor::transaction);
    EXPECT_EQ(queue.streams(), 5U);
    EXPECT_EQ(queue.transactions(), 3U);
    EXPECT_FALSE(queue.may_lend(LeaseFor::stream));
    EXPECT_FALSE(queue.may_lend(LeaseFor::transaction));
    EXPECT_TRUE(queue.may_lend(LeaseFor::statement));
    queue.returned(LeaseFor::stream);
    EXPECT_TRUE(queue.may_lend(LeaseFor::transaction));
}

TEST_F(LeaseQueueTest, is_full_at_its_limit) {
    EXPECT_TRUE(queue.add(LeaseFor::statement, a));
    EXPECT_TRUE(queue.add(LeaseFor::statement, b));
    EXPECT_TRUE(queue.add(LeaseFor::statement, c));
    EXPECT_FALSE(queue.add(LeaseFor::statement, waiter()));
    EXPECT_EQ(queue.waiting(), 3U);
    queue.take(anytime);
    EXPECT_TRUE(queue.add(LeaseFor::statement, waiter()));
}

TEST_F(LeaseQueueTest, lets_go_who_leaves_and_whose_time_is_over) {
    queue.add(LeaseFor::statement, a);
    queue.add(LeaseFor::statement, b);
    queue.add(LeaseFor::transaction, c);
    EXPECT_EQ(queue.next_deadline(), b->deadline);
    EXPECT_EQ(queue.leave_expired(b->deadline - 1ns), Waiters{});
    EXPECT_EQ(queue.leave_expired(b->deadline), Waiters{b});
    EXPECT_FALSE(queue.leave(b));
    EXPECT_TRUE(queue.leave(a));
    EXPECT_FALSE(queue.leave(a));
    EXPECT_EQ(queue.leave_all(), Waiters{c});
    EXPECT_EQ(queue.waiting(), 0U);
    EXPECT_EQ(queue.transactions(), 0U) << "it never had one";
    EXPECT_EQ(queue.next_deadline(), anytime);
}

}  // namespace
}  // namespace signalbox::db
