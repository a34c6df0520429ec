// Databases of any encoding: what the service answers, logs and throws is UTF-8.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "signalbox/api/module.hpp"
#include "signalbox/db/pool.hpp"
#include "signalbox/db/pool_options.hpp"
#include "signalbox/testing/client.hpp"
#include "signalbox/testing/postgres.hpp"
#include "signalbox/testing/run.hpp"
#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/log_lines.hpp"
#include "support/pgbouncer.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

using async::Task;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

namespace fs = std::filesystem;

std::string database_in(std::string_view encoding,
                        PostgresServer& server = PostgresServer::shared()) {
    return server.create_database("TEMPLATE template0 ENCODING '" + std::string(encoding) +
                                  "' LC_COLLATE 'C' LC_CTYPE 'C'");
}

void migrate(const std::string& url) {
    const Exit migrated = run_signalbox({"migrate", "--database-url", url});
    ASSERT_EQ(migrated.status, 0) << migrated.output;
}

/// A text that is no UTF-8, as PostgreSQL's constant.
struct Broken {
    std::string_view sql;
    std::string_view mended;  ///< one U+FFFD for each maximal subpart: Unicode, section 3.9
};
const std::vector<Broken> broken_texts{
    {R"(caf\xe9)", "caf\ufffd"},
    {R"(\xc3\xa9 is whole)", "\u00e9 is whole"},
    {R"(\xe2\x82 is cut off)", "\ufffd is cut off"},
    {R"(\xf0\x9f\x98x)", "\ufffdx"},
    {R"(\xc0\x80)", "\ufffd\ufffd"},
    {R"(\xed\xa0\x80)", "\ufffd\ufffd\ufffd"},
    {R"(\xff\xfe)", "\ufffd\ufffd"},
};

void insert_broken_users(const std::string& url) {
    int number = 0;
    for (const Broken& text : broken_texts) {
        execute(url, "INSERT INTO users (name, email) VALUES (E'" + std::string(text.sql) + "', '" +
                         std::to_string(++number) + "')");
    }
}

