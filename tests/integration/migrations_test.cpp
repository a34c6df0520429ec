#include "signalbox/db/migrations.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <pqxx/pqxx>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "signalbox/testing/held_port.hpp"
#include "signalbox/testing/postgres.hpp"
#include "signalbox/testing/spawn.hpp"
#include "support/eventually.hpp"
#include "support/log_lines.hpp"
#include "support/paths.hpp"
#include "support/pgbouncer.hpp"
#include "support/silent_server.hpp"

namespace signalbox::db {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// A database and a folder of migrations, both empty.
class Migrations : public testing::Test {
  protected:
    Migrations() {
        std::string name =
            (std::filesystem::temp_directory_path() / "signalbox-migrations-XXXXXX").string();
        folder_ = ::mkdtemp(name.data());
    }
    ~Migrations() override { std::filesystem::remove_all(folder_); }

    void write(const std::string& name, std::string_view up, std::string_view options = "") const {
        std::ofstream{folder_ / name} << "-- migrate:up" << options << '\n'
                                      << up << "\n-- migrate:down\n";
    }

    void apply() { apply(url_); }
    void apply(const std::string& url) { apply_migrations(target(url), folder_); }

    MigrationTarget target(const std::string& url) {
        return {.database_url = url,
                .patience = 10s,
                .report = [this](config::LogLevel, std::string_view line) {
                    const std::lock_guard guard{mutex_};
                    report_.emplace_back(line);
                }};
    }

    /// The message of the failure that apply() ends with.
    std::string failure() { return failure(target(url_)); }
    std::string failure(const MigrationTarget& wanted) const {
        try {
            apply_migrations(wanted, folder_);
        } catch (const std::runtime_error& error) {
            return error.what();
        }
        return "no failure";
    }

    std::string value(const std::string& sql) const {
        pqxx::connection connection{url_};
        pqxx::nontransaction transaction{connection};
        return transaction.exec(sql)[0][0].as<std::string>("null");
    }

    std::string versions() const {
        return value("SELECT string_agg(version, ' ' ORDER BY version) FROM schema_migrations");
    }
    bool table_exists(const std::string& name) const {
        return value("SELECT to_regclass('" + name + "') IS NOT NULL") == "t";
    }

    std::ptrdiff_t reported(std::string_view prefix) const {
        return std::ranges::count_if(
            report_, [&](const std::string& line) { return line.starts_with(prefix); });
    }

