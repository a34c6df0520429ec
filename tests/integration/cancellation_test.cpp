// What becomes of a read when nobody waits for it any more, and of time that clients do not give.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <future>
#include <optional>
#include <string>

#include "support/database_faults.hpp"
#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/locked_users.hpp"
#include "support/postgres.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

using testing::HasSubstr;

struct Cancellation : testing::Test {
    const std::string database = database_with_users(3);
};

HttpRequest with_timeout(const Service& service, const std::string& path,
                         const std::string& seconds) {
    return {.url = service.url(path), .headers = {"Request-Timeout: " + seconds}};
}

TEST_F(Cancellation, ends_the_query_of_a_request_that_is_out_of_time) {
    const Service service(database, {"--database-pool-size", "1"});
    std::optional<LockedUsers> lock(std::in_place, database);
    EXPECT_EQ(send(with_timeout(service, "/users", "0.5")).status, 504);
    EXPECT_TRUE(eventually([&] { return reads_held_by_a_lock(database) == 0; }));
    lock.reset();
    EXPECT_EQ(get(service.url("/users")).status, 200) << "the only connection works again";
}

TEST_F(Cancellation, ends_the_query_of_a_client_that_went_away) {
    const Service service(database, {"--database-pool-size", "1"});
    std::optional<LockedUsers> lock(std::in_place, database);
    {
        RawClient client(service.port());
        client.send("GET /users HTTP/1.1\r\nHost: here\r\n\r\n");
        ASSERT_TRUE(eventually([&] { return reads_held_by_a_lock(database) == 1; }));
    }
    EXPECT_TRUE(eventually([&] { return reads_held_by_a_lock(database) == 0; }));
    lock.reset();
    EXPECT_EQ(get(service.url("/users")).status, 200);
}

TEST_F(Cancellation, leaves_a_shared_query_alone_while_anybody_waits_for_it) {
    const Service service(database, {"--database-pool-size", "1"});
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

TEST_F(Cancellation, never_hits_the_next_query_of_the_connection) {
    // The first user takes a moment, so that requests give up before, while and after it is read.
    execute(database,
            "ALTER TABLE users RENAME TO all_users;"
            "CREATE VIEW users AS SELECT all_users.*, pg_sleep(0.002)::text AS nap FROM all_users");
    const Service service(database, {"--database-pool-size", "1", "--no-share-reads"});
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
    Service service(server.database_url("frozen"),
                    {"--migrate", "--database-query-timeout", "500ms"});
    ASSERT_EQ(get(service.url("/users")).status, 200);
    freeze(server);
    // Nobody waits any more for what runs, and the request to cancel it is not even read.
    EXPECT_EQ(get(service.url("/users")).status, 503);
    EXPECT_EQ(get(service.url("/users")).status, 503);
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
    const Service service(database,
                          {"--request-timeout", "800ms", "--database-query-timeout", "700ms"});
    const auto less = send(with_timeout(service, "/slow-task", "0.2"));
    EXPECT_EQ(less.status, 504);
    EXPECT_LT(less.duration.count(), 0.8);
    EXPECT_GE(less.duration.count(), 0.2);
    const auto more = send(with_timeout(service, "/slow-task", "4"));
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
