// More than the service can do: who is turned away, when they may come back, and who is not.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "signalbox/testing/held_port.hpp"
#include "signalbox/testing/postgres.hpp"
#include "support/eventually.hpp"
#include "support/held_requests.hpp"
#include "support/http_client.hpp"
#include "support/locked_users.hpp"
#include "support/prometheus.hpp"
#include "support/raw_message.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

using namespace std::chrono_literals;
using testing::Each;
using testing::StartsWith;

/// Enough that values of a fair draw among three differ with all but certainty.
constexpr int many = 60;

/// In whole seconds, soon enough for a person and not so soon that it is a flood; not the same for
/// all, or they would come back together.
void expect_sane_and_jittered(const std::vector<std::string>& retry_after) {
    ASSERT_EQ(retry_after.size(), static_cast<std::size_t>(many));
    EXPECT_THAT(retry_after, Each(testing::AnyOf("1", "2", "3")));
    EXPECT_GT(std::set(retry_after.begin(), retry_after.end()).size(), 1U);
}

std::vector<std::string> retry_after(const std::vector<HttpResponse>& responses) {
    std::vector<std::string> values;
    for (const auto& response : responses) {
        EXPECT_EQ(response.status, 503) << response.body;
        values.push_back(response.header("retry-after").value_or("none"));
    }
    return values;
}

std::vector<std::string> retry_after_of_many(const std::string& url) {
    return retry_after(send_all(std::vector<HttpRequest>(many, {.url = url})));
}

std::string retry_after(const std::string& response) {
    return header_of(response, "Retry-After").value_or("none: " + response);
}

void expect_operators_are_answered(const Service& service, int ready = 200) {
    EXPECT_EQ(get(service.admin_url("/livez")).status, 200);
    EXPECT_EQ(get(service.admin_url("/readyz")).status, ready);
    for (const char* path : {"/metrics", "/version", "/debug/requests", "/debug/log-level", "/"})
        EXPECT_EQ(get(service.admin_url(path)).status, 200) << path;
}

TEST(RetryAfter, differs_for_those_beyond_the_concurrency_limit) {
    const std::string database = database_with_users(1);
    const Service service(database, HeldRequests::arguments({"--limit-concurrency", "1"}));
    const HeldRequests hold_the_place(service, database, 1);
    expect_sane_and_jittered(retry_after_of_many(service.url("/fast-task")));
    expect_operators_are_answered(service);
}

TEST(RetryAfter, differs_for_those_beyond_the_connection_limit) {
    const Service service(database_with_users(0),
                          {"--limit-connections", "1", "--timeout-request-head", "5m"});
    RawClient holds_the_place(service.port());
    holds_the_place.send("GET /fast-task HTTP/1.1\r\nHost");  // idle it would have to give way
    ASSERT_TRUE(eventually([&] { return service.metric("signalbox_connections") == 1; }));
    std::vector<std::string> values;
    for (int i = 0; i < many; ++i) {
        RawClient turned_away(service.port());
        values.push_back(retry_after(turned_away.read_to_end()));
    }
    expect_sane_and_jittered(values);
    expect_operators_are_answered(service);
}

TEST(RetryAfter, differs_for_those_who_find_the_database_queue_full) {
    const std::string database = database_with_users(1);
    const Service service(database,
                          {"--database-pool-size", "1", "--database-max-queue", "1",
                           "--database-share-reads", "off", "--database-query-timeout", "30s"});
    const LockedUsers locked(database);
    RawClient runs(service.port()), waits(service.port());
    runs.send(get_bytes("/users"));
    ASSERT_TRUE(eventually([&] { return reads_held_by_a_lock(database) == 1; }));
    waits.send(get_bytes("/users"));
    ASSERT_TRUE(
        eventually([&] { return service.metric("db_client_connection_pending_requests") == 1; }));
    expect_sane_and_jittered(retry_after_of_many(service.url("/users")));
    expect_operators_are_answered(service);
}

