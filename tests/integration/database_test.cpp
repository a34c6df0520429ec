// The service and its database: starting, waiting, sharing reads, losing it, letting go of it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "signalbox/testing/held_port.hpp"
#include "signalbox/testing/postgres.hpp"
#include "support/database_faults.hpp"
#include "support/eventually.hpp"
#include "support/executions.hpp"
#include "support/held_requests.hpp"
#include "support/http_client.hpp"
#include "support/locked_users.hpp"
#include "support/prometheus.hpp"
#include "support/raw_message.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::Each;
using testing::Field;
using testing::HasSubstr;
using testing::Not;

TEST(Startup, gives_up_with_one_line_that_names_the_database_and_no_password) {
    const HeldPort nobody;
    const Exit exit =
        run_signalbox({"--port", "0", "--admin-port", "0", "--database-startup-timeout", "300ms",
                       "--log-level", "critical", "--database-url",
                       "postgresql://someone:hunter2@127.0.0.1:" + nobody.text() + "/nowhere"});
    EXPECT_EQ(exit.status, 1);
    EXPECT_THAT(exit.output, AllOf(HasSubstr("127.0.0.1:" + nobody.text()), HasSubstr("nowhere"),
                                   Not(HasSubstr("hunter2"))));
    EXPECT_EQ(std::count(exit.output.begin(), exit.output.end(), '\n'), 1) << exit.output;
}

TEST(Startup, waits_for_a_database_that_comes_later) {
    PostgresServer server;
    execute(server.database_url(), "CREATE DATABASE late");
    const std::string url = server.database_url("late");
    ASSERT_EQ(run_signalbox({"migrate", "--database-url", url}).status, 0);
    server.stop();
    auto comes_later = std::async(std::launch::async, [&] {
        std::this_thread::sleep_for(1s);  // what "later" means here
        server.start();
    });
    const Service service(url);
    comes_later.get();
    EXPECT_EQ(get(service.url("/users")).body, "[]");
}

TEST(Startup, ends_when_asked_to_while_it_waits) {
    const HeldPort nobody;
    Process service({"--port", "0", "--admin-port", "0", "--log-format", "json", "--database-url",
                     "postgresql://127.0.0.1:" + nobody.text() + "/nowhere"});
    ASSERT_TRUE(
        eventually([&] { return service.output().find("trying again") != std::string::npos; }));
    service.signal(SIGTERM);
    const auto exit = service.wait_for_exit();
    ASSERT_TRUE(exit) << "the start-up timeout is half a minute";
    EXPECT_EQ(exit->status, 1);
}

TEST(Startup, refuses_a_schema_with_pending_migrations_unless_told_to_apply_them) {
    const std::string database = PostgresServer::shared().create_database();
    const Exit refused =
        run_signalbox({"--port", "0", "--admin-port", "0", "--database-url", database});
    EXPECT_EQ(refused.status, 1);
    EXPECT_THAT(refused.output, AllOf(HasSubstr("pending"), HasSubstr("signalbox migrate")));
    const Service service(database, {"--migrate"});
    EXPECT_EQ(get(service.url("/users")).body, "[]");
}

TEST(Pool, has_its_connections_and_leaves_none_behind) {
    const std::string database = database_with_users(1);
    Service service(database, {"--database-pool-size", "4"});
    EXPECT_TRUE(eventually([&] { return sessions_of_the_service(database) == 4; }));
    service.signal(SIGTERM);
    const auto exit = service.wait_for_exit();
    ASSERT_TRUE(exit);
    EXPECT_EQ(exit->status, 0);
    EXPECT_TRUE(eventually([&] { return sessions_of_the_service(database) == 0; }));
}

void expect_unavailable(const HttpResponse& response) {
    EXPECT_EQ(response.status, 503);
    EXPECT_EQ(response.body, R"({"detail":"Service Unavailable"})");
    EXPECT_TRUE(response.header("retry-after"));
}

TEST(Pool, answers_503_when_the_queue_is_full) {
    const std::string database = database_with_users(1);
    const Service service(database, HeldRequests::arguments({"--database-pool-size", "1",
                                                             "--database-max-queue", "2"}));
    HeldRequests runs(service, database, 1);
    std::deque<RawClient> wait;
    for (int i = 0; i < 2; ++i)
        wait.emplace_back(service.port()).send(get_bytes("/users"));
    ASSERT_TRUE(
        eventually([&] { return service.metric("db_client_connection_pending_requests") == 2; }));
    for (int i = 0; i < 7; ++i)
        expect_unavailable(get(service.url("/users")));
    EXPECT_TRUE(eventually([&] {
        return service.metric("signalbox_requests_shed_total", {{"reason", "database_queue"}}) == 7;
    })) << "two wait, and there is no place for more";
    EXPECT_EQ(get(service.url("/fast-task")).status, 200);
    runs.release();
    EXPECT_EQ(status_of(runs.clients().front().read_response()), 200);
    for (RawClient& client : wait)
        EXPECT_EQ(status_of(client.read_response()), 200);
}

