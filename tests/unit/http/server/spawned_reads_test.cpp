// Reads of a real database that are awaited by what a handler has spawned, and end after its client
// has left. AddressSanitizer sees whether anything of the request is used that is gone by then.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <future>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "signalbox/async/all.hpp"
#include "signalbox/async/spawn.hpp"
#include "signalbox/context/request_context.hpp"
#include "signalbox/db/pool.hpp"
#include "signalbox/db/pool_options.hpp"
#include "signalbox/http/server/server.hpp"
#include "signalbox/testing/database.hpp"
#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/locked_users.hpp"
#include "support/paths.hpp"
#include "support/raw_message.hpp"

namespace signalbox::http {
namespace {

using namespace std::chrono_literals;

constexpr auto longest_wait = 30s;
constexpr const char* names = "SELECT name FROM users ORDER BY id";

/// A handler that spawns reads of a table, which a lock holds back for as long as the test likes.
class SpawnedReads : public testing::TestWithParam<std::size_t> {
  protected:
    SpawnedReads() {
        database_.execute("INSERT INTO users (name, email) VALUES ('Ada', 'ada@example.com')");
        lock_.emplace(database_.url());
        db::PoolOptions options{.url = database_.url(), .application_name = "signalbox"};
        options.size = GetParam();
        options.query_timeout = 5min;
        pool_.emplace(std::move(options));
        pool_->connect();
    }
    ~SpawnedReads() override {
        lock_.reset();
        pool_->disconnect();
    }

    void serve(Handler handler) {
        server_.emplace(ServerOptions{.workers = 2},
                        std::vector<Route>{{"GET", "/spawn", std::move(handler)}});
        server_->listen();
    }

    int held() const { return test::reads_held_by_a_lock(database_.url()); }

    /// Sends a request and leaves when `reads` are awaited, of which the lock holds as many as
    /// there are connections for. Returns when nothing is left of the client's connection.
    void come_and_go(std::size_t reads) {
        const std::size_t running = std::min(reads, GetParam());
        {
            test::RawClient client(server_->port());
            client.send(test::get_bytes("/spawn?name=Grace"));
            EXPECT_TRUE(test::eventually([&] {
                return static_cast<std::size_t>(held()) == running &&
                       pool_->usage().waiting == reads - running;
            })) << held()
                << " are held, " << pool_->usage().waiting << " wait";
        }
        EXPECT_TRUE(test::eventually([&] {
            const auto now = server_->connections();
            return now.active == 0 && now.idle == 0;
        }));
    }

