// Two pools with one pool's worth of connections between them, as during a reload: one gives its
// own up, and the other is allowed as many.

#include <asio/post.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "signalbox/async/event_loop.hpp"
#include "signalbox/async/spawn.hpp"
#include "signalbox/db/pool.hpp"
#include "signalbox/db/pool_options.hpp"
#include "signalbox/testing/database.hpp"
#include "support/database_faults.hpp"
#include "support/eventually.hpp"
#include "support/locked_users.hpp"
#include "support/paths.hpp"

namespace signalbox::db {
namespace {

using namespace std::chrono_literals;
using test::eventually;

constexpr std::size_t size = 4;

class SharedPools : public testing::Test {
  protected:
    std::unique_ptr<Pool> pool(std::size_t size_at_first = 0) const {
        PoolOptions options{.url = database_.url(), .application_name = "signalbox"};
        options.size = size;
        options.size_at_first = size_at_first;
        options.query_timeout = 5min;
        options.share_reads = false;
        auto made = std::make_unique<Pool>(std::move(options));
        made->connect();
        return made;
    }
    static std::size_t connections(const Pool& pool) {
        const auto now = pool.usage();
        return now.idle + now.used;
    }
    static bool gets(const Pool& pool, std::size_t count) {
        return eventually([&] { return connections(pool) == count; });
    }
    /// A read of users, on a loop of this test's.
    std::future<std::string> read(Pool& pool) {
        auto promise = std::make_shared<std::promise<std::string>>();
        auto rows = promise->get_future();
        asio::post(loop_.context(), [&pool, promise] {
            async::spawn([&pool, promise]() -> async::Task<> {
                try {
                    const JsonText found = co_await pool.fetch_all("SELECT count(*) FROM users");
                    promise->set_value(std::string(found.text()));
                } catch (...) {
                    promise->set_exception(std::current_exception());
                }
            });
        });
        return rows;
    }
    bool are_held(int count) const {
        return eventually([&] { return test::reads_held_by_a_lock(database_.url()) == count; });
    }