TEST(RetryAfter, differs_for_those_who_need_a_database_that_is_away) {
    PostgresServer server;
    execute(server.database_url(), "CREATE DATABASE app");
    const Service service(server.database_url("app"),
                          {"--migrate", "--database-query-timeout", "200ms"});
    server.stop();
    ASSERT_TRUE(eventually([&] { return get(service.admin_url("/readyz")).status == 503; }));
    expect_sane_and_jittered(retry_after_of_many(service.url("/users")));
    expect_operators_are_answered(service, 503);
}

TEST(RetryAfter, differs_for_those_whom_the_drain_cancels) {
    const std::string database = database_with_users(1);
    const Service service(
        database, {"--timeout-graceful-shutdown", "100ms", "--database-query-timeout", "30s"});
    const LockedUsers locked(database);
    std::vector<RawClient> clients;
    for (int i = 0; i < many; ++i) {
        clients.emplace_back(service.port());
        clients.back().send(get_bytes("/users"));
    }
    ASSERT_TRUE(eventually([&] {
        return get(service.admin_url("/debug/requests?limit=1"))
            .body.starts_with("{\"total\":" + std::to_string(many) + ",");
    }));
    service.signal(SIGTERM);
    std::vector<std::string> values;
    for (auto& client : clients)
        values.push_back(retry_after(client.read_to_end()));
    expect_sane_and_jittered(values);
}

TEST(Overload, sheds_at_once_and_serves_again_when_it_is_over) {
    const std::string database = database_with_users(1);
    const Service service(database, {"--limit-concurrency", "5", "--database-share-reads", "off",
                                     "--database-query-timeout", "30s"});
    std::vector<RawClient> admitted;
    {
        const LockedUsers locked(database);
        for (int i = 0; i < 5; ++i) {
            admitted.emplace_back(service.port());
            admitted.back().send(get_bytes("/users"));
        }
        ASSERT_TRUE(eventually([&] { return reads_held_by_a_lock(database) == 5; }));
        const auto shed = send_all(std::vector<HttpRequest>(many, {.url = service.url("/users")}));
        for (const auto& response : shed) {
            EXPECT_EQ(response.status, 503);
            EXPECT_EQ(response.body, R"({"detail":"Service Unavailable"})");
            EXPECT_LT(response.duration, 20s) << "those before it do not end meanwhile";
        }
        EXPECT_EQ(reads_held_by_a_lock(database), 5) << "those that were shed asked nothing of it";
    }
    for (auto& client : admitted)
        EXPECT_THAT(client.read_response(), StartsWith("HTTP/1.1 200 "));
    EXPECT_TRUE(eventually([&] { return get(service.url("/users")).status == 200; }));
}

TEST(Overload, turns_no_operator_away_while_it_drains) {
    const std::string database = database_with_users(1);
    const Service service(database, HeldRequests::arguments({"--timeout-graceful-shutdown", "5m"}));
    const HeldRequests held(service, database, 1);
    service.signal(SIGTERM);
    ASSERT_TRUE(eventually([&] { return get(service.admin_url("/readyz")).status == 503; }));
    expect_operators_are_answered(service, 503);
}

TEST(Overload, turns_no_operator_away_on_the_apis_port) {
    const std::string database = database_with_users(1);
    const HeldPort port;
    const Service service(
        database, HeldRequests::arguments({"--port", port.text(), "--admin-port", port.text(),
                                           "--limit-concurrency", "1"}));
    const HeldRequests hold_the_place(service, database, 1);
    EXPECT_EQ(get(service.url("/fast-task")).status, 503);
    for (const char* path : {"/livez", "/readyz", "/metrics", "/version", "/debug/requests"})
        EXPECT_EQ(get(service.url(path)).status, 200) << path;
    EXPECT_EQ(get(service.url("/users")).status, 503);
    EXPECT_EQ(get(service.url("/nope")).status, 503);
}

}  // namespace
}  // namespace signalbox::test
