#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <optional>
#include <pqxx/pqxx>
#include <string>
#include <vector>

#include "signalbox/db/detail/connection.hpp"
#include "signalbox/db/detail/rows_json.hpp"
#include "signalbox/testing/postgres.hpp"

namespace signalbox::db {
namespace {

using namespace std::chrono_literals;
using test::execute;
using test::PostgresServer;

std::string first_value(const pqxx::result& rows) {
    return rows.at(0).at(0).c_str();
}

std::string read_value(Connection& connection, const std::string& sql) {
    return first_value(connection.read({sql, {}}));
}

// The error of a read that has to fail.
Error read_error(Connection& connection, const Statement& statement) {
    try {
        (void)connection.read(statement);
    } catch (const Error& error) {
        return error;
    }
    ADD_FAILURE() << "no error: " << statement.sql;
    return Error("");
}

class DatabaseConnection : public testing::Test {
  protected:
    const std::string url_ = PostgresServer::shared().create_database();
};

// Everything that is the same with and without prepared statements.
class DatabaseConnectionEitherWay : public testing::TestWithParam<bool> {
  protected:
    const std::string url_ = PostgresServer::shared().create_database();
    Connection connection_{{.url = url_, .prepare = GetParam()}};
};
INSTANTIATE_TEST_SUITE_P(prepare, DatabaseConnectionEitherWay, testing::Values(true, false),
                         [](const auto& info) { return info.param ? "on" : "off"; });

TEST_P(DatabaseConnectionEitherWay, reads_rows) {
    execute(url_,
            "CREATE TABLE users (id bigint, name text);"
            "INSERT INTO users VALUES (1, 'Ada'), (2, NULL)");
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(rows_json(connection_.read({"SELECT * FROM users ORDER BY id", {}})).text(),
                  R"([{"id":1,"name":"Ada"},{"id":2,"name":null}])");
}

TEST_P(DatabaseConnectionEitherWay, passes_parameters_as_they_are) {
    const std::string sql =
        "SELECT $1::text AS t, $2::int + 1 AS i, $3::text IS NULL AS n, $4::text AS e";
    for (const std::string text : {"plain", "it's \"quoted\" \\ $1 ; --", "日本"}) {
        const auto rows = connection_.read({sql, {text, "41", std::nullopt, ""}});
        EXPECT_EQ(rows.at(0).at(0).c_str(), text);
        EXPECT_STREQ(rows.at(0).at(1).c_str(), "42");
        EXPECT_STREQ(rows.at(0).at(2).c_str(), "t");
        EXPECT_FALSE(rows.at(0).at(3).is_null());
    }
}

TEST_P(DatabaseConnectionEitherWay, sees_a_table_that_changed) {
    execute(url_, "CREATE TABLE t (a int); INSERT INTO t VALUES (1)");
    const Statement all{"SELECT * FROM t", {}};
    EXPECT_EQ(rows_json(connection_.read(all)).text(), R"([{"a":1}])");
    execute(url_, "ALTER TABLE t ADD COLUMN b text DEFAULT 'new'");
    EXPECT_EQ(rows_json(connection_.read(all)).text(), R"([{"a":1,"b":"new"}])");
    execute(url_, "ALTER TABLE t ALTER COLUMN a TYPE text");
    EXPECT_EQ(rows_json(connection_.read(all)).text(), R"([{"a":"1","b":"new"}])");
}

TEST_P(DatabaseConnectionEitherWay, survives_a_pooler_that_resets_it) {
    const Statement one{"SELECT $1::int", {"1"}};
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(first_value(connection_.read(one)), "1");
        // Without prepared statements a read is in a transaction, and has nothing to lose.
        (void)connection_.read({GetParam() ? "DISCARD ALL" : "DISCARD PLANS", {}});
    }
    EXPECT_EQ(first_value(connection_.read(one)), "1");
}

TEST_P(DatabaseConnectionEitherWay, survives_a_statement_that_fails) {
    const Statement all{"SELECT a FROM t", {}};
    for (int i = 0; i < 2; ++i) {
        const auto error = read_error(connection_, all);
        EXPECT_EQ(error.sqlstate(), "42P01");
        EXPECT_FALSE(std::string{error.what()}.ends_with('\n'));
        EXPECT_FALSE(connection_.lost());
    }
    execute(url_, "CREATE TABLE t (a int); INSERT INTO t VALUES (7)");
    EXPECT_EQ(first_value(connection_.read(all)), "7");
    execute(url_, "ALTER TABLE t RENAME a TO b");
    EXPECT_EQ(read_error(connection_, all).sqlstate(), "42703");
    EXPECT_EQ(read_error(connection_, all).sqlstate(), "42703");
    execute(url_, "ALTER TABLE t RENAME b TO a");
    EXPECT_EQ(first_value(connection_.read(all)), "7");
    EXPECT_EQ(read_error(connection_, {"SELECT $1::int", {"x"}}).sqlstate(), "22P02");
    EXPECT_EQ(read_error(connection_, {"SELEC", {}}).sqlstate(), "42601");
    EXPECT_FALSE(connection_.lost());
}

TEST_P(DatabaseConnectionEitherWay, reports_what_postgresql_really_cannot_do) {
    execute(url_,
            "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE feature_not_supported; END $$");
    for (int i = 0; i < 2; ++i) {
        for (const std::string sql : {"SELECT f()", "SELECT count(*) FROM pg_class FOR UPDATE"})
            EXPECT_EQ(read_error(connection_, {sql, {}}).sqlstate(), "0A000");
    }
    EXPECT_EQ(read_value(connection_, "SELECT 1"), "1");
}

TEST_P(DatabaseConnectionEitherWay, tells_a_conflict_that_rolled_it_back) {
    execute(url_,
            "CREATE FUNCTION f(state text) RETURNS int LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'conflict' USING ERRCODE = state; END $$");
    for (const std::string state : {"40001", "40P01"}) {
        const auto error = read_error(connection_, {"SELECT f($1)", {state}});
        EXPECT_EQ(error.sqlstate(), state);
    }
}

TEST_P(DatabaseConnectionEitherWay, prints_no_notices) {
    execute(url_,
            "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE WARNING 'noise'; RETURN 1; END $$");
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    EXPECT_EQ(read_value(connection_, "SELECT f()"), "1");
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
    EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
}

TEST_F(DatabaseConnection, speaks_utf8_utc_and_iso_whatever_others_say) {
    const auto latin = PostgresServer::shared().create_database(
        "TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'");
    execute(latin,
            "DO $$ BEGIN CREATE ROLE kolkata LOGIN; EXCEPTION WHEN duplicate_object THEN END $$;"
            "ALTER ROLE kolkata SET timezone = 'Asia/Kolkata';"
            "ALTER ROLE kolkata SET datestyle = 'German'; ALTER ROLE kolkata SET client_encoding = "
            "'LATIN1'");
    for (const bool prepare : {true, false}) {
        Connection connection{{.url = latin + "&user=kolkata&client_encoding=LATIN1"
                                              "&options=-c%20timezone%3DEurope/Rome",
                               .prepare = prepare}};
        EXPECT_EQ(read_value(connection, "SELECT current_user"), "kolkata");
        EXPECT_EQ(
            rows_json(connection.read({"SELECT timestamptz '2026-11-22 07:02:06.5+05:30' AS t,"
                                       " date '2026-11-22' AS d, chr(233) AS e",
                                       {}}))
                .text(),
            R"([{"t":"2026-11-22T01:32:06.500000+00:00","d":"2026-11-22","e":"é"}])");
    }
}

TEST_F(DatabaseConnection, names_itself_and_limits_its_statements) {
    Connection connection{{.url = url_, .application_name = "orders", .query_timeout = 1234ms}};
    EXPECT_EQ(read_value(connection, "SHOW application_name"), "orders");
    EXPECT_EQ(read_value(connection, "SHOW statement_timeout"), "1234ms");

    Connection users_own{
        {.url = url_ + "&application_name=mine&options=-c%20statement_timeout%3D7s",
         .application_name = "orders"}};
    EXPECT_EQ(read_value(users_own, "SHOW application_name"), "mine");
    EXPECT_EQ(read_value(users_own, "SHOW statement_timeout"), "7s");

    Connection unlimited{{.url = url_, .query_timeout = 0ms}};
    EXPECT_EQ(read_value(unlimited, "SHOW statement_timeout"), "0");
}

TEST_F(DatabaseConnection, prepares_each_statement_once) {
    Connection connection{{.url = url_}};
    const std::string count = "SELECT count(*) FROM pg_prepared_statements";
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(first_value(connection.read({"SELECT $1::int", {std::to_string(i)}})),
                  std::to_string(i));
        EXPECT_EQ(read_value(connection, count), "2");
    }
    execute(url_, "CREATE TABLE t (a int)");
    (void)connection.read({"SELECT * FROM t", {}});
    execute(url_, "ALTER TABLE t ADD COLUMN b int");
    (void)connection.read({"SELECT * FROM t", {}});
    EXPECT_EQ(read_value(connection, count), "3");
}

