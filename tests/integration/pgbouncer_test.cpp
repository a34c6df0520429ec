// The service behind the real PgBouncer in transaction mode, with a pool that is larger than
// PgBouncer's own: each statement may run on another session, which others used in between.

#include "support/pgbouncer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <pqxx/pqxx>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "signalbox/async/sleep.hpp"
#include "signalbox/db/pool.hpp"
#include "signalbox/db/pool_options.hpp"
#include "signalbox/testing/postgres.hpp"
#include "signalbox/testing/run.hpp"
#include "support/database_faults.hpp"
#include "support/eventually.hpp"
#include "support/executions.hpp"
#include "support/http_client.hpp"
#include "support/load.hpp"
#include "support/locked_users.hpp"
#include "support/prometheus.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

using namespace std::chrono_literals;
using testing::Each;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;

/// Runs what it is given in a loop, for as long as it lives.
class Meanwhile {
  public:
    template <class Action>
    explicit Meanwhile(Action action)
        : thread_([this, action] {
              while (!done_)
                  action();
          }) {}
    ~Meanwhile() {
        done_ = true;
        thread_.join();
    }

  private:
    std::atomic<bool> done_ = false;
    std::thread thread_;
};

struct BehindPgBouncer : testing::Test {
    PostgresServer server;
    PgBouncer pgbouncer{server, 2};
    std::string url;  ///< of PostgreSQL itself
    std::string rows;
    std::optional<Service> service;

    void SetUp() override {
        execute(server.database_url(), "CREATE DATABASE app");
        url = server.database_url("app");
        ASSERT_EQ(run_signalbox({"migrate", "--database-url", url}).status, 0);
        rows = fill_users(url, "users");
        execute(url, "CHECKPOINT");
    }

    void serve(std::vector<std::string> arguments = {}) {
        arguments.insert(arguments.end(), {"--database-prepare", "off", "--database-pool-size", "6",
                                           "--database-share-reads", "off"});
        service.emplace(pgbouncer.url("app"), arguments);
    }

    HttpResponse users() const { return get(service->url("/users")); }

    std::vector<HttpResponse> users_at_once(std::size_t count) const {
        return send_all(std::vector<HttpRequest>(count, {.url = service->url("/users")}));
    }

    void expect_right_answers(const Load::Counts& counts) const {
        EXPECT_THAT(counts.wrong, IsEmpty());
        EXPECT_GT(counts.users, 50);
        EXPECT_LT(counts.slowest_fast, 2s);
        EXPECT_FALSE(service->has_ended());
    }
};

TEST_F(BehindPgBouncer, answers_with_more_connections_than_it_has_sessions) {
    serve();
    const auto responses = users_at_once(200);
    EXPECT_THAT(responses, Each(Field(&HttpResponse::status, 200)));
    EXPECT_THAT(responses, Each(Field(&HttpResponse::body, rows)));
    EXPECT_LE(sessions_of_the_service(url), 2);
    EXPECT_EQ(service->metric("db_client_connections"), 6);
}

TEST_F(BehindPgBouncer, shares_reads) {
    Executions executions(url);
    execute(url,
            "ALTER TABLE users RENAME TO all_users;"
            "CREATE VIEW users AS SELECT all_users.* FROM all_users, count_execution(),"
            " pg_sleep(0.2)");
    const Service sharing(pgbouncer.url("app"), {"--database-prepare", "off"});
    const auto responses = send_all(std::vector<HttpRequest>(100, {.url = sharing.url("/users")}));
    EXPECT_THAT(responses, Each(Field(&HttpResponse::body, rows)));
    EXPECT_LT(executions.count(), 10);
}