    test::Database database_{test::source_folder() + "/migrations"};
    std::optional<test::LockedUsers> lock_;
    /// What handlers and tasks say; they may do so for as long as there is a server.
    std::promise<std::string> task_;
    std::promise<void> handler_ended_;
    std::optional<db::Pool> pool_;
    std::optional<Server> server_;
};

INSTANTIATE_TEST_SUITE_P(connections, SpawnedReads, testing::Values(1, 4));

TEST_P(SpawnedReads, go_on_when_the_client_has_left_and_their_rows_are_used) {
    serve([&](Request& request) -> async::Task<Response> {
        async::spawn([&]() -> async::Task<> {
            const JsonText rows = co_await pool_->fetch_all(names);
            // The request is kept by this task alone by now.
            task_.set_value(request.query_parameter("name").value() + " reads " +
                            std::string(rows.text()));
        });
        try {
            co_await pool_->fetch_all("SELECT count(*) FROM users");
        } catch (...) {
            handler_ended_.set_value();
            throw;
        }
        co_return Response{};
    });
    come_and_go(2);
    handler_ended_.get_future().get();
    auto rows = task_.get_future();
    EXPECT_EQ(rows.wait_for(0s), std::future_status::timeout) << "the lock is held";
    lock_.reset();
    EXPECT_EQ(rows.get(), R"(Grace reads [{"name":"Ada"}])");
    EXPECT_EQ(server_->drain(longest_wait).cancelled, 0U);
}

TEST_P(SpawnedReads, are_not_taken_away_by_a_handler_that_awaits_the_same) {
    std::promise<void> begins;
    serve([&](Request& request) -> async::Task<Response> {
        async::spawn([&]() -> async::Task<> {
            begins.set_value();
            // One execution for both, or the next after the handler's.
            const JsonText rows = co_await pool_->fetch_all(names);
            task_.set_value(request.query_parameter("name").value() + " reads " +
                            std::string(rows.text()));
        });
        try {
            co_await pool_->fetch_all(names);
        } catch (...) {
            handler_ended_.set_value();
            throw;
        }
        co_return Response{};
    });
    {
        test::RawClient client(server_->port());
        client.send(test::get_bytes("/spawn?name=Grace"));
        begins.get_future().get();
        EXPECT_TRUE(test::eventually([&] { return held() == 1; }));
    }
    handler_ended_.get_future().get();
    lock_.reset();
    EXPECT_EQ(task_.get_future().get(), R"(Grace reads [{"name":"Ada"}])");
    EXPECT_EQ(server_->drain(longest_wait).cancelled, 0U);
}

TEST_P(SpawnedReads, several_at_once_belong_to_the_request_to_their_end) {
    serve([&](Request& request) -> async::Task<Response> {
        const auto work = [&,
                           before = std::string("what was captured before: ")]() -> async::Task<> {
            JsonText first;
            JsonText second;
            const auto read_first = [&]() -> async::Task<> {
                first = co_await pool_->fetch_all(names);
            };
            const auto read_second = [&]() -> async::Task<> {
                second = co_await pool_->fetch_all("SELECT email FROM users WHERE id = $1", 1);
            };
            co_await async::all(read_first, read_second);
            const async::Executor executor = co_await asio::this_coro::executor;
            task_.set_value(before + std::string(first.text()) + std::string(second.text()) +
                            request.path + std::string(executor.request()->route));
        };
        async::spawn(work);
        co_return Response{};
    });
    come_and_go(2);
    lock_.reset();
    EXPECT_EQ(task_.get_future().get(),
              "what was captured before: [{\"name\":\"Ada\"}]"
              "[{\"email\":\"ada@example.com\"}]/spawn/spawn");
    EXPECT_EQ(server_->drain(longest_wait).cancelled, 0U);
}

TEST_P(SpawnedReads, are_cancelled_in_postgresql_when_the_drain_s_time_is_up) {
    serve([&](Request& request) -> async::Task<Response> {
        async::spawn([&]() -> async::Task<> {
            try {
                co_await pool_->fetch_all(names);
            } catch (const asio::system_error& error) {
                task_.set_value(error.code() == asio::error::operation_aborted
                                    ? request.path + " is cancelled"
                                    : error.what());
                throw;
            }
        });
        co_return Response{};
    });
    come_and_go(1);
    EXPECT_EQ(server_->drain(50ms).cancelled, 1U);
    EXPECT_EQ(task_.get_future().get(), "/spawn is cancelled");
    EXPECT_TRUE(test::eventually([&] { return held() == 0; })) << "the lock is still there";
}

TEST_P(SpawnedReads, fail_for_their_task_when_the_database_goes_away) {
    serve([&](Request& request) -> async::Task<Response> {
        async::spawn([&]() -> async::Task<> {
            std::string why = "does not";
            try {
                co_await pool_->fetch_all(names);
            } catch (const db::Unavailable&) {
                why = "fails";
            }
            task_.set_value(request.path + ' ' + why);
        });
        co_return Response{};
    });
    come_and_go(1);
    // A read whose connection breaks is tried once more.
    for (int i = 0; i < 2; ++i) {
        const std::string waits =
            "SELECT pid FROM pg_stat_activity WHERE datname = "
            "current_database() AND wait_event_type = 'Lock' AND "
            "application_name = 'signalbox'";
        std::string pid;
        ASSERT_TRUE(test::eventually([&] {
            pid = database_.value(waits);
            return !pid.empty();
        }));
        database_.execute("SELECT pg_terminate_backend(" + pid + ")");
        ASSERT_TRUE(test::eventually([&] { return database_.value(waits) != pid; }));
    }
    EXPECT_EQ(task_.get_future().get(), "/spawn fails");
    EXPECT_EQ(server_->drain(longest_wait).cancelled, 0U);
}

}  // namespace
}  // namespace signalbox::http