    const std::string url_ = test::PostgresServer::shared().create_database();
    std::filesystem::path folder_;
    std::vector<std::string> report_;
    std::mutex mutex_;
};

TEST_F(Migrations, are_applied_in_order_once) {
    write("1_a.sql", "CREATE TABLE a (id int);");
    write("2_b.sql", "INSERT INTO a VALUES (1); INSERT INTO a VALUES (2);");
    apply();
    EXPECT_EQ(versions(), "1 2");
    EXPECT_EQ(value("SELECT sum(id) FROM a"), "3");
    EXPECT_THAT(report_, ElementsAre("Applying: 1_a.sql", StartsWith("Applied: 1_a.sql in "),
                                     "Applying: 2_b.sql", StartsWith("Applied: 2_b.sql in ")));
    apply();
    EXPECT_EQ(report_.size(), 4U);

    write("3_c.sql", "INSERT INTO a VALUES (4);");
    apply();
    EXPECT_EQ(value("SELECT sum(id) FROM a"), "7");
    EXPECT_EQ(versions(), "1 2 3");
}

TEST_F(Migrations, that_ship_with_the_service_apply) {
    apply_migrations({url_, 10s}, test::source_folder() + "/migrations");
    EXPECT_EQ(value("SELECT count(*) FROM users"), "0");
    EXPECT_TRUE(pending_migrations({url_, 10s}, test::source_folder() + "/migrations").empty());
}

TEST_F(Migrations, have_a_status_that_changes_nothing) {
    write("1_a.sql", "CREATE TABLE a (id int);");
    write("2_b.sql", "CREATE TABLE b (id int);");
    const MigrationTarget target{url_, 10s, "orders migrate"};
    EXPECT_EQ(format_status(migration_status(target, folder_)),
              "[ ] 1_a.sql\n[ ] 2_b.sql\n\nApplied: 0\nPending: 2\n");
    EXPECT_FALSE(table_exists("schema_migrations"));

    apply();
    write("0_late.sql", "CREATE TABLE late (id int);");
    EXPECT_EQ(format_status(migration_status(target, folder_)),
              "[ ] 0_late.sql\n[X] 1_a.sql\n[X] 2_b.sql\n\nApplied: 2\nPending: 1\n");
    const auto pending = pending_migrations(target, folder_);
    ASSERT_EQ(pending.size(), 1U);
    EXPECT_EQ(pending.front().file_name, "0_late.sql");
}

TEST_F(Migrations, of_a_newer_release_are_passed_over) {
    write("1_a.sql", "CREATE TABLE a (id int);");
    write("2_newer.sql", "CREATE TABLE b (id int);");
    apply();
    std::filesystem::remove(folder_ / "2_newer.sql");
    EXPECT_TRUE(pending_migrations({url_, 10s}, folder_).empty());
    apply();
    EXPECT_EQ(versions(), "1 2");
}

TEST_F(Migrations, leave_nothing_of_themselves_when_they_fail) {
    write("1_good.sql", "CREATE TABLE good (id int);");
    write("2_bad.sql",
          "CREATE TABLE half (id int);\nINSERT INTO half VALUES (1);\n\n  SELECT 'äöü', nope;");
    write("3_never.sql", "CREATE TABLE never (id int);");
    const std::string message = failure();
    EXPECT_THAT(message, StartsWith((folder_ / "2_bad.sql").string() + ":5:17: "));
    EXPECT_THAT(message, AllOf(HasSubstr("column \"nope\" does not exist"), HasSubstr("42703")));
    EXPECT_EQ(versions(), "1");
    EXPECT_FALSE(table_exists("half"));
    EXPECT_FALSE(table_exists("never"));

    write("2_bad.sql", "CREATE TABLE half (id int);");
    apply();
    EXPECT_EQ(versions(), "1 2 3");
}

TEST_F(Migrations, name_the_place_of_an_error_in_any_encoding) {
    const std::string latin = test::PostgresServer::shared().create_database(
        "TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'");
    write("1_a.sql", "CREATE TABLE a AS SELECT 'äöü'::text AS name;");
    apply(latin);
    pqxx::connection connection{latin};
    pqxx::nontransaction transaction{connection};
    EXPECT_EQ(transaction.exec("SELECT length(name) FROM a")[0][0].as<int>(), 3);

    write("2_b.sql", "SELECT 'äöü', 'ß' FRM a;");
    try {
        apply(latin);
        FAIL() << "was accepted";
    } catch (const std::runtime_error& error) {
        EXPECT_THAT(error.what(), HasSubstr("2_b.sql:2:23: syntax error at or near \"a\""));
    }
}

TEST_F(Migrations, name_the_statement_when_postgresql_names_no_position) {
    write("1_a.sql",
          "CREATE TABLE a (id int PRIMARY KEY);\nINSERT INTO a VALUES (1);\nINSERT INTO a VALUES "
          "(1);");
    EXPECT_THAT(failure(),
                AllOf(HasSubstr("1_a.sql:4: statement 3: duplicate key value"),
                      HasSubstr("(23505)"), HasSubstr("\n  detail: Key (id)=(1) already exists.")));
    EXPECT_FALSE(table_exists("a"));

    write("1_a.sql", "DO $$ BEGIN RAISE 'no' USING HINT = 'try'; END $$;");
    EXPECT_THAT(failure(), AllOf(HasSubstr("statement 1: no (P0001)"), HasSubstr("hint: try"),
                                 HasSubstr("context: PL/pgSQL function")));
}

TEST_F(Migrations, are_all_read_before_the_first_is_applied) {
    write("1_a.sql", "CREATE TABLE a (id int);");
    std::ofstream{folder_ / "2_b.sql"} << "CREATE TABLE b (id int);\n";
    EXPECT_THAT(failure(), AllOf(HasSubstr("2_b.sql: line 1: "), HasSubstr("migrate:up")));
    EXPECT_FALSE(table_exists("a"));

    std::filesystem::remove(folder_ / "2_b.sql");
    std::filesystem::create_symlink("missing", folder_ / "2_b.sql");
    EXPECT_THAT(failure(), HasSubstr("cannot read " + (folder_ / "2_b.sql").string()));
    EXPECT_FALSE(table_exists("a"));
}

TEST_F(Migrations, with_a_nul_byte_are_not_applied_in_half) {
    write("1_a.sql", std::string_view{"CREATE TABLE a (id int);\0 CREATE TABLE b (id int);", 49});
    EXPECT_EQ(failure(),
              (folder_ / "1_a.sql").string() +
                  ": line 2, column 25: a NUL byte, where PostgreSQL would stop reading");
    EXPECT_FALSE(table_exists("a"));
    EXPECT_FALSE(table_exists("schema_migrations") && versions() != "null");
}

TEST_F(Migrations, have_several_sections_each_with_a_transaction_of_its_own) {
    // A value can be used when the transaction that adds it has ended.
    std::ofstream{folder_ / "1_a.sql"}
        << "-- migrate:up\nCREATE TYPE colour AS ENUM ('red');\n"
           "-- migrate:down\nDROP TYPE colour;\n"
           "-- migrate:up\nALTER TYPE colour ADD VALUE 'blue';\n"
           "-- migrate:down\n"
           "-- migrate:up\nCREATE TABLE a AS SELECT 'blue'::colour;\n"
           "-- migrate:down\n"
           "-- migrate:up transaction:false\nVACUUM a;\n"
           "-- migrate:down\n";
    apply();
    EXPECT_TRUE(table_exists("a"));
    EXPECT_EQ(versions(), "1");
}

TEST_F(Migrations, of_several_sections_are_recorded_with_the_last) {
    const auto write_two = [&](const std::string& second) {
        std::ofstream{folder_ / "1_a.sql"} << "-- migrate:up\nCREATE TABLE a (id int);\n"
                                              "-- migrate:down\n-- migrate:up\n"
                                           << second << "\n-- migrate:down\n";
    };
    write_two("CREATE TABLE b (id nope);");
    EXPECT_THAT(
        failure(),
        AllOf(
            HasSubstr("1_a.sql:5:20: type \"nope\" does not exist"),
            HasSubstr("1 of its 2 '-- migrate:up' parts stay applied, and that is not recorded")));
    EXPECT_TRUE(table_exists("a"));
    EXPECT_EQ(versions(), "null");

    write_two("CREATE TABLE b (id int);");
    EXPECT_THAT(failure(), HasSubstr("relation \"a\" already exists"));
    test::execute(url_, "DROP TABLE a");
    apply();
    EXPECT_EQ(versions(), "1");
}

TEST_F(Migrations, are_not_applied_before_they_are_written) {
    write("1_a.sql", "CREATE TABLE a (id int);");
    write("2_b.sql", "\n-- to do\n");
    EXPECT_THAT(failure(), HasSubstr("2_b.sql: nothing to do stands after '-- migrate:up'"));
    EXPECT_FALSE(table_exists("a"));

    write("2_b.sql", "CREATE TABLE b (id int);");
    apply();
    EXPECT_TRUE(table_exists("b"));
    write("2_b.sql", "");
    apply();  // What has been applied is not looked at any more.
}

TEST_F(Migrations, need_a_folder_with_migrations) {
    EXPECT_THAT(failure(), HasSubstr("no migrations in " + folder_.string()));
    std::filesystem::remove_all(folder_);
    EXPECT_THAT(failure(), HasSubstr("cannot read the migrations in " + folder_.string()));
}

TEST_F(Migrations, run_outside_of_a_transaction_when_asked) {
    write("1_a.sql", "CREATE TABLE a (id int);");
    write("2_index.sql", "CREATE INDEX CONCURRENTLY a_id ON a (id);");
    EXPECT_THAT(failure(),
                AllOf(HasSubstr("cannot run inside a transaction block"),
                      HasSubstr("give it a '-- migrate:up transaction:false' of its own")));
    write("2_index.sql", "CREATE INDEX CONCURRENTLY a_id ON a (id);", " transaction:false");
    apply();
    EXPECT_TRUE(table_exists("a_id"));
    EXPECT_EQ(versions(), "1 2");

    write("3_bad.sql", "\nCREATE INDX b ON a (id);", " transaction:false");
    EXPECT_THAT(failure(), HasSubstr("3_bad.sql:3:8: syntax error at or near \"INDX\""));
    EXPECT_EQ(versions(), "1 2");
}

TEST_F(Migrations, without_a_transaction_are_refused_when_postgresql_would_make_one) {
    write("1_a.sql", "CREATE TABLE a (id int);");
    write("2_b.sql",
          "CREATE INDEX CONCURRENTLY a_1 ON a (id);\nCREATE INDEX CONCURRENTLY a_2 ON a (id);",
          " transaction:false");
    EXPECT_THAT(failure(), HasSubstr("2_b.sql: line 2: cannot run together with other statements; "
                                     "give it a '-- migrate:up transaction:false' of its own"));
    EXPECT_FALSE(table_exists("a")) << "before the first file";
}

TEST_F(Migrations, may_not_end_or_leave_open_a_transaction) {
    write("1_a.sql", "CREATE TABLE a (id int); COMMIT;");
    EXPECT_THAT(failure(), HasSubstr("1_a.sql: ends the transaction"));
    write("1_a.sql", "BEGIN; CREATE TABLE b (id int);", " transaction:false");
    EXPECT_THAT(failure(), HasSubstr("1_a.sql: leaves a transaction open"));
    EXPECT_FALSE(table_exists("b"));
    EXPECT_EQ(versions(), "null");
}

TEST_F(Migrations, do_not_wait_for_ever_for_copied_data) {
    write("1_a.sql", "CREATE TABLE a (id int); COPY a FROM STDIN;");
    EXPECT_THAT(failure(), HasSubstr("COPY FROM STDIN is not possible"));
    EXPECT_FALSE(table_exists("a"));
    write("1_a.sql", "COPY (SELECT generate_series(1, 10000)) TO STDOUT; CREATE TABLE a (id int);");
    apply();
    EXPECT_TRUE(table_exists("a"));
}

TEST_F(Migrations, are_not_subject_to_a_statement_timeout) {
    write("1_a.sql", "SELECT pg_sleep(1.5);");
    write("2_b.sql", "SELECT pg_sleep(1.5);", " transaction:false");
    apply(url_ + (url_.find('?') == std::string::npos ? "?" : "&") +
          "options=-c%20statement_timeout%3D1000");
    EXPECT_EQ(versions(), "1 2");
}

/// What roles and databases may be set to, for people and other programs.
void set_for_everybody(const std::string& url) {
    const std::string database = test::query_value(url, "SELECT quote_ident(current_database())");
    for (const std::string setting :
         {"statement_timeout = '100ms'", "lock_timeout = '1ms'", "idle_session_timeout = '100ms'",
          "idle_in_transaction_session_timeout = '100ms'", "timezone = 'Asia/Kolkata'",
          "datestyle = 'German'", "intervalstyle = 'iso_8601'", "extra_float_digits = -10",
          "bytea_output = 'escape'"})
        test::execute(url, "ALTER DATABASE " + database + " SET " + setting);
}

/// What a migration finds set.
constexpr auto record_settings = "CREATE TABLE settings AS SELECT name, setting FROM pg_settings;";

std::string setting_in_migration(const std::string& url, const std::string& name) {
    return test::query_value(url, "SELECT setting FROM settings WHERE name = '" + name + "'");
}

void expect_own_settings(const std::string& url) {
    for (const auto& [name, setting] :
         {std::pair{"statement_timeout", "0"}, std::pair{"lock_timeout", "0"},
          std::pair{"idle_in_transaction_session_timeout", "0"}, std::pair{"TimeZone", "UTC"},
          std::pair{"DateStyle", "ISO, DMY"}, std::pair{"IntervalStyle", "postgres"},
          std::pair{"extra_float_digits", "1"}, std::pair{"bytea_output", "hex"}})
        EXPECT_EQ(setting_in_migration(url, name), setting) << name;
}

TEST_F(Migrations, do_not_care_what_a_database_or_a_role_has_set) {
    set_for_everybody(url_);
    write("1_a.sql", std::string{record_settings} + " SELECT pg_sleep(0.5);");
    write("2_b.sql", "SELECT pg_sleep(0.5);", " transaction:false");
    apply();
    EXPECT_EQ(versions(), "1 2");
    expect_own_settings(url_);
    EXPECT_EQ(setting_in_migration(url_, "idle_session_timeout"), "0");
    EXPECT_EQ(setting_in_migration(url_, "search_path"), "\"$user\", public");
}

TEST_F(Migrations, have_their_settings_through_a_pooler_and_leave_none_there) {
    test::PostgresServer server;
    test::execute(server.database_url(), "CREATE DATABASE app");
    set_for_everybody(server.database_url("app"));
    const test::PgBouncer pgbouncer{server, 3};
    write("1_a.sql", std::string{record_settings} + " SELECT pg_sleep(0.3);");
    write("2_b.sql", "CREATE TABLE b (id int);", " transaction:false");
    apply(pgbouncer.url("app"));
    expect_own_settings(server.database_url("app"));
    EXPECT_TRUE(report_.size() == 4U) << report_.front();
    for (int i = 0; i < 3; ++i) {
        for (const auto& [name, setting] :
             {std::pair{"statement_timeout", "100ms"}, std::pair{"lock_timeout", "1ms"},
              std::pair{"extra_float_digits", "-10"}})
            EXPECT_EQ(test::query_value(pgbouncer.url("app"), std::string{"SHOW "} + name),
                      setting);
    }
}

TEST_F(Migrations, do_not_change_the_settings_of_the_next) {
    write("1_dump.sql",
          "SELECT set_config('search_path', '', false); CREATE TABLE public.a (id int);");
    write("2_b.sql", "CREATE TABLE b (id int);");
    apply();
    EXPECT_EQ(versions(), "1 2");
    EXPECT_TRUE(table_exists("b"));
}

// The file without a transaction is the hard one: a replica that waits for the lock inside of the
// server would be waited for by CREATE INDEX CONCURRENTLY, and so would the holder of the lock if
// its transaction had a snapshot.
TEST_F(Migrations, are_applied_once_by_ten_threads) {
    {
        pqxx::connection connection{url_};
        pqxx::nontransaction{connection}.exec(
            "ALTER DATABASE " + connection.esc(connection.dbname()) +
            " SET default_transaction_isolation = 'serializable'");
    }
    write("1_a.sql", "SELECT pg_sleep(0.2); CREATE TABLE a (id int);");
    write("2_b.sql", "INSERT INTO a VALUES (1); SELECT pg_sleep(0.1);");
    write("3_index.sql", "CREATE INDEX CONCURRENTLY a_id ON a (id);", " transaction:false");
    write("4_d.sql", "INSERT INTO a VALUES (2);");
    std::vector<std::thread> replicas;
    for (int i = 0; i < 10; ++i) {
        replicas.emplace_back([this] { EXPECT_EQ(failure(), "no failure"); });
    }
    for (std::thread& replica : replicas)
        replica.join();
    EXPECT_EQ(versions(), "1 2 3 4");
    EXPECT_EQ(value("SELECT count(*) FROM a"), "2");
    EXPECT_EQ(reported("Applied: "), 4);
    EXPECT_GE(reported("Waiting: "), 1);
}

/// Holds the lock that who migrates has to have.
class AnotherMigration {
  public:
    explicit AnotherMigration(const std::string& url) : connection_{url} {
        transaction_.exec("SELECT pg_advisory_xact_lock(8316291910694888047)");
    }

