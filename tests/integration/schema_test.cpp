// A database that lacks what the service was made for: its server was replaced by an empty one, it
// was restored from an old backup, or made anew behind a pooler.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <pqxx/pqxx>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "signalbox/async/task.hpp"
#include "signalbox/db/error.hpp"
#include "signalbox/db/migration_file.hpp"
#include "signalbox/db/pool.hpp"
#include "signalbox/db/pool_options.hpp"
#include "signalbox/testing/postgres.hpp"
#include "signalbox/testing/run.hpp"
#include "support/database_faults.hpp"
#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/log_lines.hpp"
#include "support/pgbouncer.hpp"
#include "support/prometheus.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

using namespace std::chrono_literals;
using async::Task;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr auto first_migration = "20261122000000_create_users.sql";
constexpr auto second_migration = "20261201000000_create_notes.sql";
constexpr auto lacks_its_schema = R"({"detail":"The database lacks its schema"})";
constexpr auto migrations_fail = R"("migrations":[{"status":"fail")";
constexpr auto migrations_pass = R"("migrations":[{"status":"pass"}])";

void migrate(const std::string& url, const std::vector<std::string>& arguments = {}) {
    std::vector<std::string> all{"migrate", "--database-url", url};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const Exit exit = run_signalbox(all);
    if (exit.status != 0) throw std::runtime_error("migrate failed: " + exit.output);
}

double pending(const Service& service, const std::string& state = "pending") {
    return service.metric("signalbox_database_migrations", {{"state", state}});
}

std::string readiness(const Service& service) {
    return get(service.admin_url("/readyz")).body;
}

bool becomes_unready(const Service& service) {
    return eventually(
        [&] { return readiness(service).find(migrations_fail) != std::string::npos; });
}

bool becomes_ready(const Service& service) {
    return eventually([&] { return get(service.admin_url("/readyz")).status == 200; });
}

std::size_t lines_about_the_schema(const Service& service) {
    std::size_t count = 0;
    for (const LogLine& line : log_lines_with(service.output(), "severity_text", "ERROR"))
        count += line.text("body").find("lacks its schema") != std::string::npos ? 1 : 0;
    return count;
}

/// A folder with the service's migration and another one.
class TwoMigrations {
  public:
    TwoMigrations() {
        std::string name =
            (std::filesystem::temp_directory_path() / "signalbox-schema-XXXXXX").string();
        folder_ = ::mkdtemp(name.data());
        std::filesystem::copy_file(
            std::filesystem::path(source_folder()) / "migrations" / first_migration,
            folder_ / first_migration);
        std::ofstream(folder_ / second_migration)
            << "-- migrate:up\nCREATE TABLE notes (id int);\n-- migrate:down\n";
    }
    ~TwoMigrations() { std::filesystem::remove_all(folder_); }
    TwoMigrations(const TwoMigrations&) = delete;
    TwoMigrations& operator=(const TwoMigrations&) = delete;

    std::vector<std::string> arguments() const { return {"--migrations-dir", folder_}; }
    const std::filesystem::path& folder() const { return folder_; }

  private:
    std::filesystem::path folder_;
};

struct Schema : testing::Test {
    PostgresServer server;
    std::string url = server.database_url();

    void expect_unready(const Service& service) const {
        const auto ready = get(service.admin_url("/readyz"));
        EXPECT_EQ(ready.status, 503);
        EXPECT_THAT(ready.body, HasSubstr(R"("database":[{"status":"pass"}])"));
        EXPECT_THAT(ready.body, HasSubstr(std::string("1 pending: ") + first_migration));
        EXPECT_EQ(get(service.admin_url("/readyz?exclude=database")).status, 200);
        EXPECT_EQ(get(service.admin_url("/livez")).status, 200);

        const auto users = get(service.url("/users"));
        EXPECT_EQ(users.status, 503);
        EXPECT_EQ(users.body, lacks_its_schema);
        EXPECT_TRUE(users.header("retry-after"));
        EXPECT_EQ(get(service.url("/fast-task")).status, 200) << "it needs no database";

        EXPECT_EQ(pending(service), 1);
        EXPECT_EQ(pending(service, "applied"), 0);
        EXPECT_TRUE(eventually([&] { return lines_about_the_schema(service) > 0; }));
        EXPECT_EQ(lines_about_the_schema(service), 1u);
        EXPECT_EQ(wait_for_line(service, "error.type", "migrations_pending").text("http.route"),
                  "/users");
    }
    void expect_ready(const Service& service) const {
        EXPECT_THAT(readiness(service), HasSubstr(migrations_pass));
        EXPECT_EQ(get(service.url("/users")).status, 200);
        EXPECT_EQ(pending(service), 0);
        EXPECT_EQ(pending(service, "applied"), 1);
    }
};

