// What becomes of the connections to PostgreSQL while an instance drains: those who come in its
// place want them, and what it still has in flight must not miss them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <memory>
#include <optional>
#include <pqxx/pqxx>
#include <string>
#include <utility>
#include <vector>

#include "signalbox/async/all.hpp"
#include "signalbox/async/sleep.hpp"
#include "signalbox/async/task.hpp"
#include "signalbox/db/pool.hpp"
#include "signalbox/db/pool_options.hpp"
#include "signalbox/testing/postgres.hpp"
#include "signalbox/testing/run.hpp"
#include "support/database_faults.hpp"
#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

using namespace std::chrono_literals;
using async::Task;
using testing::HasSubstr;

struct DrainOfConnections : testing::Test {
    const std::string database = database_with_users(3);

    bool has_sessions(int count) const {
        return eventually([&] { return sessions_of_the_service(database) == count; });
    }
    bool has_at_least(int count) const {
        return eventually([&] { return sessions_of_the_service(database) >= count; });
    }
    static std::string in_flight(const Service& service) {
        return get(service.admin_url("/debug/requests")).body;
    }
    static std::string request(const std::string& path) {
        return "GET " + path + " HTTP/1.1\r\nHost: test\r\n\r\n";
    }
    static bool drains(const Service& service) {
        return eventually([&] { return !service.listening_ports().contains(service.port()); });
    }
};

TEST_F(DrainOfConnections, keeps_those_that_are_used_and_one) {
    Service service(database, {"--database-pool-size", "8", "--shutdown-delay", "1s"});
    ASSERT_TRUE(has_sessions(8));
    RawClient slow(service.port());
    slow.send(request("/slow-task"));  // five seconds
    ASSERT_TRUE(
        eventually([&] { return in_flight(service).find("/slow-task") != std::string::npos; }));
    pqxx::connection other(database);
    std::optional<pqxx::work> lock(std::in_place, other);
    lock->exec("LOCK TABLE users");
    RawClient reader(service.port());
    reader.send(request("/users"));
    ASSERT_TRUE(eventually([&] { return in_flight(service).find("/users") != std::string::npos; }));

    service.signal(SIGTERM);
    EXPECT_EQ(get(service.url("/fast-task")).status, 200) << "for the delay all is as it was";
    EXPECT_EQ(sessions_of_the_service(database), 8);
    ASSERT_TRUE(drains(service));
    EXPECT_TRUE(has_sessions(1)) << "the one that reads is the last";
    EXPECT_THAT(in_flight(service), HasSubstr("/slow-task"));
    lock.reset();
    EXPECT_THAT(reader.read_to_end(), HasSubstr("200 OK"));
    EXPECT_THAT(slow.read_to_end(), HasSubstr("Task complete!"));
    const auto exit = service.wait_for_exit();
    ASSERT_TRUE(exit);
    EXPECT_EQ(exit->status, 0);
    EXPECT_THAT(exit->output, HasSubstr(R"("drained":)"));
}

TEST_F(DrainOfConnections, makes_them_again_for_who_comes_late) {
    Service service(database, {"--database-pool-size", "8", "--database-share-reads", "off"});
    ASSERT_TRUE(has_sessions(8));
    std::vector<std::unique_ptr<RawClient>> clients;
    const std::string users = request("/users");
    for (int i = 0; i < 6; ++i) {
        clients.push_back(std::make_unique<RawClient>(service.port()));
        clients.back()->send(request("/fast-task"));
        clients.back()->read_response();
    }
    service.signal(SIGSTOP);
    for (const auto& client : clients)
        client->send(users.substr(0, 12));
    service.signal(SIGTERM);
    service.signal(SIGCONT);
    ASSERT_TRUE(drains(service));
    ASSERT_TRUE(has_sessions(1));

    pqxx::connection other(database);
    std::optional<pqxx::work> lock(std::in_place, other);
    lock->exec("LOCK TABLE users");
    for (const auto& client : clients)
        client->send(users.substr(12));
    EXPECT_TRUE(has_at_least(6)) << "each of them waits for the table, on a connection of its own";
    lock.reset();
    for (const auto& client : clients)
        EXPECT_THAT(client->read_to_end(), HasSubstr("200 OK"));
    const auto exit = service.wait_for_exit();
    ASSERT_TRUE(exit);
    EXPECT_EQ(exit->status, 0);
}

struct ClosingIdle : testing::Test {
    const std::string database = PostgresServer::shared().create_database();
    db::Pool pool{db::PoolOptions{
        .url = database, .application_name = "signalbox", .size = 10, .query_timeout = 20s}};

    void SetUp() override {
        pool.connect();
        ASSERT_TRUE(eventually([&] { return sessions_of_the_service(database) == 10; }));
        pool.close_idle();
        ASSERT_TRUE(eventually([&] { return sessions_of_the_service(database) == 1; }));
    }
    void TearDown() override { pool.disconnect(); }
};

// Each waits inside of its transaction until all of them are in theirs.
TEST_F(ClosingIdle, lets_as_many_transactions_run_at_once_as_before) {
    constexpr std::size_t all_at_once = 8;  // four fifths of ten
    std::size_t inside = 0;
    const auto work = [&](db::Transaction& transaction) -> Task<> {
        co_await transaction.fetch_value<int>("SELECT 1");
        ++inside;
        while (inside < all_at_once)
            co_await async::sleep_for(5ms);
    };
    const auto transaction = [&]() -> Task<> { co_await pool.transaction(work); };
    const auto four = [&]() -> Task<> {
        co_await async::all(transaction(), transaction(), transaction(), transaction());
    };
    const auto eight = [&]() -> Task<> { co_await async::all(four(), four()); };
    run(eight());
    EXPECT_EQ(inside, all_at_once);
    EXPECT_TRUE(eventually([&] { return sessions_of_the_service(database) == 1; }))
        << "and closes them when they are over";
    EXPECT_TRUE(pool.reachable());
}

TEST_F(ClosingIdle, keeps_one_connection_for_statements_that_follow_each_other) {
    const auto statements = [&]() -> Task<std::string> {
        const auto pid = co_await pool.fetch_value<int>("SELECT pg_backend_pid()");
        for (int i = 0; i < 20; ++i) {
            const auto next = co_await pool.unshared().fetch_value<int>("SELECT pg_backend_pid()");
            if (next != pid) co_return "it was another connection";
        }
        co_return "";
    };
    EXPECT_EQ(run(statements()), "");
}

TEST_F(ClosingIdle, finds_the_database_again_that_was_away) {
    end_all_sessions(database);
    EXPECT_TRUE(eventually([&] {
        try {
            return run(pool.fetch_value<int>("SELECT 1")) == 1;
        } catch (const std::runtime_error&) {
            return false;
        }
    }));
    EXPECT_TRUE(eventually([&] { return sessions_of_the_service(database) == 1; }));
}

}  // namespace
}  // namespace signalbox::test