  private:
    pqxx::connection connection_;
    pqxx::work transaction_{connection_};
};

TEST_F(Migrations, wait_for_another_longer_than_a_session_may_be_idle) {
    set_for_everybody(url_);
    write("1_a.sql", "CREATE TABLE a (id int);");
    test::execute(url_, "ALTER ROLE postgres IN DATABASE " +
                            test::query_value(url_, "SELECT current_database()") +
                            " SET idle_session_timeout = '200ms'");
    std::optional<AnotherMigration> another{
        std::in_place, url_ + "&options=-c%20idle_in_transaction_session_timeout%3D0"};
    std::thread waits{[this] { EXPECT_EQ(failure(), "no failure"); }};
    std::this_thread::sleep_for(1s);  // longer than any of the timeouts
    another.reset();
    waits.join();
    EXPECT_EQ(reported("Waiting: "), 1);
    EXPECT_TRUE(table_exists("a"));
}

TEST_F(Migrations, stop_between_two_files) {
    write("1_a.sql", "CREATE TABLE a (id int);");
    write("2_b.sql", "CREATE TABLE b (id int);");
    std::stop_source stop;
    auto wanted = target(url_);
    wanted.stop = stop.get_token();
    wanted.report = [&](config::LogLevel, std::string_view line) {
        if (line.starts_with("Applied: 1_a.sql")) stop.request_stop();
    };
    EXPECT_EQ(failure(wanted), "stopped by a signal");
    EXPECT_EQ(versions(), "1");
    EXPECT_FALSE(table_exists("b"));
}

/// The binary, as an operator runs it.
class MigrateCommand : public Migrations {
  protected:
    struct Outcome {
        int status;
        std::string output;
    };

