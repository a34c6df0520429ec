// LISTEN: notifications of a real PostgreSQL, as a stream that a coroutine awaits.

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "signalbox/async/all.hpp"
#include "signalbox/async/sleep.hpp"
#include "signalbox/db/pool.hpp"
#include "signalbox/db/pool_options.hpp"
#include "signalbox/testing/postgres.hpp"
#include "signalbox/testing/run.hpp"
#include "support/eventually.hpp"
#include "support/pgbouncer.hpp"

namespace signalbox::test {
namespace {

using namespace std::chrono_literals;
using async::Task;
using Kind = db::Notification::Kind;

class Listen : public testing::Test {
  protected:
    Listen() { pool_->connect(); }

    static std::string make_database(PostgresServer& server) {
        execute(server.database_url(), "CREATE DATABASE app");
        return server.database_url("app");
    }
    db::PoolOptions options() const {
        return {.url = url_, .application_name = "listens", .size = 1};
    }
    void notify(const std::string& channel, const std::string& payload) const {
        execute(url_, "SELECT pg_notify('" + channel + "', '" + payload + "')");
    }
    /// What was notified before the LISTEN is not heard: says so until it is.
    void await_first(db::Subscription& subscription, const std::string& channel) const {
        run([&]() -> Task<> {
            bool heard = false;
            const auto hears = [&]() -> Task<> {
                const auto first = co_await subscription.next();
                EXPECT_EQ(first.payload, "hello");
                heard = true;
            };
            const auto speaks = [&]() -> Task<> {
                while (!heard) {
                    notify(channel, "hello");
                    co_await async::sleep_for(10ms);
                }
            };
            std::vector<Task<>> tasks;
            tasks.push_back(hears());
            tasks.push_back(speaks());
            co_await async::all(std::move(tasks));
        }());
        // Those that were said once too often.
        notify(channel, "end");
        for (std::string payload; payload != "end";)
            payload = run(subscription.next()).payload;
    }

    PostgresServer server_;
    const std::string url_ = make_database(server_);
    std::optional<db::Pool> pool_{options()};
};

TEST_F(Listen, hears_its_channel_in_order_and_no_other) {
    auto orders = pool_->listen("Orders \"new\"");
    auto others = pool_->listen("others");
    await_first(orders, "Orders \"new\"");
    await_first(others, "others");
    notify("Orders \"new\"", "1");
    notify("others", "a");
    notify("Orders \"new\"", "2");
    notify("orders", "nobody");
    EXPECT_EQ(run(orders.next()).payload, "1");
    EXPECT_EQ(run(orders.next()).payload, "2");
    EXPECT_EQ(run(others.next()).payload, "a");
}

TEST_F(Listen, tells_that_the_connection_was_lost_and_stands_again) {
    auto orders = pool_->listen("orders");
    // PostgreSQL may be gone before it has passed on what was notified. Each notification goes to
    // the subscriptions in their order: what the second has heard, the first has, too.
    auto witness = pool_->listen("orders");
    await_first(orders, "orders");
    for (std::string payload; payload != "end";)
        payload = run(witness.next()).payload;
    notify("orders", "before");
    ASSERT_EQ(run(witness.next()).payload, "before");
    server_.restart();
    const auto before = run(orders.next());
    ASSERT_EQ(before.payload, "before");
    const auto after = run(orders.next());
    ASSERT_EQ(after.kind, Kind::reconnected);
    await_first(orders, "orders");
}

TEST_F(Listen, says_so_when_nobody_takes_what_it_hears) {
    auto orders = pool_->listen("orders");
    await_first(orders, "orders");
    const auto many = db::Subscription::most + 10;
    execute(url_, "SELECT pg_notify('orders', i::text) FROM generate_series(1, " +
                      std::to_string(many) + ") i");
    auto second = pool_->listen("second");
    await_first(second, "second");  // so the others have come, too
    EXPECT_EQ(run(orders.next()).kind, Kind::overflowed);
    EXPECT_EQ(run(orders.next()).payload, "11");
}

TEST_F(Listen, is_not_ended_where_a_role_may_not_be_idle) {
    execute(url_, "ALTER DATABASE app SET idle_session_timeout = '300ms'");
    auto orders = pool_->listen("orders");
    await_first(orders, "orders");
    ASSERT_TRUE(eventually([&] {
        return query_value(url_,
                           "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND "
                           "state_change < now() - interval '1 s'") == "1";
    }));
    notify("orders", "still there");
    const auto heard = run(orders.next());
    EXPECT_EQ(heard.kind, Kind::notified);
    EXPECT_EQ(heard.payload, "still there");
}

TEST_F(Listen, can_be_cancelled_and_awaited_again) {
    auto orders = pool_->listen("orders");
    await_first(orders, "orders");
    const auto cancelled = [&]() -> Task<> {
        const auto throws = []() -> Task<> {
            co_await async::sleep_for(10ms);
            throw std::runtime_error("enough");
        };
        const auto hears = [&]() -> Task<> { co_await orders.next(); };
        std::vector<Task<>> tasks;
        tasks.push_back(hears());
        tasks.push_back(throws());
        co_await async::all(std::move(tasks));
    };
    EXPECT_THROW(run(cancelled()), std::runtime_error);
    notify("orders", "again");
    EXPECT_EQ(run(orders.next()).payload, "again");
}

TEST_F(Listen, ends_with_the_pool) {
    auto orders = pool_->listen("orders");
    std::thread stops([&] { pool_->disconnect(); });
    try {
        run(orders.next());
        ADD_FAILURE() << "heard something";
    } catch (const db::Unavailable& error) {
        EXPECT_EQ(error.reason(), db::Unavailable::Reason::stopping);
    }
    stops.join();
    pool_.reset();
    EXPECT_THROW(run(orders.next()), db::Unavailable);
}

TEST_F(Listen, hears_past_a_pooler) {
    PgBouncer pgbouncer(server_, 2);
    auto pooled = options();
    pooled.url = pgbouncer.url("app");
    pooled.listen_url = url_;
    pooled.prepare = false;
    pool_.emplace(pooled);
    pool_->connect();
    auto orders = pool_->listen("orders");
    await_first(orders, "orders");
    run(pool_->execute("SELECT pg_notify('orders', 'through the pooler')"));
    EXPECT_EQ(run(orders.next()).payload, "through the pooler");
}

TEST_F(Listen, has_one_coroutine_that_waits) {
    auto orders = pool_->listen("orders");
    const auto both = [&]() -> Task<> {
        const auto hears = [&]() -> Task<> { co_await orders.next(); };
        std::vector<Task<>> tasks;
        tasks.push_back(hears());
        tasks.push_back(hears());
        co_await async::all(std::move(tasks));
    };
    EXPECT_THROW(run(both()), std::logic_error);
}

}  // namespace
}  // namespace signalbox::test
