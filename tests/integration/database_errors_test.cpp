// What PostgreSQL refuses: the types that handlers catch, and the answers of those that catch none.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <pqxx/pqxx>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <typeinfo>
#include <utility>
#include <vector>

#include "signalbox/api/module.hpp"
#include "signalbox/db/pool.hpp"
#include "signalbox/db/pool_options.hpp"
#include "signalbox/testing/client.hpp"
#include "signalbox/testing/postgres.hpp"
#include "signalbox/testing/run.hpp"
#include "support/eventually.hpp"
#include "support/locked_users.hpp"

namespace signalbox::test {
namespace {

using async::Task;
using testing::HasSubstr;
using testing::Not;

std::string new_database() {
    auto url = PostgresServer::shared().create_database();
    execute(url,
            "CREATE TABLE users (id int PRIMARY KEY, email text CONSTRAINT users_email_key UNIQUE,"
            " name varchar(5) NOT NULL DEFAULT 'Ada', age int CONSTRAINT adult CHECK (age >= 18));"
            "CREATE TABLE orders (user_id int CONSTRAINT orders_user REFERENCES users (id));"
            "CREATE TABLE stays (nights int4range,"
            " CONSTRAINT one_guest EXCLUDE USING gist (nights WITH &&));"
            "INSERT INTO users (id, email) VALUES (1, 'ada@example.com');"
            "INSERT INTO orders VALUES (1);"
            "INSERT INTO stays VALUES ('[1,5)')");
    return url;
}

struct Sql {
    std::string text;
    std::optional<std::string> value;
};
Task<> write(Sql sql, db::Pool& database) {
    auto writing = sql.value ? database.execute(sql.text, *sql.value) : database.execute(sql.text);
    co_await std::move(writing);
}
Task<JsonText> read(Sql sql, db::Pool& database) {
    co_return co_await database.fetch_all(sql.text);
}

/// What a statement is refused as, and what the client is told.
struct Refused {
    const std::type_info* type = nullptr;
    std::string message, sqlstate, constraint, table, column;
    Response response;
};

Refused refused(const std::string& url, const Sql& sql, std::string_view path = "/write") {
    db::Pool pool{{.url = url, .application_name = "signalbox", .size = 1}};
    pool.connect();
    api::Module module;
    module.post<write>("/write").post<read>("/read");
    Client client(module);
    client.replace(pool);
    Refused refused;
    try {
        if (path == "/read") {
            run(pool.fetch_all(sql.text));
        } else {
            run(write(sql, pool));
        }
        ADD_FAILURE() << "not refused: " << sql.text;
    } catch (const db::Error& error) {
        refused.type = &typeid(error);
        refused.message = error.what();
        refused.sqlstate = error.sqlstate();
        refused.constraint = error.constraint();
        refused.table = error.table();
        refused.column = error.column();
    }
    refused.response = client.post(path, model::to_json(sql));
    return refused;
}

template <class Kind>
Refused expect_refused(const Sql& sql, const std::string& sqlstate, int status,
                       const std::string& detail) {
    static const std::string url = new_database();
    auto result = refused(url, sql);
    EXPECT_EQ(*result.type, typeid(Kind)) << result.type->name();
    EXPECT_EQ(result.sqlstate, sqlstate) << sql.text;
    EXPECT_EQ(result.response.status, status) << sql.text;
    EXPECT_EQ(result.response.body, R"({"detail":")" + detail + R"("})");
    EXPECT_EQ(result.response.header("Retry-After").has_value(), status == 503);
    return result;
}

TEST(DatabaseErrors, that_are_violations_tell_the_handler_of_what) {
    const auto unique = expect_refused<db::UniqueViolation>(
        {"INSERT INTO users (id, email) VALUES (2, $1)", "ada@example.com"}, "23505", 409,
        "Such a one exists already");
    EXPECT_EQ(unique.constraint, "users_email_key");
    EXPECT_EQ(unique.table, "users");
    EXPECT_THAT(unique.message, HasSubstr("duplicate key"));
    EXPECT_THAT(unique.message, Not(HasSubstr("nbtinsert.c")));

    const auto foreign = expect_refused<db::ForeignKeyViolation>(
        {"INSERT INTO orders VALUES ($1)", "7"}, "23503", 409,
        "It refers to one that does not exist, or others refer to it");
    EXPECT_EQ(foreign.constraint, "orders_user");
    EXPECT_EQ(foreign.table, "orders");
    EXPECT_EQ(expect_refused<db::ForeignKeyViolation>(
                  {"DELETE FROM users WHERE id = 1", {}}, "23503", 409,
                  "It refers to one that does not exist, or others refer to it")
                  .constraint,
              "orders_user");

    const auto excluded =
        expect_refused<db::ExclusionViolation>({"INSERT INTO stays VALUES ($1)", "[4,6)"}, "23P01",
                                               409, "It conflicts with one that exists");
    EXPECT_EQ(excluded.constraint, "one_guest");
    EXPECT_EQ(excluded.table, "stays");

    const auto checked =
        expect_refused<db::CheckViolation>({"INSERT INTO users (id, age) VALUES (3, $1)", "17"},
                                           "23514", 422, "A value is not one of those allowed");
    EXPECT_EQ(checked.constraint, "adult");
    EXPECT_EQ(checked.table, "users");

    const auto missing =
        expect_refused<db::NotNullViolation>({"INSERT INTO users (id, name) VALUES (4, NULL)", {}},
                                             "23502", 500, "Internal Server Error");
    EXPECT_EQ(missing.column, "name");
    EXPECT_EQ(missing.table, "users");
    EXPECT_EQ(missing.constraint, "");
}

// libpq takes C strings, and would run what is before it.
TEST(DatabaseErrors, of_a_nul_byte_come_before_anything_is_sent) {
    using namespace std::string_literals;
    const std::string url = new_database();
    db::Pool pool{{.url = url, .size = 1}};
    pool.connect();
    const std::string sql = "DELETE FROM orders\0 WHERE false"s;
    EXPECT_THROW(run(pool.fetch_all("SELECT 1\0, nobody"s)), std::invalid_argument);
    EXPECT_THROW(run(pool.execute(sql)), std::invalid_argument);
    EXPECT_THROW(static_cast<void>(pool.listen("a\0b"s)), std::invalid_argument);
    const std::vector<std::tuple<int>> rows{{1}};
    const auto refuses = [&](auto work) {
        EXPECT_THROW(run(pool.transaction(work)), std::invalid_argument);
    };
    refuses([&](db::Transaction& transaction) -> Task<> { co_await transaction.execute(sql); });
    refuses([&](db::Transaction& transaction) -> Task<> {
        co_await transaction.execute_many("DELETE FROM orders\0 WHERE user_id = $1"s, rows);
    });
    refuses([&](db::Transaction& transaction) -> Task<> {
        std::vector<std::string> all;
        co_await transaction.copy("orders\0x"s, std::move(all), rows);
    });
    refuses([&](db::Transaction& transaction) -> Task<> {
        std::vector<std::string> columns{"user_id\0x"s};
        co_await transaction.copy("orders", std::move(columns), rows);
    });
    EXPECT_EQ(query_value(url, "SELECT count(*) FROM orders"), "1");
}

TEST(DatabaseErrors, of_data_are_the_clients) {
    const auto invalid = [](const Sql& sql, const std::string& sqlstate) {
        expect_refused<db::InvalidData>(sql, sqlstate, 422,
                                        "A value is out of range, too long or malformed");
    };
    invalid({"UPDATE users SET name = $1", "Edsger"}, "22001");
    invalid({"UPDATE users SET age = $1", "2147483648"}, "22003");
    invalid({"SELECT $1::uuid", "x"}, "22P02");
    invalid({"SELECT $1::date", "some day"}, "22007");
    invalid({"SELECT $1::date", "2026-02-30"}, "22008");
    invalid({"SELECT $1::jsonb", R"("\u0000")"}, "22P05");
    // The statement's own mistakes are not.
    expect_refused<db::Error>({"SELECT 1 / 0", {}}, "22012", 500, "Internal Server Error");
    expect_refused<db::Error>({"SELECT nobody", {}}, "42703", 500, "Internal Server Error");
}

TEST(DatabaseErrors, that_others_cause_are_for_another_try) {
    const auto raised = [](const std::string& sqlstate) {
        return Sql{"DO $$ BEGIN RAISE 'x' USING ERRCODE = '" + sqlstate + "'; END $$", {}};
    };
    expect_refused<db::DeadlockDetected>(raised("40P01"), "40P01", 503, "Service Unavailable");
    expect_refused<db::SerializationFailure>(raised("40001"), "40001", 503, "Service Unavailable");
    expect_refused<db::LockNotAvailable>(raised("55P03"), "55P03", 503, "Service Unavailable");
}

TEST(DatabaseErrors, of_a_row_that_somebody_else_changed_are_serialization_failures) {
    const std::string url = new_database();
    db::Pool pool{
        {.url = url + "&options=-c%20default_transaction_isolation%3Drepeatable%5C%20read",
         .application_name = "signalbox",
         .size = 1}};
    pool.connect();
    pqxx::connection other{url};
    pqxx::work first{other};
    first.exec("UPDATE users SET age = 20");
    std::thread commits([&] {
        EXPECT_TRUE(eventually([&] { return reads_held_by_a_lock(url) == 1; }));
        first.commit();
    });
    EXPECT_THROW(run(pool.execute("UPDATE users SET age = 30")), db::SerializationFailure);
    commits.join();
    EXPECT_EQ(run(pool.execute("UPDATE users SET age = 30")), 1U);
}

TEST(DatabaseErrors, of_a_write_where_nothing_may_be_written_are_the_databases) {
    const std::string url = new_database();
    // As on a standby.
    const auto writing = refused(
        url,
        {"DO $$ BEGIN SET LOCAL transaction_read_only = on; INSERT INTO orders VALUES (1); END $$",
         {}});
    EXPECT_EQ(*writing.type, typeid(db::ReadOnly));
    EXPECT_EQ(writing.response.status, 503);
    EXPECT_TRUE(writing.response.header("Retry-After"));
    const auto reading = refused(url, {"INSERT INTO orders VALUES (1)", {}}, "/read");
    EXPECT_EQ(*reading.type, typeid(db::Error)) << "which is the program's mistake";
    EXPECT_EQ(reading.sqlstate, "25006");
    EXPECT_THAT(reading.message, HasSubstr("what writes is called by execute"));
    EXPECT_EQ(reading.response.status, 500);
}

}  // namespace
}  // namespace signalbox::test