    pid_t start(const std::vector<std::string>& arguments, const std::string& output) const {
        std::vector<std::string> all{test::service_binary(), "migrate", "--database-url", url_,
                                     "--migrations-dir",     folder_};
        all.insert(all.end(), arguments.begin(), arguments.end());
        test::SpawnOptions options;
        options.arguments = std::move(all);
        options.output = folder_ / output;
        return test::spawn(options);
    }

    Outcome finish(pid_t child, const std::string& output) const {
        const auto status = test::wait_for_exit(child, 60s);
        std::ifstream file{folder_ / output};
        return {status && WIFEXITED(*status) ? WEXITSTATUS(*status) : -1,
                {std::istreambuf_iterator<char>{file}, {}}};
    }

    Outcome run(const std::vector<std::string>& arguments, const std::string& output) const {
        return finish(start(arguments, output), output);
    }

    /// Throws when a line is none of the log.
    static std::vector<std::string> messages(const std::string& output) {
        std::vector<std::string> bodies;
        for (const test::LogLine& line : test::log_lines(output))
            bodies.push_back(line.text("body"));
        return bodies;
    }

    std::string output_of(const std::string& name) const {
        std::ifstream file{folder_ / name};
        return {std::istreambuf_iterator<char>{file}, {}};
    }
    bool says(const std::string& name, std::string_view what) const {
        return test::eventually([&] { return output_of(name).find(what) != std::string::npos; });
    }