TEST(Pool, answers_503_when_the_answer_is_late) {
    const std::string database = database_with_users(1);
    const Service service(database,
                          {"--database-pool-size", "1", "--database-query-timeout", "500ms"});
    const LockedUsers locked(database);
    // The one that runs, and those that wait for it to end.
    for (const auto& response :
         send_all(std::vector<HttpRequest>(3, {.url = service.url("/users")})))
        expect_unavailable(response);
    EXPECT_EQ(get(service.url("/fast-task")).status, 200);
}

TEST(Pool, is_free_again_when_a_client_that_waits_in_the_queue_goes_away) {
    const std::string database = database_with_users(1);
    const Service service(database,
                          {"--database-pool-size", "1", "--database-max-queue", "1",
                           "--database-share-reads", "off", "--database-query-timeout", "20s"});
    std::future<HttpResponse> runs;
    std::future<HttpResponse> takes_the_place;
    {
        const LockedUsers locked(database);
        runs = std::async(std::launch::async, [&] { return get(service.url("/users")); });
        ASSERT_TRUE(eventually([&] { return reads_held_by_a_lock(database) == 1; }));
        {
            RawClient gone(service.port());
            gone.send("GET /users HTTP/1.1\r\nHost: a\r\nX-Request-ID: gone\r\n\r\n");
            ASSERT_TRUE(eventually(
                [&] { return service.metric("db_client_connection_pending_requests") == 1; }));
            EXPECT_EQ(get(service.url("/users")).status, 503) << "its place was the last";
        }
        ASSERT_TRUE(
            eventually([&] { return service.output().find("\"gone\"") != std::string::npos; }));
        takes_the_place =
            std::async(std::launch::async, [&] { return get(service.url("/users")); });
        EXPECT_EQ(takes_the_place.wait_for(200ms), std::future_status::timeout);
    }
    EXPECT_EQ(runs.get().status, 200);
    EXPECT_EQ(takes_the_place.get().status, 200);
}

/// `users` becomes a view that counts its executions, takes a while, and fails when two of them
/// run at the same time.
void make_users_count_reads(const std::string& database) {
    execute(database,
            "CREATE FUNCTION execution() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN "
            "IF NOT pg_try_advisory_xact_lock(42) THEN RAISE 'two at the same time'; END IF; "
            "PERFORM pg_sleep(0.2); RETURN count_execution(); END $$;"
            "DROP TABLE users; CREATE VIEW users AS SELECT execution()");
}

struct SharedReads : testing::TestWithParam<int> {
    const std::string database = database_with_users(0);
    std::vector<std::string> arguments{"--workers", std::to_string(GetParam())};
};
INSTANTIATE_TEST_SUITE_P(one_and_two_workers, SharedReads, testing::Values(1, 2));

TEST_P(SharedReads, run_once_for_all_who_wait_and_one_at_a_time) {
    Executions executions(database);
    make_users_count_reads(database);
    const Service service(database, arguments);
    const auto responses = send_all(std::vector<HttpRequest>(100, {.url = service.url("/users")}));
    EXPECT_THAT(responses, Each(Field(&HttpResponse::status, 200)));
    EXPECT_LT(executions.count(), 10);
}

TEST_P(SharedReads, can_be_turned_off) {
    Executions executions(database);
    execute(database, "DROP TABLE users; CREATE VIEW users AS SELECT count_execution()");
    arguments.insert(arguments.end(), {"--database-share-reads", "off"});
    const Service service(database, arguments);
    const auto responses = send_all(std::vector<HttpRequest>(100, {.url = service.url("/users")}));
    EXPECT_THAT(responses, Each(Field(&HttpResponse::status, 200)));
    EXPECT_EQ(executions.count(), 100);
}

