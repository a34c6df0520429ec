// Statements that others are in the way of: what passes is tried again, what cannot pass is not.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <pqxx/pqxx>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "signalbox/db/pool.hpp"
#include "signalbox/db/pool_options.hpp"
#include "signalbox/testing/postgres.hpp"
#include "signalbox/testing/run.hpp"
#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/log_lines.hpp"
#include "support/prometheus.hpp"
#include "support/service.hpp"
#include "support/standby.hpp"

namespace signalbox::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

/// `conflict(times, sqlstate)` fails so often in a session, and returns how often it ran there.
/// A read cannot write, and what it has failed at is rolled back, but for a session's locks.
void make_conflict(const std::string& url) {
    execute(url,
            "CREATE FUNCTION conflict(times int, state text) RETURNS int LANGUAGE plpgsql AS $$"
            " DECLARE ran int; BEGIN"
            " SELECT count(*) + 1 INTO ran FROM pg_locks WHERE locktype = 'advisory' AND pid = "
            "pg_backend_pid();"
            " PERFORM pg_advisory_lock(pg_backend_pid(), ran);"
            " IF ran <= times THEN RAISE 'in the way' USING ERRCODE = state; END IF;"
            " RETURN ran; END $$");
}

/// By all sessions that there are.
int executions(const std::string& url) {
    return std::stoi(query_value(
        url,
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM "
        "pg_database WHERE datname = current_database())"));
}

std::string database_with_conflict() {
    auto url = PostgresServer::shared().create_database();
    make_conflict(url);
    return url;
}

/// Whose reads fail so often.
std::string users_with_conflict(int times, std::string_view state) {
    auto url = database_with_users(1);
    make_conflict(url);
    execute(url,
            "ALTER TABLE users RENAME TO all_users;"
            "CREATE VIEW users AS SELECT name, conflict(" +
                std::to_string(times) + ", '" + std::string(state) + "') AS ran FROM all_users");
    return url;
}

double retries(const Service& service, const std::string& reason) {
    return service.metric("signalbox_reads_retried_total", {{"reason", reason}});
}

const std::vector<std::string> one_connection{"--database-pool-size", "1"};

class PassingConflict : public testing::TestWithParam<std::string> {};

TEST_P(PassingConflict, of_a_read_is_tried_again) {
    const std::string url = users_with_conflict(2, GetParam());
    const Service service(url, one_connection);
    const auto response = get(service.url("/users"));
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, R"([{"name":"User 1","ran":3}])");
    EXPECT_EQ(retries(service, "conflict"), 2);
    EXPECT_EQ(retries(service, "connection"), 0);
    EXPECT_THAT(service.output(), HasSubstr("others are in the way of reads (" + GetParam() + ")"));
}

TEST_P(PassingConflict, of_a_read_is_answered_with_503_after_three_tries) {
    const std::string url = users_with_conflict(100, GetParam());
    const Service service(url, one_connection);
    const auto response = get(service.url("/users"));
    EXPECT_EQ(response.status, 503);
    EXPECT_TRUE(response.header("retry-after"));
    EXPECT_EQ(executions(url), 3);
    EXPECT_EQ(retries(service, "conflict"), 2);
    EXPECT_EQ(get(service.admin_url("/readyz")).status, 200) << "the database is well";
}

TEST_P(PassingConflict, of_a_write_is_the_handlers) {
    const std::string url = database_with_conflict();
    db::Pool pool{{.url = url, .size = 1}};
    pool.connect();
    EXPECT_THROW(run(pool.execute("SELECT conflict(2, $1)", GetParam())), db::TransactionConflict);
    EXPECT_EQ(executions(url), 1);
}

TEST_P(PassingConflict, of_a_write_that_may_be_repeated_is_tried_again) {
    const std::string url = database_with_conflict();
    db::Pool pool{{.url = url, .size = 1}};
    pool.connect();
    EXPECT_EQ(run(pool.repeatable().execute("SELECT conflict(2, $1)", GetParam())), 1U);
    EXPECT_EQ(executions(url), 3);
    EXPECT_THROW(run(pool.repeatable().execute("SELECT conflict(100, $1)", GetParam())),
                 db::TransactionConflict);
    EXPECT_EQ(executions(url), 6);
}

TEST_P(PassingConflict, in_a_transaction_is_for_its_own_option) {
    const std::string url = database_with_conflict();
    db::Pool pool{{.url = url, .size = 1}};
    pool.connect();
    const auto work = [&](db::Transaction& transaction) -> async::Task<> {
        auto reading = transaction.fetch_all("SELECT conflict(2, $1)", GetParam());
        co_await std::move(reading);
    };
    EXPECT_THROW(run(pool.transaction(work)), db::TransactionConflict);
    EXPECT_EQ(executions(url), 1);
    run(pool.transaction(db::TransactionOptions().retries(1), work));
    EXPECT_EQ(executions(url), 3);
}

INSTANTIATE_TEST_SUITE_P(Conflicts, PassingConflict, testing::Values("40001", "40P01"),
                         [](const auto& info) { return info.param; });

TEST(Conflicts, that_cannot_pass_are_never_tried_again) {
    for (const auto& [state, status] :
         {std::pair{"40000", 500}, std::pair{"40002", 500}, std::pair{"40003", 500}}) {
        const std::string url = users_with_conflict(100, state);
        const Service service(url, one_connection);
        EXPECT_EQ(get(service.url("/users")).status, status) << state;
        EXPECT_EQ(executions(url), 1) << state;
        EXPECT_EQ(retries(service, "conflict"), 0) << state;
    }
}