    /// Ends at once, with status 1 and this as the last word.
    void expect_stopped(pid_t child, int signal, const std::string& output,
                        const testing::Matcher<std::string>& last_word) const {
        const auto start = std::chrono::steady_clock::now();
        ::kill(child, signal);
        const auto [status, text] = finish(child, output);
        EXPECT_LT(std::chrono::steady_clock::now() - start, 3s);
        EXPECT_EQ(status, 1) << text;
        const auto said = messages(text);
        ASSERT_FALSE(said.empty());
        EXPECT_THAT(said.back(), last_word);
    }

    /// How many sessions in this database run or wait for such.
    std::string running(const std::string& what) const {
        return value(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> "
            "pg_backend_pid() AND state = 'active' AND query LIKE '%" +
            what + "%'");
    }
};

TEST_F(MigrateCommand, stops_while_it_waits_for_another) {
    write("1_a.sql", "CREATE TABLE a (id int);");
    const AnotherMigration another{url_};
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
        const std::string output = "output" + std::to_string(signal);
        const pid_t child = start({}, output);
        ASSERT_TRUE(says(output, "Waiting: another process")) << output_of(output);
        expect_stopped(child, signal, output, "stopped by a signal");
    }
    EXPECT_FALSE(table_exists("a"));
}

TEST_F(MigrateCommand, cancels_in_postgresql_what_runs_when_it_stops) {
    write("1_a.sql", "CREATE TABLE a (id int); SELECT pg_sleep(60);");
    const pid_t child = start({}, "output");
    ASSERT_TRUE(test::eventually([&] { return running("pg_sleep(60)") == "1"; }));
    expect_stopped(child, SIGTERM, "output",
                   (folder_ / "1_a.sql").string() + ": stopped by a signal");
    EXPECT_EQ(running("pg_sleep(60)"), "0");
    EXPECT_FALSE(table_exists("a"));
}

