// Statements that write: each for the one who asks, and once.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "signalbox/api/module.hpp"
#include "signalbox/async/all.hpp"
#include "signalbox/db/pool.hpp"
#include "signalbox/db/pool_options.hpp"
#include "signalbox/testing/client.hpp"
#include "signalbox/testing/postgres.hpp"
#include "signalbox/testing/run.hpp"
#include "support/eventually.hpp"
#include "support/locked_users.hpp"

namespace signalbox::test {
namespace {

using api::DateTime;
using async::Task;
using testing::HasSubstr;

struct User {
    std::int64_t id;
    std::string name;
};

std::string new_database() {
    auto url = PostgresServer::shared().create_database();
    execute(url,
            "CREATE TABLE users (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text,"
            " secret text DEFAULT 'x');");
    return url;
}

class Writes : public testing::Test {
  protected:
    Writes() { pool_.connect(); }

    std::string count() const { return query_value(url_, "SELECT count(*) FROM users"); }

    const std::string url_ = new_database();
    db::Pool pool_{{.url = url_, .application_name = "signalbox", .size = 2}};
};

constexpr std::string_view insert = "INSERT INTO users (name) VALUES ($1)";
constexpr std::string_view insert_returning = "INSERT INTO users (name) VALUES ($1) RETURNING *";

TEST_F(Writes, say_how_many_rows_they_affected) {
    EXPECT_EQ(run(pool_.execute(insert, "Ada")), 1U);
    EXPECT_EQ(run(pool_.execute("INSERT INTO users (name) VALUES ('a'), ('b')")), 2U);
    EXPECT_EQ(run(pool_.execute("UPDATE users SET name = name || '!'")), 3U);
    EXPECT_EQ(run(pool_.execute("DELETE FROM users WHERE id = $1", 99)), 0U);
    EXPECT_EQ(run(pool_.execute("CREATE TABLE more ()")), 0U);
}

TEST_F(Writes, return_what_they_wrote) {
    const auto row = run(pool_.execute_row<User>(insert_returning, "Ada"));
    ASSERT_TRUE(row);
    EXPECT_EQ(row->json().text(), R"({"id":1,"name":"Ada"})");
    EXPECT_EQ(run(pool_.execute_one<User>(insert_returning, "Grace")).id, 2);
    EXPECT_FALSE(run(pool_.execute_row<User>("DELETE FROM users WHERE id = 99 RETURNING *")));
}

TEST_F(Writes, that_are_alike_are_all_done) {
    std::optional<LockedUsers> lock(std::in_place, url_);
    std::thread releases([&] {
        // Those that would share wait by now: one runs, or two, and the others are behind.
        EXPECT_TRUE(eventually([&] { return reads_held_by_a_lock(url_) == 2; }));
        lock.reset();
    });
    constexpr int all = 20;
    run([&]() -> Task<> {
        std::vector<Task<>> tasks;
        for (int i = 0; i < all; ++i) {
            tasks.push_back([](db::Pool& pool) -> Task<> {
                const auto affected = co_await pool.execute(insert, "same");
                EXPECT_EQ(affected, 1U);
            }(pool_));
        }
        co_await async::all(std::move(tasks));
    }());
    releases.join();
    EXPECT_EQ(count(), std::to_string(all));
}

Task<User> add_user(db::Pool& database) {
    User made = co_await database.execute_one<User>(insert_returning, "Ada");
    co_return made;
}

TEST_F(Writes, that_lose_their_connection_are_not_repeated_and_say_that_nobody_knows) {
    api::Module module;
    module.post<add_user>("/users");
    Client client(module);
    client.replace(pool_);
    std::optional<LockedUsers> lock(std::in_place, url_);
    std::thread breaks([&] {
        EXPECT_TRUE(eventually([&] { return reads_held_by_a_lock(url_) == 1; }));
        execute(url_,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = "
                "'Lock' AND datname = current_database()");
        EXPECT_TRUE(eventually([&] { return reads_held_by_a_lock(url_) == 0; }));
        lock.reset();
    });
    const auto response = client.post("/users");
    breaks.join();
    EXPECT_EQ(response.status, 503);
    EXPECT_EQ(response.body, R"({"detail":"Whether it was done is unknown"})");
    EXPECT_FALSE(response.header("Retry-After"));
    // The next one has a connection, and is done once.
    EXPECT_EQ(client.post("/users").status, 200);
    EXPECT_EQ(count(), "1");
}

TEST_F(Writes, that_are_refused_say_why) {
    run(pool_.execute("ALTER TABLE users ADD UNIQUE (name)"));
    run(pool_.execute(insert, "Ada"));
    try {
        run(pool_.execute(insert, "Ada"));
        ADD_FAILURE() << "no error";
    } catch (const db::Error& error) {
        EXPECT_EQ(error.sqlstate(), "23505");
    }
    EXPECT_EQ(count(), "1");
}

}  // namespace
}  // namespace signalbox::test
