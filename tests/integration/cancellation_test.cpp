// What becomes of a read when nobody waits for it any more, and of time that clients do not give.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "signalbox/testing/postgres.hpp"
#include "support/database_faults.hpp"
#include "support/eventually.hpp"
#include "support/held_requests.hpp"
#include "support/http_client.hpp"
#include "support/locked_users.hpp"
#include "support/prometheus.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using testing::Each;
using testing::Field;
using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* users = "GET /users HTTP/1.1\r\nHost: here\r\n\r\n";
constexpr const char* in_flight = "http_server_active_requests";
constexpr const char* pending = "db_client_connection_pending_requests";

double connections_at_work(const Service& service) {
    return service.metric("db_client_connections", {{"db_client_connection_state", "used"}});
}

/// Within a second on a machine that is not busy. What would happen without a cancellation takes
/// longer than this waits.
template <class Condition>
bool soon(Condition condition) {
    return eventually(condition, 15s);
}

/// Whoever they are.
int waiting_for_a_lock(const std::string& database) {
    return std::stoi(query_value(database,
                                 "SELECT count(*) FROM pg_stat_activity WHERE datname = "
                                 "current_database() AND wait_event_type = 'Lock'"));
}

struct Cancellation : testing::Test {
    const std::string database = database_with_users(3);
};

HttpRequest with_timeout(const Service& service, const std::string& path,
                         const std::string& seconds) {
    return {.url = service.url(path), .headers = {"Request-Timeout: " + seconds}};
}

TEST_F(Cancellation, ends_the_query_of_a_request_that_is_out_of_time) {
    const Service service(database,
                          {"--database-pool-size", "1", "--database-query-timeout", "30s"});
    std::optional<LockedUsers> lock(std::in_place, database);
    const auto response = send(with_timeout(service, "/users", "0.5"));
    EXPECT_EQ(response.status, 504);
    EXPECT_EQ(response.body, R"({"detail":"Gateway Timeout"})");
    EXPECT_TRUE(soon([&] { return reads_held_by_a_lock(database) == 0; }));
    lock.reset();
    EXPECT_EQ(get(service.url("/users")).status, 200) << "the only connection works again";
}

TEST_F(Cancellation, ends_the_query_of_a_client_that_went_away) {
    const Service service(database,
                          {"--database-pool-size", "1", "--database-query-timeout", "30s"});
    std::optional<LockedUsers> lock(std::in_place, database);
    {
        RawClient client(service.port());
        client.send("GET /users HTTP/1.1\r\nHost: here\r\n\r\n");
        ASSERT_TRUE(eventually([&] { return reads_held_by_a_lock(database) == 1; }));
    }
    EXPECT_TRUE(soon([&] { return reads_held_by_a_lock(database) == 0; }));
    lock.reset();
    EXPECT_EQ(get(service.url("/users")).status, 200);
}