TEST_F(MigrateCommand, names_what_may_be_half_done_when_it_stops) {
    write("1_a.sql", "CREATE TABLE a (id int);");
    ASSERT_EQ(run({}, "first").status, 0);
    write("2_b.sql", "CREATE INDEX CONCURRENTLY a_id ON a (id);", " transaction:false");
    pqxx::connection connection{url_};
    pqxx::work transaction{connection};
    transaction.exec("INSERT INTO a VALUES (1)");  // which the index waits for
    const pid_t child = start({}, "output");
    ASSERT_TRUE(test::eventually([&] { return running("CREATE INDEX CONCURRENTLY") == "1"; }));
    expect_stopped(child, SIGTERM, "output",
                   AllOf(StartsWith((folder_ / "2_b.sql").string() + ": stopped by a signal"),
                         HasSubstr("ran without a transaction: what it did until then may stay")));
    EXPECT_EQ(running("CREATE INDEX CONCURRENTLY"), "0");
    transaction.abort();
    EXPECT_EQ(versions(), "1");
}

TEST_F(MigrateCommand, stops_inside_of_a_connect_that_gets_no_answer) {
    write("1_a.sql", "SELECT 1;");
    const test::SilentServer server;
    const pid_t child = start({"--database-url", server.url("connect_timeout=60")}, "output");
    ASSERT_TRUE(server.is_asked());
    expect_stopped(child, SIGTERM, "output", "stopped by a signal");
}