TEST_F(Schema,
       of_a_server_that_was_replaced_by_an_empty_one_is_missed_until_it_is_applied_by_hand) {
    migrate(url);
    const Service service(url);
    ASSERT_TRUE(becomes_ready(service));
    ASSERT_TRUE(eventually([&] { return pending(service, "applied") == 1; }));
    expect_ready(service);

    replace_by_an_empty_one(server);
    ASSERT_TRUE(becomes_unready(service)) << readiness(service);
    std::this_thread::sleep_for(2500ms);  // for looks that could tell it again
    expect_unready(service);
    EXPECT_EQ(query_value(url, "SELECT to_regclass('users') IS NULL"), "t") << "nobody applied it";

    migrate(url);
    ASSERT_TRUE(becomes_ready(service));
    expect_ready(service);
    EXPECT_EQ(get(service.url("/users")).body, "[]");
    wait_for_line(service, "body", "the database has all migrations again");
}

TEST_F(Schema, is_never_answered_for_with_500_while_the_server_is_replaced) {
    migrate(url);
    const Service service(url);
    std::atomic<bool> over = false;
    std::set<int> statuses;
    std::thread client([&] {
        while (!over)
            statuses.insert(get(service.url("/users")).status);
    });
    replace_by_an_empty_one(server);
    const bool unready = becomes_unready(service);
    migrate(url);
    const bool ready = becomes_ready(service);
    over = true;
    client.join();
    EXPECT_TRUE(unready && ready);
    EXPECT_THAT(statuses, ElementsAre(200, 503));
}

