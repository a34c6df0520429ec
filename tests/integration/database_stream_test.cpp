// Results of any size, batch by batch, on a real PostgreSQL.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "signalbox/async/all.hpp"
#include "signalbox/async/sleep.hpp"
#include "signalbox/db/pool.hpp"
#include "signalbox/db/pool_options.hpp"
#include "signalbox/observe/database_observer.hpp"
#include "signalbox/testing/postgres.hpp"
#include "signalbox/testing/run.hpp"
#include "support/eventually.hpp"
#include "support/pgbouncer.hpp"

namespace signalbox::test {
namespace {

using namespace std::chrono_literals;
using async::Task;
using testing::ElementsAre;
using testing::HasSubstr;

struct Item {
    std::int64_t id;
    std::string name;
};

/// What the pool tells.
struct Told : observe::DatabaseObserver {
    void executed(std::string_view, Duration, std::string_view) override { ++executions; }
    void waited(Duration) override {}
    void timed_out() override {}
    void shared_a_read() override { ++shared; }
    void retried(observe::Retry) override { ++retries; }
    void transaction_ended(observe::TransactionOutcome, Duration) override {}
    void streamed(std::size_t its_rows, std::size_t its_bytes) override {
        rows += its_rows;
        bytes += its_bytes;
    }
    void stream_ended(observe::StreamOutcome outcome) override {
        ++ended.at(static_cast<std::size_t>(outcome));
    }
    void connected(Duration) override {}
    void used(Duration) override {}

    std::atomic<int> executions = 0, shared = 0, retries = 0;
    std::atomic<std::size_t> rows = 0, bytes = 0;
    std::array<std::atomic<int>, 4> ended{};
    int count(observe::StreamOutcome outcome) const {
        return ended.at(static_cast<std::size_t>(outcome));
    }
};

class Streams : public testing::TestWithParam<Way> {
  protected:
    Streams() {
        if (GetParam() == Way::pooled) pgbouncer_.emplace(server_, 8);
        make_pool();
    }

    void make_pool(const std::function<void(db::PoolOptions&)>& change = {}) {
        pool_.reset();
        const bool direct = GetParam() == Way::direct;
        db::PoolOptions options{.url = direct ? url_ : pgbouncer_->url("app"),
                                .application_name = "signalbox",
                                .size = 5,
                                .query_timeout = 10s,
                                .prepare = direct,
                                .observer = &told_};
        if (change) change(options);
        pool_.emplace(std::move(options));
        pool_->connect();
    }

    /// All of it, and of how many rows each batch was.
    template <class T>
    std::vector<std::int64_t> ids(db::RowStream<T> rows,
                                  std::vector<std::size_t>* sizes = nullptr) {
        std::vector<std::int64_t> all;
        run([&]() -> Task<> {
            while (const auto batch = co_await rows.next()) {
                if (sizes != nullptr) sizes->push_back(batch->size());
                for (const T& item : *batch)
                    all.push_back(item.id);
            }
            EXPECT_TRUE(rows.complete());
        }());
        return all;
    }

    std::string json(db::RowStream<JsonText> rows) {
        std::string all;
        run([&]() -> Task<> {
            while (const auto batch = co_await rows.next())
                all += batch->text();
        }());
        return all;
    }

    std::string value(const std::string& sql) const { return query_value(url_, sql); }
    /// How many sessions of the pool are in a transaction or a statement.
    std::string busy_sessions() const {
        return value(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
            "backend_type = 'client backend' AND xact_start IS NOT NULL AND query <> 'SELECT 1' "
            "AND pid <> pg_backend_pid()");
    }
    bool is_at_rest() {
        return eventually([&] {
            return busy_sessions() == "0" && pool_->usage().streams == 0 &&
                   pool_->usage().used == 0;
        });
    }

    static std::string make_database(PostgresServer& server) {
        execute(server.database_url(), "CREATE DATABASE app");
        return server.database_url("app");
    }