TEST_F(Cancellation, frees_the_place_in_the_queue_of_a_request_that_is_out_of_time) {
    const Service service(database,
                          {"--database-pool-size", "1", "--database-max-queue", "1",
                           "--database-share-reads", "off", "--database-query-timeout", "30s"});
    std::optional<LockedUsers> lock(std::in_place, database);
    RawClient runs(service.port()), waits(service.port());
    runs.send(users);
    ASSERT_TRUE(eventually([&] { return reads_held_by_a_lock(database) == 1; }));
    EXPECT_EQ(send(with_timeout(service, "/users", "0.3")).status, 504);
    EXPECT_TRUE(soon([&] { return service.metric(pending) == 0; }));
    waits.send(users);
    EXPECT_TRUE(soon([&] { return service.metric(pending) == 1; })) << "there is no place for it";
    lock.reset();
    EXPECT_THAT(runs.read_response(), StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(waits.read_response(), StartsWith("HTTP/1.1 200 "));
}

TEST_F(Cancellation, leaves_no_coroutine_behind_and_no_timer) {
    const Service service(database, HeldRequests::arguments());
    const auto tasks = [&] { return service.metric("signalbox_event_loop_tasks"); };
    // What they left behind would end by itself after a second: a busy machine may need more time.
    bool proven = false;
    for (int attempt = 0; attempt < 5 && !proven; ++attempt) {
        HeldRequests patient(service, database, 1);
        const double of_one = tasks();
        const auto began = Clock::now();
        const auto late = send_all(
            std::vector<HttpRequest>(100, with_timeout(service, "/multiple-tasks", "0.2")));
        EXPECT_THAT(late, Each(Field(&HttpResponse::status, 504)));
        while (!proven && Clock::now() - began < 1s)
            proven = tasks() == of_one && Clock::now() - began < 1s;
        patient.release();
        EXPECT_THAT(patient.clients().front().read_response(), StartsWith("HTTP/1.1 200 "));
        EXPECT_TRUE(eventually([&] { return tasks() == 0; }));
    }
    EXPECT_TRUE(proven) << "something is left, or the machine is too slow for five proofs";
}

TEST_F(Cancellation, leaves_a_shared_query_alone_while_anybody_waits_for_it) {
    const Service service(database,
                          {"--database-pool-size", "1", "--database-query-timeout", "30s"});
    std::optional<LockedUsers> lock(std::in_place, database);
    auto first = std::async(std::launch::async, [&] { return get(service.url("/users")); });
    ASSERT_TRUE(eventually([&] { return reads_held_by_a_lock(database) == 1; }));
    // Two gather behind the one that runs; they share the next execution.
    auto patient = std::async(std::launch::async, [&] { return get(service.url("/users")); });
    auto hasty = std::async(std::launch::async,
                            [&] { return send(with_timeout(service, "/users", "0.3")); });
    EXPECT_EQ(hasty.get().status, 504);
    lock.reset();
    EXPECT_EQ(first.get().status, 200);
    EXPECT_EQ(patient.get().status, 200);
}

TEST_F(Cancellation, leaves_a_shared_query_that_runs_alone_while_anybody_waits_for_it) {
    const Service service(database,
                          {"--database-pool-size", "1", "--database-query-timeout", "30s"});
    // So that the statement is prepared: doing that takes the lock, too, and lets go of it again.
    ASSERT_EQ(get(service.url("/users")).status, 200);
    std::optional<LockedUsers> lock(std::in_place, database);
    RawClient first(service.port()), patient(service.port());
    first.send(users);
    ASSERT_TRUE(eventually([&] { return reads_held_by_a_lock(database) == 1; }));
    std::optional<RawClient> hasty(std::in_place, service.port());
    for (RawClient* shares : {&patient, &*hasty})
        shares->send(users);
    ASSERT_TRUE(eventually([&] { return service.metric(in_flight) == 3; }));
    // Gets its turn behind the first read, and in front of the one that two share.
    auto next_lock =
        std::async(std::launch::async, [&] { return std::make_unique<LockedUsers>(database); });
    ASSERT_TRUE(eventually([&] { return waiting_for_a_lock(database) == 2; }));
    lock.reset();
    EXPECT_THAT(first.read_response(), StartsWith("HTTP/1.1 200 "));
    auto held = next_lock.get();
    ASSERT_TRUE(eventually([&] { return reads_held_by_a_lock(database) == 1; }));

    hasty.reset();
    ASSERT_TRUE(eventually([&] { return service.metric(in_flight) == 1; }));
    EXPECT_EQ(reads_held_by_a_lock(database), 1) << "somebody waits for it";
    held.reset();
    EXPECT_THAT(patient.read_response(), StartsWith("HTTP/1.1 200 "));
}

TEST_F(Cancellation, never_hits_the_next_query_of_the_connection) {
    // The first user takes a moment, so that requests give up before, while and after it is read.
    execute(database,
            "ALTER TABLE users RENAME TO all_users;"
            "CREATE VIEW users AS SELECT all_users.*, pg_sleep(0.002)::text AS nap FROM all_users");
    const Service service(database, {"--database-pool-size", "1", "--database-share-reads", "off"});
    int late = 0;
    for (int i = 0; i < 300; ++i) {
        const auto hasty =
            send(with_timeout(service, "/users", "0.00" + std::to_string(1 + i % 9)));
        EXPECT_TRUE(hasty.status == 504 || hasty.status == 200) << hasty.status;
        late += hasty.status == 504 ? 1 : 0;
        const auto next = get(service.url("/users"));
        EXPECT_EQ(next.status, 200) << next.body;
        EXPECT_THAT(next.body, HasSubstr("User 3"));
    }
    EXPECT_GT(late, 0) << "nothing was cancelled, so nothing was tested";
}

TEST(FrozenServer, holds_up_neither_reads_after_it_nor_the_end) {
    PostgresServer server;
    execute(server.database_url(), "CREATE DATABASE frozen");
    Service service(server.database_url("frozen"), {"--migrate", "--database-query-timeout", "2s"});
    ASSERT_EQ(get(service.url("/users")).status, 200);
    freeze(server);
    // Nobody waits any more for what runs, and the request to cancel it is not even read.
    EXPECT_EQ(get(service.url("/users")).status, 503);
    EXPECT_EQ(get(service.url("/users")).status, 503);
    EXPECT_TRUE(soon([&] { return connections_at_work(service) == 0; }))
        << "a thread is held by a server that is still frozen";
    thaw(server);
    EXPECT_TRUE(eventually([&] { return get(service.url("/users")).status == 200; }));

    freeze(server);
    EXPECT_EQ(get(service.url("/users")).status, 503);
    service.signal(SIGTERM);
    const auto exit = service.wait_for_exit(std::chrono::seconds(30));
    thaw(server);
    ASSERT_TRUE(exit) << "it waits for a server that does not answer";
    EXPECT_EQ(exit->status, 0);
}

TEST_F(Cancellation, gives_a_request_less_time_when_asked_to_but_never_more) {
    const Service service(database, {"--timeout-request", "4s", "--database-query-timeout", "3s"});
    const auto less = send(with_timeout(service, "/slow-task", "0.2"));
    EXPECT_EQ(less.status, 504);
    EXPECT_LT(less.duration.count(), 4);
    EXPECT_GE(less.duration.count(), 0.2);
    const auto more = send(with_timeout(service, "/slow-task", "9"));
    EXPECT_EQ(more.status, 504) << "the service's own limit is shorter than the task";
    EXPECT_EQ(send(with_timeout(service, "/fast-task", "99999999999999999999999")).status, 200);
}

TEST_F(Cancellation, refuses_a_timeout_that_is_none) {
    const Service service(database);
    for (const char* seconds :
         {"0", "-1", "soon", "1s", "1 2", "nan", "inf", "1e3", "0x1", "0.0"}) {
        const auto response = send(with_timeout(service, "/fast-task", seconds));
        EXPECT_EQ(response.status, 400) << seconds;
        EXPECT_THAT(response.body, HasSubstr("Request-Timeout")) << seconds;
    }
}

}  // namespace
}  // namespace signalbox::test