TEST_F(Schema, that_is_dropped_below_open_connections_is_missed_by_the_first_who_needs_it) {
    migrate(url);
    const Service service(url);
    ASSERT_TRUE(eventually([&] { return pending(service, "applied") == 1; }));
    execute(url, "DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    EXPECT_EQ(get(service.url("/users")).body, lacks_its_schema);
    expect_unready(service);
}

TEST_F(Schema, that_is_dropped_is_missed_although_nobody_needs_it) {
    migrate(url);
    const Service service(url);
    ASSERT_TRUE(eventually([&] { return pending(service, "applied") == 1; }));
    execute(url, "DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    EXPECT_TRUE(becomes_unready(service));
}

TEST_F(Schema, that_was_replaced_behind_a_pooler_is_missed) {
    migrate(url);
    const PgBouncer pgbouncer(server, 2);
    const Service service(pgbouncer.url("postgres"), {"--database-prepare", "off"});
    ASSERT_TRUE(becomes_ready(service));
    ASSERT_TRUE(eventually([&] { return pending(service, "applied") == 1; }));

    replace_by_an_empty_one(server);
    ASSERT_TRUE(becomes_unready(service)) << readiness(service);
    expect_unready(service);

    migrate(url);
    ASSERT_TRUE(becomes_ready(service));
    expect_ready(service);
}

TEST_F(Schema, of_a_newer_version_is_ready) {
    migrate(url);
    const Service service(url);
    execute(url, "INSERT INTO schema_migrations (version) VALUES ('20991231000000')");
    end_all_sessions(url);
    ASSERT_TRUE(eventually([&] { return pending(service, "unknown") == 1; }));
    expect_ready(service);
    EXPECT_EQ(get(service.admin_url("/readyz")).status, 200);
    EXPECT_EQ(lines_about_the_schema(service), 0u);

    const Service restarted(url);
    EXPECT_TRUE(becomes_ready(restarted));
}

TEST_F(Schema, of_an_older_version_serves_what_it_has) {
    const TwoMigrations two;
    migrate(url, two.arguments());
    const Service service(url, two.arguments());
    ASSERT_TRUE(eventually([&] { return pending(service, "applied") == 2; }));

    // Restored from a backup of before the release.
    execute(url, std::string("DROP TABLE notes; DELETE FROM schema_migrations WHERE version = "
                             "'20261201000000'"));
    ASSERT_TRUE(becomes_unready(service));
    EXPECT_THAT(readiness(service), AllOf(HasSubstr(std::string("1 pending: ") + second_migration),
                                          Not(HasSubstr(first_migration))));
    EXPECT_EQ(get(service.url("/users")).status, 200) << "it has all that it needs";
    EXPECT_EQ(pending(service), 1);

    migrate(url, two.arguments());
    EXPECT_TRUE(becomes_ready(service));
}

// What a rolling update does: pods of both versions run while one of the new version's migrates.
TEST_F(Schema, stays_ready_throughout_a_rolling_update) {
    const TwoMigrations two;
    migrate(url);
    const Service old_pod(url);
    ASSERT_TRUE(eventually([&] { return pending(old_pod, "applied") == 1; }));
    EXPECT_THAT(run_signalbox({"--database-url", url, "--migrations-dir", two.folder()}).output,
                HasSubstr(second_migration))
        << "a new pod does not start before";
    migrate(url, two.arguments());
    const Service new_pod(url, two.arguments());
    ASSERT_TRUE(eventually(
        [&] { return pending(new_pod, "applied") == 2 && pending(old_pod, "unknown") == 1; }));
    for (const Service* pod : {&old_pod, &new_pod}) {
        EXPECT_EQ(get(pod->admin_url("/readyz")).status, 200);
        EXPECT_EQ(get(pod->url("/users")).status, 200);
        EXPECT_EQ(lines_about_the_schema(*pod), 0u);
    }
}

TEST_F(Schema, is_that_of_the_start_whatever_comes_into_the_folder) {
    const TwoMigrations two;
    std::filesystem::remove(two.folder() / second_migration);
    migrate(url, two.arguments());
    const Service service(url, two.arguments());
    ASSERT_TRUE(eventually([&] { return pending(service, "applied") == 1; }));
    // A package is upgraded below the process.
    std::ofstream(two.folder() / second_migration)
        << "-- migrate:up\nCREATE TABLE notes (id int);\n-- migrate:down\n";
    end_all_sessions(url);
    ASSERT_TRUE(eventually([&] { return get(service.url("/users")).status == 200; }));
    expect_ready(service);
}

TEST_F(Schema, that_may_not_be_read_keeps_nobody_from_serving) {
    migrate(url);
    execute(url, "CREATE ROLE app LOGIN; GRANT SELECT ON users TO app");
    auto as_app = url;
    as_app.replace(as_app.find("postgres@"), 8, "app");
    const Service service(as_app);
    ASSERT_TRUE(eventually([&] {
        return service.output().find("cannot tell whether migrations are pending") !=
               std::string::npos;
    }));
    EXPECT_EQ(get(service.admin_url("/readyz")).status, 200);
    EXPECT_THAT(readiness(service), Not(HasSubstr("migrations")));
    EXPECT_EQ(get(service.url("/users")).status, 200);

    execute(url, "DROP TABLE users");
    EXPECT_EQ(get(service.url("/users")).status, 500) << "nobody knows why";
    execute(url, "GRANT SELECT ON schema_migrations TO app");
    EXPECT_TRUE(eventually([&] { return pending(service, "applied") == 1; }));
}

TEST_F(Schema, that_somebody_locks_keeps_nobody_from_connecting) {
    migrate(url);
    const Service service(url, {"--database-pool-size", "2"});
    ASSERT_TRUE(eventually([&] { return pending(service, "applied") == 1; }));
    pqxx::connection other(url);
    pqxx::work lock(other);
    lock.exec("LOCK TABLE schema_migrations IN ACCESS EXCLUSIVE MODE");
    end_all_sessions(url);
    EXPECT_TRUE(eventually([&] { return get(service.url("/users")).status == 200; }));
    EXPECT_EQ(get(service.admin_url("/readyz")).status, 200) << "what was known stays";
    EXPECT_EQ(pending(service, "applied"), 1);
}

// What the service has no route for.
TEST_F(Schema, that_is_missing_is_told_to_who_writes) {
    migrate(url);
    db::Pool pool(db::PoolOptions{.url = url, .size = 2});
    pool.connect();
    pool.expect(db::load_migrations(std::filesystem::path(source_folder()) / "migrations"));
    ASSERT_TRUE(eventually([&] { return pool.migrations().applied == 1; }));
    replace_by_an_empty_one(server);
    ASSERT_TRUE(eventually([&] { return !pool.migrations().pending.empty(); }));

    constexpr auto insert = "INSERT INTO users (name, email) VALUES ('a', 'a@example.com')";
    const auto insert_in_transaction = [&](db::Transaction& transaction) -> Task<> {
        co_await transaction.execute(insert);
    };
    EXPECT_THROW(run(pool.execute(insert)), db::MissingMigration);
    EXPECT_THROW(run(pool.transaction(insert_in_transaction)), db::MissingMigration);
    EXPECT_EQ(run(pool.fetch_value<std::int64_t>("SELECT 1::bigint")), 1)
        << "what needs no schema works";
    pool.disconnect();
}

}  // namespace
}  // namespace signalbox::test