void expect_mended_users(const std::string& body) {
    for (const Broken& text : broken_texts)
        EXPECT_THAT(body, HasSubstr(R"("name":")" + std::string(text.mended) + '"')) << text.sql;
}

struct Named {
    std::string name;
};

TEST(SqlAscii, rows_that_are_no_utf8_are_served_with_replacement_characters) {
    const std::string url = database_in("SQL_ASCII");
    migrate(url);
    insert_broken_users(url);
    const Service service(url);
    const auto response = get(service.url("/users"));
    EXPECT_EQ(response.status, 200);
    expect_mended_users(response.body);
}

TEST(SqlAscii, rows_that_are_no_utf8_are_served_from_behind_a_pooler) {
    PostgresServer server;
    const PgBouncer pgbouncer(server);
    const std::string url = database_in("SQL_ASCII", server);
    migrate(url);
    insert_broken_users(url);
    const std::string name = query_value(url, "SELECT current_database()");
    const Service service(pgbouncer.url(name), {"--database-prepare", "off"});
    const auto response = get(service.url("/users"));
    EXPECT_EQ(response.status, 200);
    expect_mended_users(response.body);
    // Who asks the pooler for UTF-8 gets that, in the same session of PostgreSQL.
    EXPECT_EQ(query_value(pgbouncer.url(name) + "?client_encoding=UTF8", "SHOW client_encoding"),
              "UTF8");
}

TEST(SqlAscii, texts_of_every_kind_are_mended) {
    const std::string url = database_in("SQL_ASCII");
    execute(url, R"(CREATE TABLE users (name text);
                    INSERT INTO users VALUES (E'caf\xe9'))");
    constexpr std::string_view sql = "SELECT name, json_build_object('n', name) AS j FROM users";
    db::Pool pool{{.url = url, .size = 1}};
    pool.connect();
    const std::string json = "[{\"name\":\"caf\ufffd\",\"j\":{\"n\" : \"caf\ufffd\"}}]";
    EXPECT_EQ(run(pool.fetch_all(sql)).text(), json);
    EXPECT_EQ(run(pool.fetch_all<Named>(sql)).at(0).name, "caf\ufffd");
    EXPECT_EQ(run(pool.fetch_rows<Named>(sql)).json().text(), "[{\"name\":\"caf\ufffd\"}]");
    const auto in_transaction = [&](db::Transaction& transaction) -> Task<std::string> {
        const std::string text(JsonText(co_await transaction.fetch_all(sql)).text());
        const auto rows = co_await transaction.fetch_all<Named>(sql);
        co_return text + rows.at(0).name;
    };
    EXPECT_EQ(run(pool.transaction(in_transaction)), json + "caf\ufffd");
}

TEST(SqlAscii, errors_are_what_they_are_and_say_so_in_utf8) {
    const std::string url = database_in("SQL_ASCII");
    execute(url, R"(CREATE TABLE users (name text CONSTRAINT one UNIQUE);
                    INSERT INTO users VALUES (E'caf\xe9'))");
    db::Pool pool{{.url = url, .size = 1}};
    pool.connect();
    try {
        run(pool.execute("INSERT INTO users SELECT name FROM users"));
        ADD_FAILURE() << "two of the same";
    } catch (const db::UniqueViolation& error) {
        EXPECT_THAT(error.what(), HasSubstr("caf\ufffd"));
        EXPECT_EQ(error.constraint(), "one");
    }
    try {
        run(pool.fetch_all("SELECT name::int FROM users"));
        ADD_FAILURE() << "that is no number";
    } catch (const db::InvalidData& error) {
        EXPECT_THAT(error.what(), HasSubstr("\"caf\ufffd\""));
    }
}

TEST(SqlAscii, notifications_are_mended) {
    const std::string url = database_in("SQL_ASCII");
    db::Pool pool{{.url = url, .size = 1}};
    pool.connect();
    auto heard = pool.listen("news");
    ASSERT_TRUE(eventually([&] {
        return query_value(url,
                           "SELECT count(*) FROM pg_stat_activity WHERE datname = "
                           "current_database() AND query LIKE 'LISTEN%'") == "1";
    }));
    execute(url, R"(SELECT pg_notify('news', E'caf\xe9'))");
    EXPECT_EQ(run(heard.next()).payload, "caf\ufffd");
}

TEST(SqlAscii, what_the_server_says_of_such_a_row_is_a_line_of_the_log) {
    const std::string url = database_in("SQL_ASCII");
    migrate(url);
    execute(url, R"(INSERT INTO users (name, email) VALUES (E'caf\xe9', 'x');
        ALTER TABLE users RENAME TO all_users;
        CREATE VIEW users AS SELECT id, name::int FROM all_users)");
    const Service service(url);
    EXPECT_EQ(get(service.url("/users")).status, 422);
    const LogLine line = wait_for_line(service, "http.route", "/users");
    EXPECT_THAT(line.json(), HasSubstr("caf\ufffd"));
}

TEST(SqlAscii, a_migration_that_fails_says_why_and_where) {
    const std::string url = database_in("SQL_ASCII");
    const fs::path folder =
        fs::temp_directory_path() / ("signalbox-sql-ascii-" + std::to_string(::getpid()));
    fs::create_directory(folder);
    const auto failure_of = [&](std::string_view sql) {
        std::ofstream(folder / "1_a.sql") << "-- migrate:up\n" << sql << "\n-- migrate:down\n";
        return run_signalbox(
                   {"migrate", "--migrations-dir", folder.string(), "--database-url", url})
            .output;
    };
    EXPECT_THAT(failure_of(R"(CREATE TABLE t (a text UNIQUE);
                              INSERT INTO t VALUES (E'caf\xe9'), (E'caf\xe9');)"),
                AllOf(HasSubstr("duplicate key"), HasSubstr("caf\ufffd"), HasSubstr("23505")));
    // Eleven characters are before it, and thirteen bytes.
    EXPECT_THAT(failure_of("SELECT '\u00e9\u00e9', nobody;"), HasSubstr("1_a.sql:2:14: "));
    fs::remove_all(folder);
}

struct Encoding {
    std::string_view name;
    std::string_view sql;  ///< a text in it
    std::string_view utf8;
};

class EncodedDatabase : public testing::TestWithParam<Encoding> {};

TEST_P(EncodedDatabase, is_served_as_utf8) {
    const Encoding& encoding = GetParam();
    const std::string url = database_in(encoding.name);
    migrate(url);
    execute(url,
            "INSERT INTO users (name, email) VALUES (E'" + std::string(encoding.sql) + "', 'x')");
    const Service service(url);
    const auto response = get(service.url("/users"));
    EXPECT_EQ(response.status, 200);
    EXPECT_THAT(response.body, HasSubstr(R"("name":")" + std::string(encoding.utf8) + '"'));
}

INSTANTIATE_TEST_SUITE_P(Encodings, EncodedDatabase,
                         testing::Values(Encoding{"UTF8", R"(\xe2\x82\xac)", "\u20ac"},
                                         Encoding{"LATIN1", R"(caf\xe9)", "caf\u00e9"},
                                         Encoding{"WIN1252", R"(\x80)", "\u20ac"},
                                         Encoding{"EUC_JP", R"(\xc6\xfc)", "\u65e5"}),
                         [](const auto& info) { return std::string(info.param.name); });

Task<JsonText> find(api::Query<Named> query, db::Pool& database) {
    auto finding = database.fetch_all("SELECT $1 AS name", query->name);
    co_return co_await std::move(finding);
}

Task<JsonText> list(db::Pool& database) {
    auto listing = database.fetch_all("SELECT name FROM users");
    co_return co_await std::move(listing);
}

TEST(Encodings, that_lack_a_character_which_a_client_sends_refuse_it) {
    db::Pool pool{{.url = database_in("LATIN1"), .size = 1}};
    pool.connect();
    api::Module module;
    module.get<find>("/find");
    Client client(module);
    client.replace(pool);
    EXPECT_EQ(client.get("/find?name=caf%C3%A9").body, "[{\"name\":\"caf\u00e9\"}]");
    const auto refused = client.get("/find?name=%E2%82%AC");
    EXPECT_EQ(refused.status, 422);
    EXPECT_EQ(refused.body, R"({"detail":"A value is out of range, too long or malformed"})");
    EXPECT_THROW(run(pool.execute("SELECT $1", "\u20ac")), db::InvalidData);
}

// 0x81 is no character of WIN1252, but PostgreSQL keeps it. Whoever asks cannot help that.
TEST(Encodings, with_a_byte_that_is_no_character_are_not_the_clients_fault) {
    const std::string url = database_in("WIN1252");
    execute(url, R"(CREATE TABLE users (name text); INSERT INTO users VALUES (E'\x81'))");
    db::Pool pool{{.url = url, .size = 1}};
    pool.connect();
    api::Module module;
    module.get<list>("/list");
    Client client(module);
    client.replace(pool);
    EXPECT_EQ(client.get("/list").status, 500);
    try {
        run(pool.fetch_all("SELECT name FROM users"));
        ADD_FAILURE() << "there is no such character";
    } catch (const db::Error& error) {
        EXPECT_EQ(error.sqlstate(), "22P05");
        EXPECT_THAT(error.what(), AllOf(HasSubstr("0x81"), HasSubstr("WIN1252")));
    }
}

}  // namespace
}  // namespace signalbox::test