TEST_F(MigrateCommand, does_not_wait_longer_for_an_answer_than_it_was_told) {
    write("1_a.sql", "SELECT 1;");
    const test::SilentServer server;
    const auto start = std::chrono::steady_clock::now();
    const auto silent = run(
        {"--database-url", server.url("connect_timeout=60"), "--database-startup-timeout", "1s"},
        "silent");
    EXPECT_LT(std::chrono::steady_clock::now() - start, 20s);
    EXPECT_EQ(silent.status, 1);
    EXPECT_THAT(messages(silent.output).back(),
                AllOf(HasSubstr("cannot connect to d on 127.0.0.1:"),
                      HasSubstr("no answer within 1s"), Not(HasSubstr("s3cret"))));

    const auto told =
        run({"--database-url", server.url("connect_timeout=2"), "--database-startup-timeout", "3s"},
            "told");
    EXPECT_EQ(told.status, 1);
    EXPECT_THAT(messages(told.output), testing::Contains(AllOf(HasSubstr("timeout expired"),
                                                               HasSubstr("; trying again in "))));
}

TEST_F(MigrateCommand, waits_for_a_connection_to_become_free) {
    test::execute(url_, "CREATE ROLE one LOGIN CONNECTION LIMIT 3");
    test::execute(url_, "GRANT ALL ON SCHEMA public TO one");
    write("1_a.sql", "CREATE TABLE a (id int);");
    const std::string url = url_ + "&user=one";
    std::vector<std::unique_ptr<pqxx::connection>> others;
    for (int i = 0; i < 3; ++i)
        others.push_back(std::make_unique<pqxx::connection>(url));
    const pid_t child = start({"--database-url", url}, "output");
    ASSERT_TRUE(says("output", "too many connections for role \\\"one\\\"; trying again in "))
        << output_of("output");
    others.clear();
    const auto [status, output] = finish(child, "output");
    EXPECT_EQ(status, 0) << output;
    EXPECT_TRUE(table_exists("a"));
    test::execute(url_, "DROP OWNED BY one CASCADE; DROP ROLE one");
}

TEST_F(MigrateCommand, waits_for_a_standby_to_be_promoted) {
    test::PostgresServer server{{.settings = {"default_transaction_read_only=on"}}};
    write("1_a.sql", "CREATE TABLE a (id int);");
    const std::string url = server.database_url() + "&target_session_attrs=read-write";
    const pid_t child = start({"--database-url", url}, "output");
    ASSERT_TRUE(says("output", "session is read-only; trying again in ")) << output_of("output");
    test::execute(server.database_url() + "&options=-c%20default_transaction_read_only%3Doff",
                  "ALTER DATABASE postgres SET default_transaction_read_only = off");
    const auto [status, output] = finish(child, "output");
    EXPECT_EQ(status, 0) << output;
}

TEST_F(MigrateCommand, applies_and_lists) {
    write("1_a.sql", "CREATE TABLE a (id int);");
    const auto before = run({"--status", "--log-format", "text"}, "before");
    EXPECT_EQ(before.status, 0);
    EXPECT_EQ(before.output, "[ ] 1_a.sql\n\nApplied: 0\nPending: 1\n");
    const auto applied = run({}, "applied");
    EXPECT_EQ(applied.status, 0);
    EXPECT_THAT(messages(applied.output),
                ElementsAre("Applying: 1_a.sql", StartsWith("Applied: 1_a.sql in ")));
    const auto after = run({"--status", "--log-format", "text"}, "after");
    EXPECT_EQ(after.status, 0);
    EXPECT_EQ(after.output, "[X] 1_a.sql\n\nApplied: 1\nPending: 0\n");
}

TEST_F(MigrateCommand, lists_in_lines_of_the_log_where_nobody_sits) {
    write("1_a.sql", "CREATE TABLE a (id int);");
    EXPECT_EQ(run({}, "applied").status, 0);
    write("2_b.sql", "CREATE TABLE b (id int);");
    // Whatever the level: it was asked for.
    const auto listed = run({"--status", "--log-level", "error"}, "listed");
    EXPECT_EQ(listed.status, 0);
    EXPECT_THAT(messages(listed.output),
                ElementsAre("Applied: 1_a.sql", "Pending: 2_b.sql", "migrations"));
    const auto lines = test::log_lines(listed.output);
    EXPECT_EQ(lines.back().number("applied"), 1);
    EXPECT_EQ(lines.back().number("pending"), 1);
}