TEST_P(SharedReads, are_never_older_than_the_request) {
    execute(database, "INSERT INTO users (name, email) VALUES ('0', 'counter')");
    const Service service(database, arguments);
    std::atomic<bool> done = false;
    std::vector<std::thread> load;
    std::atomic<long> loads = 0;
    for (int i = 0; i < 4; ++i) {
        load.emplace_back([&] {
            RawClient client(service.port());
            while (!done) {
                client.send("GET /users HTTP/1.1\r\nHost: a\r\n\r\n");
                client.read_response();
                ++loads;
            }
        });
    }
    pqxx::connection writer(database);
    RawClient reader(service.port());
    for (int i = 1; i <= 500; ++i) {
        pqxx::work work(writer);
        work.exec("UPDATE users SET name = '" + std::to_string(i) + "'");
        work.commit();
        reader.send("GET /users HTTP/1.1\r\nHost: a\r\n\r\n");
        ASSERT_THAT(reader.read_response(), HasSubstr("\"name\":\"" + std::to_string(i) + "\""));
    }
    done = true;
    for (auto& thread : load)
        thread.join();
    EXPECT_GT(loads, 500) << "there was nobody to share with";
}

TEST(LostDatabase, is_told_by_readyz_and_found_again) {
    PostgresServer server;
    execute(server.database_url(), "CREATE DATABASE app");
    const std::string url = server.database_url("app");
    ASSERT_EQ(run_signalbox({"migrate", "--database-url", url}).status, 0);
    execute(url, "CHECKPOINT");  // the test's PostgreSQL keeps nothing else over a kill
    const Service service(url, {"--database-query-timeout", "500ms", "--database-pool-size", "10"});
    EXPECT_EQ(get(service.admin_url("/readyz")).status, 200);

    server.kill();
    ASSERT_TRUE(eventually([&] { return get(service.admin_url("/readyz")).status == 503; }));
    EXPECT_EQ(get(service.admin_url("/readyz?exclude=database")).status, 200);
    EXPECT_EQ(get(service.admin_url("/livez")).status, 200);
    EXPECT_EQ(get(service.url("/users")).status, 503);
    EXPECT_EQ(get(service.url("/fast-task")).status, 200);

    server.start();
    EXPECT_TRUE(eventually([&] { return get(service.url("/users")).status == 200; }));
    EXPECT_TRUE(eventually([&] { return sessions_of_the_service(url) == 10; }));
    EXPECT_EQ(get(service.admin_url("/readyz")).status, 200);
}

/// With a query timeout that none of it has to wait for, and fewer places than requests.
TEST(LostDatabase, keeps_nobody_waiting_once_it_is_known_to_be_away) {
    PostgresServer server;
    execute(server.database_url(), "CREATE DATABASE app");
    const std::string url = server.database_url("app");
    ASSERT_EQ(run_signalbox({"migrate", "--database-url", url}).status, 0);
    execute(url, "CHECKPOINT");
    const Service service(url, {"--database-query-timeout", "10m", "--timeout-request", "10m",
                                "--limit-concurrency", "20"});
    std::optional<LockedUsers> lock(std::in_place, url);
    auto runs = std::async(std::launch::async, [&] { return get(service.url("/users")); });
    ASSERT_TRUE(eventually([&] { return reads_held_by_a_lock(url) == 1; }));
    server.kill();
    // The one that ran when it went away, and those that come later.
    EXPECT_EQ(runs.get().status, 503);
    for (const auto& response :
         send_all(std::vector<HttpRequest>(100, {.url = service.url("/users")}))) {
        EXPECT_EQ(response.status, 503);
        EXPECT_TRUE(response.header("retry-after"));
    }
    EXPECT_EQ(get(service.url("/fast-task")).status, 200);
    // However many come who want the database, others have a place.
    std::vector<RawClient> readers;
    for (int i = 0; i < 100; ++i) {
        readers.emplace_back(service.port()).send(get_bytes("/users"));
        EXPECT_EQ(get(service.url("/fast-task")).status, 200);
    }
    const auto samples = service.metrics();
    EXPECT_GT(total(samples, "http_server_request_duration_seconds_count",
                    {{"error_type", "database_unavailable"}}),
              1);
    EXPECT_EQ(total(samples, "http_server_request_duration_seconds_count",
                    {{"error_type", "database_timeout"}}),
              0);
    server.start();
    EXPECT_TRUE(eventually([&] { return get(service.url("/users")).status == 200; }));
}

TEST(LostDatabase, costs_no_read_when_only_the_sessions_are_ended) {
    const std::string database = database_with_users(1);
    const Service service(database);
    for (int i = 0; i < 20; ++i) {
        ASSERT_EQ(query_value(database,
                              "SELECT count(pg_terminate_backend(pid)) >= 0 FROM pg_stat_activity "
                              "WHERE datname = current_database() AND pid <> pg_backend_pid()"),
                  "t");
        EXPECT_EQ(get(service.url("/users")).status, 200);
    }
}

}  // namespace
}  // namespace signalbox::test