    PostgresServer server_;
    const std::string url_ = make_database(server_);
    std::optional<PgBouncer> pgbouncer_;
    Told told_;
    std::optional<db::Pool> pool_;
};

INSTANTIATE_TEST_SUITE_P(Directly, Streams, testing::Values(Way::direct));
INSTANTIATE_TEST_SUITE_P(BehindPgBouncer, Streams, testing::Values(Way::pooled));

constexpr std::string_view numbers =
    "SELECT id::bigint, 'name ' || id AS name FROM generate_series(1, $1) AS id ORDER BY id";

TEST_P(Streams, give_all_rows_in_their_order) {
    std::vector<std::size_t> sizes;
    const auto all = ids(pool_->stream<Item>(numbers, 12'345), &sizes);
    ASSERT_EQ(all.size(), 12'345U);
    for (std::size_t i = 0; i < all.size(); ++i)
        ASSERT_EQ(all[i], static_cast<std::int64_t>(i + 1));
    EXPECT_GT(sizes.size(), 12U);
    EXPECT_THAT(sizes, testing::Each(testing::Le(1000U)));
    EXPECT_TRUE(is_at_rest());
    EXPECT_EQ(told_.count(observe::StreamOutcome::completed), 1);
    EXPECT_EQ(told_.rows, 12'345U);
}

TEST_P(Streams, are_one_batch_up_to_a_thousand_rows) {
    for (const int rows : {1, 999, 1000}) {
        std::vector<std::size_t> sizes;
        EXPECT_EQ(ids(pool_->stream<Item>(numbers, rows), &sizes).size(),
                  static_cast<std::size_t>(rows));
        EXPECT_THAT(sizes, ElementsAre(rows));
    }
    EXPECT_EQ(told_.rows, 0U) << "a cursor was used";
    EXPECT_EQ(ids(pool_->stream<Item>(numbers, 1001)).size(), 1001U);
    EXPECT_EQ(told_.rows, 1001U);
    // Now it is known to be large, until it is not.
    EXPECT_EQ(ids(pool_->stream<Item>(numbers, 1000)).size(), 1000U);
    EXPECT_EQ(told_.rows, 2001U);
    EXPECT_EQ(ids(pool_->stream<Item>(numbers, 1000)).size(), 1000U);
    EXPECT_EQ(told_.rows, 2001U);
}

TEST_P(Streams, of_no_rows_have_no_batch) {
    EXPECT_EQ(json(pool_->stream(numbers, 0)), "");
    EXPECT_THAT(ids(pool_->stream<Item>(numbers, 0)), ElementsAre());
    // Also where a cursor is used, as the statement was large the last time.
    EXPECT_EQ(ids(pool_->stream<Item>(numbers, 2000)).size(), 2000U);
    EXPECT_THAT(ids(pool_->stream<Item>(numbers, 0)), ElementsAre());
}

TEST_P(Streams, are_json_as_other_reads_are) {
    const auto sql =
        "SELECT id, id % 2 = 0 AS even, 'x\"' || id AS text, NULL AS nothing, id * 2 AS \"text\", "
        "timestamptz '2026-01-02 03:04:05+00' AS at FROM generate_series(1, 1500) id; -- all";
    const std::string whole(run(pool_->fetch_all(sql)).text());
    std::string streamed = json(pool_->stream(sql));
    for (auto at = streamed.find("]["); at != std::string::npos; at = streamed.find("][", at))
        streamed.replace(at, 2, ",");
    EXPECT_EQ(streamed, whole);
    std::string typed;
    run([&]() -> Task<> {
        auto rows = pool_->stream_rows<Item>(numbers, 1500);
        while (const auto batch = co_await rows.next())
            typed += batch->json().text();
    }());
    EXPECT_THAT(typed, HasSubstr(R"({"id":1,"name":"name 1"},{"id":2,"name":"name 2"})"));
    EXPECT_THAT(typed, HasSubstr(R"({"id":1500,"name":"name 1500"}])"));
}

TEST_P(Streams, bind_their_parameters) {
    const auto sql =
        "SELECT id::bigint, coalesce($2, 'none') AS name FROM generate_series($1::int, 3000) id "
        "WHERE $3::text IS NULL";
    const std::optional<std::string> null;
    std::string name;
    run([&]() -> Task<> {
        auto rows = pool_->stream<Item>(sql, 11, "it's $1; DROP", null);
        const auto first = co_await rows.next();
        EXPECT_EQ(first->front().id, 11);
        name = first->front().name;
    }());
    EXPECT_EQ(name, "it's $1; DROP");
    EXPECT_THROW(pool_->stream(sql, std::string_view("a\0b", 3)), db::InvalidData);
}

TEST_P(Streams, of_statements_that_are_no_plain_query_are_one_batch) {
    EXPECT_EQ(json(pool_->stream("SHOW integer_datetimes")), R"([{"integer_datetimes":"on"}])");
    EXPECT_THAT(json(pool_->stream("EXPLAIN SELECT 1")), HasSubstr("Result"));
    EXPECT_EQ(json(pool_->stream("VALUES (1), (2)")), R"([{"column1":1},{"column1":2}])");
    EXPECT_THAT(json(pool_->stream("WITH n AS (SELECT 7 AS x) TABLE n")), R"([{"x":7}])");
    EXPECT_THAT(json(pool_->stream("(SELECT 1 AS a) UNION ALL (SELECT 2) ORDER BY a")),
                R"([{"a":1},{"a":2}])");
}

TEST_P(Streams, of_wide_rows_take_few_at_a_time) {
    const auto sql =
        "SELECT id::bigint, repeat('x', 20000 + (id % 7) * 10000) AS name FROM generate_series(1, "
        "1200) AS id";
    std::size_t most = 0;
    std::size_t count = 0;
    run([&]() -> Task<> {
        auto rows = pool_->stream(sql);
        while (const auto batch = co_await rows.next()) {
            // The first was asked for before anybody knew.
            if (++count > 1) most = std::max(most, batch->text().size());
        }
    }());
    EXPECT_GT(count, 20U);
    EXPECT_LE(most, std::size_t{512} * 1024);
}

TEST_P(Streams, fail_in_the_middle_and_leave_the_connection_usable) {
    make_pool([](db::PoolOptions& options) { options.size = 1; });
    const auto pid = "SELECT pg_backend_pid()";
    const int before = run(pool_->unshared().fetch_value<int>(pid));
    std::size_t seen = 0;
    std::string sqlstate;
    run([&]() -> Task<> {
        auto rows = pool_->stream<Item>(
            "SELECT id::bigint, 'x' AS name FROM generate_series(1, 6000) id WHERE 1 / (5000 - id) "
            "IS NOT NULL");
        try {
            while (const auto batch = co_await rows.next())
                seen += batch->size();
            ADD_FAILURE() << "no error";
        } catch (const db::Error& error) {
            sqlstate = error.sqlstate();
        }
    }());
    EXPECT_EQ(sqlstate, "22012");
    EXPECT_GE(seen, 3000U);
    EXPECT_LT(seen, 5000U);
    EXPECT_TRUE(is_at_rest());
    EXPECT_EQ(told_.count(observe::StreamOutcome::failed), 1);
    if (GetParam() == Way::direct) {
        EXPECT_EQ(run(pool_->unshared().fetch_value<int>(pid)), before);
    }
    EXPECT_EQ(ids(pool_->stream<Item>(numbers, 2000)).size(), 2000U);
}

TEST_P(Streams, refuse_what_writes) {
    execute(url_, "CREATE SEQUENCE numbers");
    EXPECT_THROW(json(pool_->stream("SELECT nextval('numbers') FROM generate_series(1, 2000)")),
                 db::Error);
    EXPECT_THROW(json(pool_->stream("CREATE TABLE made (id int)")), db::Error);
    EXPECT_EQ(value("SELECT count(*) FROM pg_class WHERE relname = 'made'"), "0");
    // Where the first rows do not show it.
    execute(
        url_,
        "CREATE TABLE written (id int); CREATE FUNCTION write_at(n int) RETURNS int AS $$ BEGIN "
        "IF n = 4000 THEN INSERT INTO written VALUES (n); END IF; RETURN n; END $$ LANGUAGE "
        "plpgsql");
    try {
        json(pool_->stream("SELECT write_at(id) FROM generate_series(1, 5000) id"));
        ADD_FAILURE() << "no error";
    } catch (const db::Error& error) {
        EXPECT_EQ(error.sqlstate(), "25006");
    }
    EXPECT_EQ(value("SELECT count(*) FROM written"), "0");
    EXPECT_TRUE(is_at_rest());
}

TEST_P(Streams, that_do_not_fit_their_type_say_so) {
    EXPECT_THROW(ids(pool_->stream<Item>("SELECT id FROM generate_series(1, 2000) id")),
                 db::ResultMismatch);
    EXPECT_TRUE(is_at_rest());
}

TEST_P(Streams, go_back_to_the_pool_when_their_reader_leaves) {
    make_pool([](db::PoolOptions& options) { options.stream_window = 64 * 1024; });
    run([&]() -> Task<> {
        auto rows = pool_->stream<Item>(numbers, 50'000);
        co_await rows.next();
        EXPECT_EQ(pool_->usage().streams, 1U);
    }());
    EXPECT_TRUE(is_at_rest());
    EXPECT_EQ(told_.count(observe::StreamOutcome::left), 1);
}

TEST_P(Streams, are_cancelled_in_postgresql_while_it_works_for_nobody) {
    // 2,000 rows come at once, then it sleeps for a minute.
    const auto sql =
        "SELECT id::bigint, CASE WHEN id = 2001 THEN pg_sleep(60)::text ELSE 'x' END AS name FROM "
        "generate_series(1, 3000) id";
    make_pool([](db::PoolOptions& options) { options.query_timeout = 50s; });
    const auto began = std::chrono::steady_clock::now();
    EXPECT_THROW(run([&]() -> Task<> {
                     const auto read = [&]() -> Task<> {
                         auto rows = pool_->stream<Item>(sql);
                         while (const auto batch = co_await rows.next()) {
                         }
                     };
                     const auto fail = [&]() -> Task<> {
                         while (value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = "
                                      "'PgSleep'") != "1")
                             co_await async::sleep_for(10ms);
                         throw std::runtime_error("enough");
                     };
                     co_await async::all(read(), fail());
                 }()),
                 std::runtime_error);
    EXPECT_TRUE(is_at_rest());
    EXPECT_LT(std::chrono::steady_clock::now() - began, 40s);
}

TEST_P(Streams, have_the_query_timeout_for_each_fetch) {
    make_pool([](db::PoolOptions& options) { options.query_timeout = 1s; });
    // Longer as a whole, as it sleeps for 0.4 s in several of the FETCHes.
    const auto slow =
        "SELECT id::bigint, CASE WHEN id % 1500 = 0 THEN pg_sleep(0.4)::text ELSE 'x' END AS name "
        "FROM generate_series(1, 6100) id";
    EXPECT_EQ(ids(pool_->stream<Item>(slow)).size(), 6100U);
    // Too long in one of them.
    const auto too_slow =
        "SELECT id::bigint, CASE WHEN id = 2500 THEN pg_sleep(30)::text ELSE 'x' END AS name FROM "
        "generate_series(1, 3000) id";
    try {
        ids(pool_->stream<Item>(too_slow));
        ADD_FAILURE() << "no error";
    } catch (const db::Unavailable& error) {
        EXPECT_EQ(error.reason(), db::Unavailable::Reason::timeout);
    }
    EXPECT_TRUE(is_at_rest());
}

TEST_P(Streams, outlive_the_time_a_session_may_be_idle_in_a_transaction) {
    make_pool([](db::PoolOptions& options) {
        options.stream_window = 64 * 1024;
        options.transaction_idle_timeout = 1ms;  // and five seconds, in PostgreSQL
        options.query_timeout = 30s;
    });
    std::size_t seen = 0;
    run([&]() -> Task<> {
        auto rows = pool_->stream<Item>(numbers, 20'000);
        const auto first = co_await rows.next();
        seen += first->size();
        co_await async::sleep_for(7s);
        while (const auto batch = co_await rows.next())
            seen += batch->size();
    }());
    EXPECT_EQ(seen, 20'000U);
}

TEST_P(Streams, have_so_many_connections_and_no_more) {
    make_pool([](db::PoolOptions& options) {
        options.size = 4;
        options.max_streams = 1;
        options.stream_window = 64 * 1024;
        options.query_timeout = 3s;
    });
    run([&]() -> Task<> {
        auto first = pool_->stream<Item>(numbers, 20'000);
        co_await first.next();
        // Another one waits, as reads do, and not for ever.
        auto second = pool_->stream<Item>(numbers, 20'001);
        bool refused = false;
        try {
            co_await second.next();
        } catch (const db::Unavailable& error) {
            refused = error.reason() == db::Unavailable::Reason::timeout;
        }
        EXPECT_TRUE(refused);
        // Others have their share.
        const int one = co_await pool_->fetch_value<int>("SELECT 1");
        EXPECT_EQ(one, 1);
        co_await pool_->transaction([&](db::Transaction& transaction) -> Task<> {
            co_await transaction.fetch_value<int>("SELECT 1");
        });
        // It begins when the first one is over.
        auto third = pool_->stream<Item>(numbers, 20'002);
        const auto end_first = [&]() -> Task<> {
            while (pool_->usage().streams_waiting == 0)
                co_await async::sleep_for(1ms);
            while (const auto batch = co_await first.next()) {
            }
        };
        const auto read_third = [&]() -> Task<> {
            const auto batch = co_await third.next();
            EXPECT_EQ(batch->front().id, 1);
        };
        co_await async::all(end_first(), read_third());
    }());
    EXPECT_TRUE(is_at_rest());
}

TEST_P(Streams, are_shared_by_those_who_wait_together_and_the_slowest_holds_the_window) {
    make_pool([](db::PoolOptions& options) {
        options.size = 4;
        options.max_streams = 1;
        options.stream_window = 256 * 1024;
    });
    std::vector<std::size_t> seen(20);
    run([&]() -> Task<> {
        // Everybody comes while another stream has the connection, and it is known to be large.
        auto other = pool_->stream<Item>(numbers, 20'000);
        co_await other.next();
        auto slowest = pool_->stream<Item>(numbers, 10'000);
        bool somebody_is_done = false;
        const auto read = [&](std::size_t which) -> Task<> {
            auto rows = pool_->stream<Item>(numbers, 10'000);
            std::int64_t last = 0;
            while (const auto batch = co_await rows.next()) {
                EXPECT_EQ(batch->front().id, last + 1);
                last = batch->back().id;
                seen[which] += batch->size();
            }
            somebody_is_done = true;
        };
        const auto read_slowly = [&]() -> Task<> {
            co_await slowest.next();
            // All others have to wait for it: 10,000 rows are more than the window.
            std::size_t before = 0;
            while (before != told_.rows) {
                before = told_.rows;
                co_await async::sleep_for(300ms);
            }
            EXPECT_FALSE(somebody_is_done);
            EXPECT_LT(before, 29'000U);
            while (const auto batch = co_await slowest.next()) {
            }
        };
        const auto let_them = [&]() -> Task<> {
            while (told_.shared < 20)
                co_await async::sleep_for(1ms);
            EXPECT_EQ(pool_->usage().streams_waiting, 1U);
            while (const auto batch = co_await other.next()) {
            }
        };
        std::vector<Task<>> tasks;
        tasks.push_back(read_slowly());
        tasks.push_back(let_them());
        for (std::size_t i = 0; i < seen.size(); ++i)
            tasks.push_back(read(i));
        co_await async::all(std::move(tasks));
    }());
    EXPECT_THAT(seen, testing::Each(10'000U));
    EXPECT_EQ(told_.rows, 30'000U) << "more than one execution";
    EXPECT_TRUE(is_at_rest());
}

TEST_P(Streams, end_a_reader_that_is_too_slow_while_others_wait_for_the_window) {
    make_pool([](db::PoolOptions& options) {
        options.size = 4;
        options.max_streams = 1;
        options.stream_window = 256 * 1024;
        options.stream_grace = 500ms;
    });
    bool too_slow = false;
    std::size_t seen = 0;
    run([&]() -> Task<> {
        auto other = pool_->stream<Item>(numbers, 20'000);
        co_await other.next();
        auto slow = pool_->stream<Item>(numbers, 30'000);
        const auto join_slow = [&]() -> Task<> { co_await slow.next(); };
        const auto read = [&]() -> Task<> {
            auto rows = pool_->stream<Item>(numbers, 30'000);
            while (const auto batch = co_await rows.next())
                seen += batch->size();
        };
        const auto let_them = [&]() -> Task<> {
            while (told_.shared < 1)
                co_await async::sleep_for(1ms);
            while (const auto batch = co_await other.next()) {
            }
        };
        co_await async::all(join_slow(), read(), let_them());  // it would not end otherwise
        try {
            while (const auto batch = co_await slow.next()) {
            }
        } catch (const db::SlowReader&) {
            too_slow = true;
        }
    }());
    EXPECT_EQ(seen, 30'000U);
    EXPECT_TRUE(too_slow);
    EXPECT_EQ(told_.count(observe::StreamOutcome::slow_client), 1);
    EXPECT_TRUE(is_at_rest());
}

TEST_P(Streams, end_a_reader_that_is_too_slow_while_others_wait_for_its_connection) {
    make_pool([](db::PoolOptions& options) {
        options.size = 4;
        options.max_streams = 1;
        options.stream_window = 64 * 1024;
        options.stream_grace = 500ms;
    });
    run([&]() -> Task<> {
        auto slow = pool_->stream<Item>(numbers, 30'000);
        co_await slow.next();
        co_await async::sleep_for(2s);
        EXPECT_EQ(pool_->usage().streams, 1U) << "nobody waits for it";
        auto other = pool_->stream<Item>(numbers, 3000);
        const auto batch = co_await other.next();
        EXPECT_EQ(batch->front().id, 1);
        bool too_slow = false;
        try {
            co_await slow.next();
        } catch (const db::SlowReader&) {
            too_slow = true;
        }
        EXPECT_TRUE(too_slow);
    }());
    EXPECT_TRUE(is_at_rest());
}

TEST_P(Streams, keep_their_connection_as_long_as_too_much_waits_for_readers) {
    ids(pool_->stream<Item>(numbers, 20'000));
    make_pool([all = told_.bytes.load()](db::PoolOptions& options) {
        options.size = 4;
        options.max_streams = 1;
        options.streams_left_over = all * 7 / 10;
    });
    ASSERT_LT(told_.bytes, db::PoolOptions().stream_window);
    const auto is_read = [this](std::size_t rows) {
        return eventually([&] { return told_.rows == rows && busy_sessions() == "0"; });
    };
    const auto has_left = [this] {
        return eventually([this] { return pool_->usage().streams == 0; });
    };
    told_.rows = 0;
    run([&]() -> Task<> {
        auto first = pool_->stream<Item>(numbers, 20'000);
        auto batch = co_await first.next();
        EXPECT_TRUE(is_read(20'000));
        EXPECT_EQ(pool_->usage().streams, 1U);
        while (batch && batch->back().id < 8000)
            batch = co_await first.next();
        EXPECT_TRUE(has_left()) << "there is room for what is left";
        auto second = pool_->stream<Item>(numbers, 8000);
        co_await second.next();
        EXPECT_TRUE(is_read(28'000));
        EXPECT_EQ(pool_->usage().streams, 1U) << "for both there is not";
        while (batch)
            batch = co_await first.next();
        EXPECT_TRUE(has_left());
        std::int64_t last = 0;
        while (const auto rest = co_await second.next())
            last = rest->back().id;
        EXPECT_EQ(last, 8000);
        // Who leaves makes room.
        auto third = pool_->stream<Item>(numbers, 20'000);
        co_await third.next();
        EXPECT_TRUE(is_read(48'000));
        EXPECT_EQ(pool_->usage().streams, 1U);
    }());
    EXPECT_TRUE(is_at_rest());
}

TEST_P(Streams, give_nobody_rows_older_than_his_request) {
    execute(url_,
            "CREATE TABLE items (id bigint, name text); INSERT INTO items SELECT id, 'x' FROM "
            "generate_series(1, 20000) id");
    make_pool([](db::PoolOptions& options) {
        options.max_streams = 2;
        options.stream_window = 64 * 1024;
    });
    const auto all = "SELECT id, name FROM items";
    run([&]() -> Task<> {
        auto before = pool_->stream<Item>(all);
        co_await before.next();
        execute(url_, "INSERT INTO items VALUES (20001, 'y')");
        auto after = pool_->stream<Item>(all);
        std::size_t of_after = 0;
        while (const auto batch = co_await after.next())
            of_after += batch->size();
        EXPECT_EQ(of_after, 20'001U);
        std::size_t of_before = 100;
        while (const auto batch = co_await before.next())
            of_before += batch->size();
        EXPECT_EQ(of_before, 20'000U) << "its rows are of one moment";
    }());
}

TEST_P(Streams, see_that_the_pool_ends) {
    make_pool([](db::PoolOptions& options) { options.stream_window = 64 * 1024; });
    run([&]() -> Task<> {
        auto rows = pool_->stream<Item>(numbers, 50'000);
        co_await rows.next();
        std::thread disconnects([&] { pool_->disconnect(); });
        auto reason = db::Unavailable::Reason::unreachable;
        try {
            while (const auto batch = co_await rows.next()) {
            }
        } catch (const db::Unavailable& error) {
            reason = error.reason();
        }
        EXPECT_EQ(reason, db::Unavailable::Reason::stopping);
        disconnects.join();
        auto later = pool_->stream<Item>(numbers, 50'000);
        bool refused = false;
        try {
            co_await later.next();
        } catch (const db::Unavailable&) {
            refused = true;
        }
        EXPECT_TRUE(refused);
    }());
    EXPECT_TRUE(eventually([&] { return busy_sessions() == "0"; }));
}

TEST_P(Streams, see_that_their_connection_breaks) {
    make_pool([](db::PoolOptions& options) { options.stream_window = 64 * 1024; });
    run([&]() -> Task<> {
        auto rows = pool_->stream<Item>(numbers, 50'000);
        co_await rows.next();
        execute(url_,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
                "current_database() AND pid <> pg_backend_pid()");
        bool broke = false;
        try {
            while (const auto batch = co_await rows.next()) {
            }
        } catch (const db::Unavailable& error) {
            broke = error.reason() == db::Unavailable::Reason::unreachable;
        }
        EXPECT_TRUE(broke);
    }());
    EXPECT_TRUE(eventually([&] { return pool_->reachable(); }));
    if (pgbouncer_) pgbouncer_->start_if_it_ended();
    EXPECT_TRUE(eventually([&] {
        try {
            return ids(pool_->stream<Item>(numbers, 2000)).size() == 2000;
        } catch (const db::Unavailable&) {
            return false;
        }
    }));
}

TEST_P(Streams, of_a_transaction_see_what_it_has_done) {
    execute(url_, "CREATE TABLE items (id bigint, name text)");
    run([&]() -> Task<> {
        co_await pool_->transaction([&](db::Transaction& transaction) -> Task<> {
            co_await transaction.execute(
                "INSERT INTO items SELECT id, 'x' FROM generate_series(1, 2500) id");
            auto rows = transaction.stream<Item>("SELECT id, name FROM items WHERE id > $1", 100);
            auto others = transaction.stream("SELECT id FROM items WHERE id < $1", 3);
            std::size_t seen = 0;
            while (const auto batch = co_await rows.next()) {
                seen += batch->size();
                co_await transaction.execute("UPDATE items SET name = 'y' WHERE id = $1",
                                             batch->front().id);
            }
            EXPECT_EQ(seen, 2400U);
            const auto few = co_await others.next();
            EXPECT_EQ(few->text(), R"([{"id":1},{"id":2}])");
            EXPECT_TRUE(others.complete());
        });
    }());
    EXPECT_EQ(value("SELECT count(*) >= 4 FROM items WHERE name = 'y'"), "t");
    EXPECT_TRUE(is_at_rest());
}

}  // namespace
}  // namespace signalbox::test