TEST_F(DatabaseConnection, prepares_a_bounded_number_of_statements) {
    Connection connection{{.url = url_}};
    for (int i = 0; i < 400; ++i)
        EXPECT_EQ(read_value(connection, "SELECT " + std::to_string(i)), std::to_string(i));
    EXPECT_EQ(read_value(connection, "SELECT count(*) FROM pg_prepared_statements"), "256");
}

TEST_F(DatabaseConnection, without_prepare_names_nothing) {
    Connection connection{{.url = url_, .prepare = false}};
    EXPECT_EQ(read_value(connection, "SELECT 1"), "1");
    EXPECT_EQ(read_value(connection, "SELECT count(*) FROM pg_prepared_statements"), "0");
    EXPECT_EQ(read_value(connection, "SHOW statement_timeout"), "5s") << "of that transaction";
}

TEST_F(DatabaseConnection, ends_a_statement_at_its_timeout) {
    Connection connection{{.url = url_, .query_timeout = 1s}};
    try {
        (void)connection.read({"SELECT pg_sleep(60)", {}});
        FAIL() << "it had no timeout";
    } catch (const Unavailable& error) {
        EXPECT_EQ(error.reason(), Unavailable::Reason::timeout);
        EXPECT_EQ(error.sqlstate(), "57014");
    }
    EXPECT_FALSE(connection.lost());
    EXPECT_EQ(read_value(connection, "SELECT 1"), "1");
}

}  // namespace
}  // namespace signalbox::db