TEST(Conflicts, with_a_lock_are_answered_with_503) {
    const std::string url = database_with_users(1);
    execute(
        url,
        "ALTER TABLE users RENAME TO all_users;"
        "CREATE FUNCTION impatient() RETURNS TABLE (who text) LANGUAGE plpgsql SET lock_timeout "
        "= '50ms' AS $$ BEGIN RETURN QUERY SELECT name FROM all_users; END $$;"
        "CREATE VIEW users AS SELECT * FROM impatient()");
    const Service service(url);
    pqxx::connection other(url);
    pqxx::work holder(other);
    holder.exec("LOCK TABLE all_users");
    const auto response = get(service.url("/users"));
    EXPECT_EQ(response.status, 503);
    EXPECT_TRUE(response.header("retry-after"));
    const LogLine line = wait_for_line(service, "http.route", "/users");
    EXPECT_EQ(line.text("error.type"), "lock_not_available");
    EXPECT_EQ(retries(service, "conflict"), 0);
}

TEST(Conflicts, have_no_more_time_than_anything_else) {
    const std::string url = database_with_users(1);
    execute(url,
            "ALTER TABLE users RENAME TO all_users;"
            "CREATE FUNCTION slow_conflict() RETURNS int LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM pg_sleep(0.7); RAISE 'in the way' USING ERRCODE = '40001'; END $$;"
            "CREATE VIEW users AS SELECT slow_conflict() FROM all_users");
    const Service service(url, {"--database-query-timeout", "1s"});
    EXPECT_EQ(get(service.url("/users")).status, 503);
    const LogLine line = wait_for_line(service, "http.route", "/users");
    EXPECT_EQ(line.text("error.type"), "database_timeout");
    EXPECT_EQ(retries(service, "conflict"), 1);
}

TEST(Conflicts, are_tried_again_for_all_who_ask_for_the_same) {
    const std::string url = users_with_conflict(2, "40001");
    const Service service(url, one_connection);
    const auto responses = send_all(std::vector<HttpRequest>(20, {.url = service.url("/users")}));
    EXPECT_THAT(responses, testing::Each(testing::Field(&HttpResponse::status, 200)));
}

/// A service that reads from a standby, and what happens on the primary while it does.
struct OnAStandby : testing::Test {
    OnAStandby() {
        execute(primary.database_url(), "CREATE DATABASE app");
        url = primary.database_url("app");
        const Exit migrated = run_signalbox({"migrate", "--database-url", url});
        EXPECT_EQ(migrated.status, 0) << migrated.output;
        execute(url,
                "INSERT INTO users (name, email) VALUES ('Ada', 'a'), ('Bob', 'b');"
                "ALTER TABLE users RENAME TO all_users;"
                "CREATE VIEW users AS SELECT name, pg_sleep(0.7)::text AS slept FROM all_users");
        standby.emplace(primary);
        service.emplace(standby->database_url("app"));
    }

    /// What the service answers to a read while this is done.
    HttpResponse response_while(const std::vector<std::string>& statements) {
        // Before the read begins, which takes a second or so: a session takes long on a busy
        // machine.
        pqxx::connection session(url);
        pqxx::nontransaction on_the_primary(session);
        const std::string on_the_standby = standby->database_url("app");
        HttpResponse response;
        std::thread reads([&] { response = get(service->url("/users")); });
        EXPECT_TRUE(eventually([&] {
            return query_value(on_the_standby,
                               "SELECT count(*) FROM pg_stat_activity WHERE wait_event = "
                               "'PgSleep'") == "1";
        }));
        for (const auto& sql : statements)
            on_the_primary.exec(sql);
        reads.join();
        return response;
    }

    PostgresServer primary{primary_options()};
    std::string url;
    std::optional<Standby> standby;
    std::optional<Service> service;
};

TEST_F(OnAStandby, a_read_that_a_lock_of_the_primary_cancels_is_tried_again) {
    const auto response = response_while({"ALTER TABLE all_users ADD COLUMN age int"});
    EXPECT_EQ(response.status, 200) << service->output();
    EXPECT_THAT(response.body, HasSubstr("Ada"));
    EXPECT_EQ(retries(*service, "conflict"), 1);
}

TEST_F(OnAStandby, a_read_of_rows_that_are_cleaned_up_is_tried_again) {
    const auto response = response_while({"DELETE FROM all_users WHERE name = 'Bob'",
                                          "INSERT INTO all_users (name, email) VALUES ('Cyd', 'c')",
                                          "VACUUM (TRUNCATE false) all_users"});
    EXPECT_EQ(response.status, 200) << service->output();
    EXPECT_THAT(response.body, HasSubstr("Cyd")) << "of after that";
    // VACUUM cleans up in more than one step.
    EXPECT_GE(retries(*service, "conflict"), 1);
}

TEST_F(OnAStandby, a_session_whose_database_is_dropped_is_no_conflict_that_passes) {
    EXPECT_EQ(get(service->url("/users")).status, 200);
    execute(primary.database_url(), "DROP DATABASE app WITH (FORCE)");
    EXPECT_TRUE(eventually([&] { return get(service->admin_url("/readyz")).status == 503; }));
    EXPECT_EQ(get(service->url("/users")).status, 503);
    EXPECT_EQ(retries(*service, "conflict"), 0);
    EXPECT_FALSE(service->has_ended());
}

}  // namespace
}  // namespace signalbox::test