TEST_F(MigrateCommand, ends_with_status_1_when_a_file_fails) {
    write("1_bad.sql", "CREATE TABEL a (id int);");
    const auto [status, output] = run({}, "output");
    EXPECT_EQ(status, 1);
    const auto lines = test::log_lines(output);
    EXPECT_EQ(lines.back().text("severity_text"), "FATAL");
    EXPECT_EQ(lines.back().text("body"),
              (folder_ / "1_bad.sql").string() + ":2:8: syntax error at or near \"TABEL\" (42601)");
}

TEST_F(MigrateCommand, ends_with_status_1_when_it_may_not_connect) {
    write("1_a.sql", "SELECT 1;");
    const auto start = std::chrono::steady_clock::now();
    const auto [status, output] =
        run({"--database-url", url_ + "&dbname=missing&password=s3cret"}, "output");
    EXPECT_EQ(status, 1);
    EXPECT_THAT(output, AllOf(HasSubstr("cannot connect to missing on "),
                              HasSubstr("does not exist"), Not(HasSubstr("s3cret"))));
    // A server that answers no is not asked again until --database-startup-timeout.
    EXPECT_LT(std::chrono::steady_clock::now() - start, 10s);
}

TEST_F(MigrateCommand, waits_for_a_server_that_starts_later) {
    write("1_a.sql", "CREATE TABLE a (id int);");
    test::PostgresServer server;
    server.stop();
    const pid_t child = start({"--database-url", server.database_url()}, "output");
    std::this_thread::sleep_for(500ms);
    server.start();
    const auto [status, output] = finish(child, "output");
    EXPECT_EQ(status, 0) << output;
    EXPECT_THAT(output, HasSubstr("Applied: 1_a.sql"));
}

TEST_F(MigrateCommand, gives_up_on_a_server_that_never_starts) {
    write("1_a.sql", "CREATE TABLE a (id int);");
    const test::HeldPort nobody;
    const std::string address = "127.0.0.1:" + nobody.text();
    const auto [status, output] = run({"--database-url", "postgresql://u:s3cret@" + address + "/x",
                                       "--database-startup-timeout", "300ms"},
                                      "output");
    EXPECT_EQ(status, 1);
    EXPECT_THAT(output, AllOf(HasSubstr("cannot connect to x on " + address + ": "),
                              HasSubstr("Connection refused"), Not(HasSubstr("s3cret"))));
}

TEST_F(MigrateCommand, is_done_once_by_ten_processes) {
    write("1_a.sql", "SELECT pg_sleep(0.2); CREATE TABLE a (id int);");
    write("2_b.sql", "INSERT INTO a VALUES (1);");
    std::vector<pid_t> replicas;
    for (int i = 0; i < 10; ++i)
        replicas.push_back(start({}, "output" + std::to_string(i)));
    std::string all;
    for (int i = 0; i < 10; ++i) {
        const auto [status, output] =
            finish(replicas[static_cast<std::size_t>(i)], "output" + std::to_string(i));
        EXPECT_EQ(status, 0) << output;
        all += output;
    }
    EXPECT_EQ(value("SELECT count(*) FROM a"), "1");
    EXPECT_EQ(all.find("Applied: 1_a.sql"), all.rfind("Applied: 1_a.sql"));
    EXPECT_NE(all.find("Applied: 2_b.sql"), std::string::npos);
}

TEST_F(MigrateCommand, leaves_nothing_and_no_lock_when_killed) {
    write("1_a.sql", "CREATE TABLE a (id int); SELECT pg_sleep(60);");
    const pid_t child = start({}, "output");
    const auto sleeping = [&] {
        return value(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND "
            "datname = current_database()");
    };
    ASSERT_TRUE(test::eventually([&] { return sleeping() == "1"; }));
    ::kill(child, SIGKILL);
    finish(child, "output");

    // The server notices that the client is gone at its next write: end the sleep.
    value(
        "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'PgSleep' "
        "AND datname = current_database()");
    write("1_a.sql", "CREATE TABLE a (id int);");
    apply();
    EXPECT_EQ(versions(), "1");
}

}  // namespace
}  // namespace signalbox::db