    const test::Database database_{test::source_folder() + "/migrations"};
    async::EventLoop loop_{"test"};
};

TEST_F(SharedPools, begin_with_as_many_connections_as_they_are_told) {
    const auto one = pool(1);
    EXPECT_TRUE(gets(*one, 1));
    EXPECT_EQ(read(*one).get(), R"([{"count":0}])");
    // No more come by themselves, however much there is to do.
    std::optional<test::LockedUsers> lock(std::in_place, database_.url());
    std::vector<std::future<std::string>> reads;
    for (int i = 0; i < 3; ++i)
        reads.push_back(read(*one));
    ASSERT_TRUE(are_held(1));
    EXPECT_TRUE(eventually([&] { return one->usage().waiting == 2; }));
    one->allow(1);
    ASSERT_TRUE(are_held(2)) << "what waits is read by the new one";
    EXPECT_EQ(connections(*one), 2U);
    lock.reset();
    for (auto& rows : reads)
        EXPECT_EQ(rows.get(), R"([{"count":0}])");
}

TEST_F(SharedPools, are_never_allowed_more_than_their_size) {
    const auto one = pool(1);
    for (int i = 0; i < 3; ++i)
        one->allow(size);
    one->allow(static_cast<std::size_t>(-1));
    EXPECT_TRUE(gets(*one, size));
    EXPECT_EQ(test::sessions_of_the_service(database_.url()), static_cast<int>(size));
}

TEST_F(SharedPools, give_up_what_is_idle_but_for_the_last_one) {
    std::atomic<std::size_t> released = 0;
    const auto old = pool();
    ASSERT_TRUE(gets(*old, size));
    old->give_up([&] { ++released; });
    EXPECT_TRUE(eventually([&] { return released == size - 1; }));
    ASSERT_TRUE(gets(*old, 1));
    EXPECT_TRUE(eventually([&] { return test::sessions_of_the_service(database_.url()) == 1; }));
    EXPECT_EQ(read(*old).get(), R"([{"count":0}])") << "requests that are in flight go on";
    old->disconnect();
    EXPECT_EQ(released, size - 1) << "the end of the process is what tells of the last one";
}

TEST_F(SharedPools, give_up_a_connection_only_when_no_read_has_it) {
    std::atomic<std::size_t> released = 0;
    const auto old = pool();
    ASSERT_TRUE(gets(*old, size));
    std::optional<test::LockedUsers> lock(std::in_place, database_.url());
    std::vector<std::future<std::string>> reads;
    // Two more than there are connections.
    for (std::size_t i = 0; i < size + 2; ++i)
        reads.push_back(read(*old));
    ASSERT_TRUE(are_held(size));
    ASSERT_TRUE(eventually([&] { return old->usage().waiting == 2; }));
    old->give_up([&] { ++released; });
    // A connection that becomes free is for those that wait.
    database_.execute(
        "SELECT pg_cancel_backend((SELECT min(pid) FROM pg_stat_activity WHERE datname = "
        "current_database() AND application_name = 'signalbox'))");
    ASSERT_TRUE(eventually([&] { return old->usage().waiting == 1; }));
    ASSERT_TRUE(are_held(size));
    EXPECT_EQ(released, 0U);
    EXPECT_EQ(connections(*old), size);
    lock.reset();
    std::size_t answered = 0;
    for (auto& rows : reads) {
        try {
            EXPECT_EQ(rows.get(), R"([{"count":0}])");
            ++answered;
        } catch (const std::exception&) {
            // The one that was cancelled.
        }
    }
    EXPECT_EQ(answered, size + 1);
    EXPECT_TRUE(eventually([&] { return released == size - 1; }));
    EXPECT_TRUE(gets(*old, 1));
}

TEST_F(SharedPools, give_up_only_what_they_were_allowed) {
    // A successor, which is replaced before its predecessor has ended.
    std::atomic<std::size_t> released = 0;
    const auto middle = pool(1);
    middle->allow(1);
    ASSERT_TRUE(gets(*middle, 2));
    middle->give_up([&] { ++released; });
    EXPECT_TRUE(gets(*middle, 1));
    // That none is told of twice or without having been there is seen when all is over.
    middle->disconnect();
    EXPECT_EQ(released, 1U);
}

TEST_F(SharedPools, have_one_pool_s_worth_together) {
    const auto old = pool();
    ASSERT_TRUE(gets(*old, size));
    std::optional<test::LockedUsers> lock(std::in_place, database_.url());
    auto slow = read(*old);
    ASSERT_TRUE(are_held(1));

    const auto successor = pool(1);
    std::size_t most = 0;
    const auto sum = [&] {
        // In this order what moves meanwhile is not counted twice.
        const std::size_t its = connections(*successor);
        const std::size_t now = its + connections(*old);
        most = std::max(most, now);
        return now;
    };
    EXPECT_EQ(sum(), size + 1) << "one more, for the successor to begin with";
    old->give_up([&] { successor->allow(1); });
    EXPECT_TRUE(eventually([&] {
        sum();
        return connections(*successor) == size && connections(*old) == 1;
    })) << "the slow read keeps one of the old one's";
    EXPECT_EQ(most, size + 1);
    auto fast = read(*successor);
    ASSERT_TRUE(are_held(2));
    lock.reset();
    EXPECT_EQ(slow.get(), R"([{"count":0}])");
    EXPECT_EQ(fast.get(), R"([{"count":0}])");
    old->disconnect();
    successor->allow(size);
    EXPECT_TRUE(gets(*successor, size));
    EXPECT_TRUE(eventually(
        [&] { return test::sessions_of_the_service(database_.url()) == static_cast<int>(size); }));
}

}  // namespace
}  // namespace signalbox::db