TEST_F(BehindPgBouncer, serves_a_column_that_is_added_while_it_runs) {
    serve();
    EXPECT_THAT(users_at_once(20), Each(Field(&HttpResponse::body, rows)));
    execute(url, "ALTER TABLE users ADD COLUMN active boolean DEFAULT true");
    EXPECT_THAT(users_at_once(20),
                Each(Field(&HttpResponse::body, HasSubstr(R"(+00:00","active":true})"))));
    execute(url, "ALTER TABLE users ALTER COLUMN active TYPE text USING 'yes'");
    EXPECT_THAT(users_at_once(20),
                Each(Field(&HttpResponse::body, HasSubstr(R"(+00:00","active":"yes"})"))));
}

TEST_F(BehindPgBouncer, answers_500_to_what_postgresql_refuses_and_goes_on) {
    serve();
    execute(url, "ALTER TABLE users RENAME TO gone");
    EXPECT_THAT(users_at_once(20), Each(Field(&HttpResponse::status, 500)));
    execute(url, "ALTER TABLE gone RENAME TO users");
    EXPECT_THAT(users_at_once(20), Each(Field(&HttpResponse::body, rows)));
}

TEST_F(BehindPgBouncer, is_not_confused_by_what_others_leave_in_its_sessions) {
    serve();
    Load load(*service, rows);
    const std::string others_url = pgbouncer.url("app") + "?application_name=other";
    {
        const Meanwhile prepares([&] {
            try {
                execute(others_url, "PREPARE signalbox_1 AS SELECT 'another statement'");
            } catch (const std::runtime_error&) {  // the session has one
                execute(others_url, "DISCARD ALL");
            }
        });
        const Meanwhile sets([&] {
            execute(others_url, "SET timezone = 'Asia/Kolkata'");
            execute(others_url, "SET datestyle = 'German'");
            execute(others_url, "SET client_encoding = 'LATIN1'");
        });
        EXPECT_TRUE(eventually([&] { return load.counts().users > 500; }));
    }
    const Load::Counts counts = load.stop();
    expect_right_answers(counts);
    EXPECT_EQ(counts.unavailable, 0);
}

/// Whose settings are for somebody at a prompt.
void make_an_odd_role(const std::string& url) {
    execute(url, "CREATE ROLE odd LOGIN SUPERUSER");
    for (const std::string setting :
         {"lock_timeout = '1ms'", "statement_timeout = '1500ms'", "extra_float_digits = -10",
          "datestyle = 'German'", "intervalstyle = 'iso_8601'", "bytea_output = 'escape'",
          "timezone = 'Asia/Kolkata'", "idle_session_timeout = '1s'",
          "idle_in_transaction_session_timeout = '100ms'", "array_nulls = off"})
        execute(url, "ALTER ROLE odd SET " + setting);
    if (query_value(url, "SHOW server_version_num") >= "170000")
        execute(url, "ALTER ROLE odd SET transaction_timeout = '1500ms'");
}

/// All that was not so from the start, and what we set.
std::string session_settings(const std::string& url) {
    return query_value(url,
                       "SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM "
                       "pg_settings WHERE source = 'session' OR name IN ('lock_timeout', "
                       "'statement_timeout', 'extra_float_digits', 'IntervalStyle', "
                       "'bytea_output', 'array_nulls', 'idle_in_transaction_session_timeout')");
}

constexpr std::string_view forms =
    "SELECT 0.1::float8 + 0.2 AS f, interval '1 day 2 hours' AS i, '\\x00ff'::bytea AS b,"
    " timestamptz '2026-01-02 03:04:05+00' AS t";
constexpr std::string_view right_forms =
    R"([{"f":0.30000000000000004,"i":"1 day 02:00:00","b":"\\x00ff",)"
    R"("t":"2026-01-02T03:04:05.000000+00:00"}])";
struct Forms {
    double f;
};
constexpr std::string_view takes_long = "SELECT pg_sleep(1.7)::text";

TEST_F(BehindPgBouncer, depends_on_nothing_that_a_role_has_set) {
    make_an_odd_role(url);
    const std::string odd_url = pgbouncer.url("app", "odd");
    EXPECT_EQ(query_value(odd_url, "SHOW extra_float_digits"), "-10");
    db::Pool pool{{.url = odd_url, .application_name = "signalbox", .size = 1, .prepare = false}};
    pool.connect();
    EXPECT_EQ(run(pool.fetch_all(forms)).text(), right_forms);
    const std::vector<std::optional<int>> numbers{1, std::nullopt};
    constexpr std::string_view array = "SELECT $1::int[] AS a";
    EXPECT_EQ(run(pool.fetch_all(array, numbers)).text(), R"([{"a":"{1,NULL}"}])");
    {
        db::Pool direct{{.url = url + "&user=odd", .size = 1}};
        direct.connect();
        EXPECT_EQ(run(direct.fetch_all(forms)).text(), right_forms);
        EXPECT_EQ(run(direct.fetch_all(array, numbers)).text(), R"([{"a":"{1,NULL}"}])");
        run(direct.fetch_all(takes_long));
    }
    run(pool.fetch_all(takes_long));
    EXPECT_EQ(run(pool.execute_one<Forms>(forms)).f, 0.1 + 0.2);
    run(pool.execute(takes_long));
    const auto in_transaction = [](db::Transaction& transaction) -> async::Task<std::string> {
        const JsonText rows = co_await transaction.fetch_all(forms);
        co_await transaction.execute(takes_long);
        co_await async::sleep_for(200ms);  // idle for longer than the role would be
        const JsonText again = co_await transaction.fetch_all(forms);
        EXPECT_EQ(again.text(), rows.text());
        co_return std::string(rows.text());
    };
    EXPECT_EQ(run(pool.transaction(in_transaction)), right_forms);

    // Held by a lock for longer than the role would wait.
    std::optional<LockedUsers> lock(std::in_place, url);
    std::thread unlocks([&] {
        EXPECT_TRUE(eventually([&] { return reads_held_by_a_lock(url) == 1; }));
        lock.reset();
    });
    EXPECT_EQ(run(pool.execute("UPDATE users SET name = name WHERE false")), 0U);
    unlocks.join();
}

TEST_F(BehindPgBouncer, leaves_nothing_behind_in_its_sessions) {
    make_an_odd_role(url);
    // One session, for the service and for others.
    const PgBouncer narrow(server, 1);
    const std::string others_url = narrow.url("app", "odd");
    const std::string before = session_settings(others_url);
    EXPECT_THAT(before, HasSubstr("extra_float_digits=-10"));
    db::Pool pool{{.url = others_url, .size = 1, .prepare = false}};
    pool.connect();
    const auto expect_as_before = [&](std::string_view what) {
        EXPECT_EQ(session_settings(others_url), before) << "after " << what;
    };
    run(pool.fetch_all(forms));
    expect_as_before("a read");
    EXPECT_THROW(run(pool.fetch_all("SELECT nobody")), db::Error);
    expect_as_before("a read that failed");
    run(pool.execute(forms));
    expect_as_before("a write");
    EXPECT_THROW(run(pool.execute("SELECT nobody")), db::Error);
    expect_as_before("a write that failed");
    const auto work = [](db::Transaction& transaction) -> async::Task<> {
        co_await transaction.execute(forms);
    };
    run(pool.transaction(work));
    expect_as_before("a transaction");
    const auto failing = [](db::Transaction& transaction) -> async::Task<> {
        co_await transaction.execute(forms);
        throw std::runtime_error("the handler's");
    };
    EXPECT_THROW(run(pool.transaction(failing)), std::runtime_error);
    expect_as_before("a transaction that was rolled back");
}

TEST_F(BehindPgBouncer, cancels_what_nobody_waits_for) {
    serve();
    std::optional<LockedUsers> lock(std::in_place, url);
    EXPECT_EQ(send({.url = service->url("/users"), .headers = {"Request-Timeout: 0.5"}}).status,
              504);
    EXPECT_TRUE(eventually([&] { return reads_held_by_a_lock(url) == 0; }));
    lock.reset();
    EXPECT_THAT(users_at_once(20), Each(Field(&HttpResponse::body, rows)));
}

// PgBouncer takes no statement_timeout from the service, so nothing but the service's own request
// to cancel ends a statement at --database-query-timeout.
TEST_F(BehindPgBouncer, ends_a_statement_at_its_timeout) {
    serve({"--database-query-timeout", "1s"});
    EXPECT_EQ(query_value(pgbouncer.url("app"), "SHOW statement_timeout"), "0");
    std::optional<LockedUsers> lock(std::in_place, url);
    EXPECT_EQ(users().status, 503);
    EXPECT_TRUE(eventually([&] { return reads_held_by_a_lock(url) == 0; }));
    // More than PgBouncer has sessions: some never begin.
    EXPECT_THAT(users_at_once(12), Each(Field(&HttpResponse::status, 503)));
    EXPECT_TRUE(eventually([&] { return reads_held_by_a_lock(url) == 0; }));
    lock.reset();
    EXPECT_TRUE(eventually([&] { return users().status == 200; }));
    EXPECT_THAT(users_at_once(20), Each(Field(&HttpResponse::body, rows)));
}

TEST_F(BehindPgBouncer, never_cancels_the_next_statement) {
    execute(url,
            "ALTER TABLE users RENAME TO all_users;"
            "CREATE VIEW users AS SELECT all_users.* FROM all_users, pg_sleep(0.002)");
    serve();
    Load load(*service, rows);
    int late = 0;
    for (int i = 0; i < 200; ++i) {
        const auto hasty = send({.url = service->url("/users"),
                                 .headers = {"Request-Timeout: 0.00" + std::to_string(1 + i % 9)}});
        late += hasty.status == 504 ? 1 : 0;
    }
    EXPECT_GT(late, 0) << "nothing was cancelled, so nothing was tested";
    const Load::Counts counts = load.stop();
    expect_right_answers(counts);
    EXPECT_EQ(counts.unavailable, 0);
}

TEST_F(BehindPgBouncer, finds_it_again_when_it_restarts_under_load) {
    serve({"--database-query-timeout", "2s"});
    Load load(*service, rows);
    for (int i = 0; i < 3; ++i) {
        const long before = load.counts().users;
        ASSERT_TRUE(eventually([&] { return load.counts().users > before + 50; }));
        pgbouncer.stop();
        EXPECT_TRUE(eventually([&] { return get(service->admin_url("/readyz")).status == 503; }));
        pgbouncer.start();
        EXPECT_TRUE(eventually([&] { return get(service->admin_url("/readyz")).status == 200; }));
    }
    EXPECT_TRUE(eventually([&] { return load.counts().failing == 0; }));
    expect_right_answers(load.stop());
    EXPECT_THAT(users_at_once(20), Each(Field(&HttpResponse::body, rows)));
}

TEST_F(BehindPgBouncer, finds_postgresql_again_that_was_killed_behind_it) {
    serve({"--database-query-timeout", "2s"});
    Load load(*service, rows);
    ASSERT_TRUE(eventually([&] { return load.counts().users > 50; }));
    server.kill();
    EXPECT_TRUE(eventually([&] { return load.counts().unavailable > 3; }));
    EXPECT_TRUE(eventually([&] { return get(service->admin_url("/readyz")).status == 503; }));
    server.start();
    EXPECT_TRUE(eventually([&] { return users().status == 200; }));
    EXPECT_TRUE(eventually([&] { return get(service->admin_url("/readyz")).status == 200; }));
    EXPECT_TRUE(eventually([&] { return load.counts().failing == 0; }));
    expect_right_answers(load.stop());
    EXPECT_THAT(users_at_once(20), Each(Field(&HttpResponse::body, rows)));
}

}  // namespace
}  // namespace signalbox::test
