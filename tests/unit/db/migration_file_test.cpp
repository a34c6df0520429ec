#include "signalbox/db/migration_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/paths.hpp"

namespace signalbox::db {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(MigrationVersion, is_the_leading_digits) {
    EXPECT_EQ(migration_version("20261122000000_create_users.sql"), "20261122000000");
    EXPECT_EQ(migration_version("1.sql"), "1");
    EXPECT_EQ(migration_version("007abc.sql"), "007");
    for (const std::string_view name : {"users.sql", "1_users.SQL", "1_users.sql.orig", "1_users",
                                        "", ".sql", "_1.sql", " 1.sql", "12"}) {
        EXPECT_EQ(migration_version(name), std::nullopt) << name;
    }
}

TEST(ParseMigration, takes_what_stands_between_the_markers) {
    const std::string content =
        "-- a comment\n\n  -- another\n-- migrate:up\nCREATE TABLE a ();\n-- note\nSELECT 1;\n"
        "-- migrate:down\nDROP TABLE a;\n";
    const auto sections = parse_migration(content);
    ASSERT_TRUE(sections) << sections.reason();
    ASSERT_EQ(sections->size(), 1U);
    const UpSection& up = sections->front();
    EXPECT_EQ(up.sql, "-- migrate:up\nCREATE TABLE a ();\n-- note\nSELECT 1;\n");
    EXPECT_EQ(up.sql, content.substr(up.offset, up.sql.size()));
    EXPECT_TRUE(up.in_transaction);
}

TEST(ParseMigration, takes_several_sections) {
    const std::string content =
        "-- migrate:up\nCREATE TABLE a ();\n-- migrate:down\nDROP TABLE a;\n"
        "-- migrate:up transaction:false\nVACUUM;\n-- migrate:down\n";
    const auto sections = parse_migration(content);
    ASSERT_TRUE(sections) << sections.reason();
    ASSERT_EQ(sections->size(), 2U);
    EXPECT_EQ((*sections)[0].sql, "-- migrate:up\nCREATE TABLE a ();\n");
    EXPECT_TRUE((*sections)[0].in_transaction);
    EXPECT_EQ((*sections)[1].sql, "-- migrate:up transaction:false\nVACUUM;\n");
    EXPECT_EQ((*sections)[1].offset, content.find("-- migrate:up transaction"));
    EXPECT_FALSE((*sections)[1].in_transaction);
}

TEST(ParseMigration, passes_over_a_byte_order_mark) {
    for (const std::string between : {"", "\n", "-- a comment\n"}) {
        const auto sections = parse_migration("\xef\xbb\xbf" + between +
                                              "-- migrate:up\nSELECT 1;\n-- migrate:down\n");
        ASSERT_TRUE(sections) << sections.reason();
        EXPECT_EQ(sections->front().sql, "-- migrate:up\nSELECT 1;\n");
    }
}

TEST(HasStatement, sees_more_than_blanks_and_comments) {
    for (const std::string_view sql :
         {"", "\n\n", "-- migrate:up\n", "-- migrate:up\n \t\r\n  -- CREATE TABLE a ();"}) {
        EXPECT_FALSE(has_statement(sql)) << sql;
    }
    for (const std::string_view sql : {"SELECT 1", "-- migrate:up\n\n  SELECT 1;", "/* a */"}) {
        EXPECT_TRUE(has_statement(sql)) << sql;
    }
}

TEST(ParseMigration, reads_markers_as_dbmate_does) {
    for (const std::string_view content :
         {"--migrate:up\n--migrate:down", "--   migrate:up  \n--\tmigrate:down\t",
          "-- migrate:up\r\n-- migrate:down\r\n", "-- migrate:up now\n-- migrate:down later",
          "\r\n-- migrate:up\n-- migrate:down",
          "-- migrate:down\n-- migrate:up\n-- migrate:down"}) {
        EXPECT_TRUE(parse_migration(content)) << content;
    }
    for (const std::string_view content :
         {"", "-- migrate:up", "-- migrate:down", " -- migrate:up\n-- migrate:down",
          "- migrate:up\n-- migrate:down", "-- migrate:upwards\n-- migrate:down",
          "-- MIGRATE:UP\n-- migrate:down", "-- migrate: up\n-- migrate:down",
          "-- migrate:up\n-- migrate:downward", "-- migrate:up\v\n-- migrate:down",
          "-- migrate:down\n-- migrate:up\n"}) {
        EXPECT_FALSE(parse_migration(content)) << content;
    }
}

TEST(ParseMigration, reads_the_transaction_option) {
    const auto in_transaction = [](std::string_view marker_line) {
        const auto up = parse_migration(std::string{marker_line} + "\nSELECT 1;\n-- migrate:down");
        return up && up->front().in_transaction;
    };
    EXPECT_FALSE(in_transaction("-- migrate:up transaction:false"));
    EXPECT_FALSE(in_transaction("-- migrate:up\ttransaction:false\r"));
    EXPECT_FALSE(in_transaction("-- migrate:up other:1 transaction:false more"));
    EXPECT_TRUE(in_transaction("-- migrate:up transaction:true"));
    EXPECT_TRUE(in_transaction("-- migrate:up transaction: false"));
    EXPECT_TRUE(in_transaction("-- migrate:up nottransaction:false"));
    EXPECT_TRUE(in_transaction("-- migrate:up transaction:falsehood"));
    EXPECT_TRUE(in_transaction("-- migrate:up transaction:false:1"));
    EXPECT_TRUE(in_transaction("-- migrate:up transaction"));
    EXPECT_TRUE(in_transaction("-- migrate:up transaction:false transaction:true"));
    EXPECT_FALSE(in_transaction("-- migrate:up transaction:true transaction:false"));

    // The option of the down block is its own.
    const auto up = parse_migration("-- migrate:up\n-- migrate:down transaction:false");
    ASSERT_TRUE(up);
    EXPECT_TRUE(up->front().in_transaction);
}

TEST(ParseMigration, says_what_is_wrong_and_where) {
    const auto reason = [](std::string_view content) {
        const auto up = parse_migration(content);
        return up ? std::string{"was accepted"} : up.reason();
    };
    EXPECT_EQ(reason("-- hello\n"), "no line '-- migrate:up'");
    EXPECT_EQ(reason("\n-- migrate:up\nSELECT 1;\n"),
              "line 2: no '-- migrate:down' behind this '-- migrate:up'");
    EXPECT_EQ(reason("-- migrate:up\n-- migrate:down\n-- migrate:up\n"),
              "line 3: no '-- migrate:down' behind this '-- migrate:up'");
    EXPECT_EQ(reason("-- migrate:up\n-- migrate:up\n-- migrate:down\n"),
              "line 1: no '-- migrate:down' behind this '-- migrate:up'");
    EXPECT_THAT(reason("\nSELECT 1;\n-- migrate:up\n-- migrate:down\n"),
                AllOf(HasSubstr("line 2"), HasSubstr("in front of")));
    EXPECT_THAT(reason("-- migrate:up\n-- migrate:down\n-- migrate:down\n"),
                AllOf(HasSubstr("line 3"), HasSubstr("second '-- migrate:down'")));
}

// libpq would take it for the end of the text, and half of it would be recorded as applied.
TEST(ParseMigration, refuses_a_nul_byte_wherever_it_stands) {
    using namespace std::string_literals;
    const auto reason = [](const std::string& content) {
        const auto up = parse_migration(content);
        return up ? "was accepted"s : up.reason();
    };
    EXPECT_EQ(reason("-- migrate:up\nSELECT 'ä';\0\nSELECT 2;\n-- migrate:down\n"s),
              "line 2, column 12: a NUL byte, where PostgreSQL would stop reading");
    EXPECT_THAT(reason("\0-- migrate:up\nSELECT 1;\n-- migrate:down\n"s),
                HasSubstr("line 1, column 1: a NUL byte"));
    EXPECT_THAT(reason("-- migrate:up\nSELECT 1;\n-- migrate:down\n\0"s),
                HasSubstr("line 4, column 1: a NUL byte"));
    EXPECT_EQ(reason("\xff\xfe-\0-\0"s), "is UTF-16: save it as UTF-8");
    EXPECT_EQ(reason("\xfe\xff\0-\0-"s), "is UTF-16: save it as UTF-8");
}

TEST(ParseMigration, refuses_what_postgresql_runs_in_no_transaction_among_other_statements) {
    const auto reason = [](const std::string& sql,
                           const std::string& options = "transaction:false") {
        const auto up =
            parse_migration("-- migrate:up " + options + "\n" + sql + "\n-- migrate:down");
        return up ? std::string{"was accepted"} : up.reason();
    };
    EXPECT_THAT(reason("CREATE TABLE a (id int);\n\ncreate unique index\nconcurrently on a (id);"),
                AllOf(HasSubstr("line 4: cannot run together with other statements; give it"),
                      HasSubstr("'-- migrate:up transaction:false' of its own")));
    for (const std::string loner :
         {"CREATE INDEX CONCURRENTLY ON a (id)", "DROP INDEX CONCURRENTLY a", "VACUUM a",
          "REINDEX (CONCURRENTLY) TABLE a", "REINDEX TABLE CONCURRENTLY a", "REINDEX SCHEMA s",
          "CREATE DATABASE a", "DROP DATABASE a", "ALTER SYSTEM SET work_mem = 1",
          "CREATE TABLESPACE a LOCATION '/a'", "DROP TABLESPACE a",
          "ALTER TABLE a DETACH PARTITION b CONCURRENTLY"}) {
        EXPECT_THAT(reason("SELECT 1; " + loner), HasSubstr("line 2: cannot run")) << loner;
        EXPECT_EQ(reason(loner + "; -- alone\n;"), "was accepted") << loner;
        EXPECT_EQ(reason("SELECT 1; " + loner, ""), "was accepted") << "PostgreSQL says it";
    }
    for (const std::string sql :
         {"SELECT 1; REFRESH MATERIALIZED VIEW CONCURRENTLY a", "SELECT 1; SELECT 'VACUUM'",
          "SELECT 1; CREATE INDEX \"CONCURRENTLY\" ON a (id)", "SELECT 1; DROP TABLE a"}) {
        EXPECT_EQ(reason(sql), "was accepted") << sql;
    }
}

TEST(Locate, counts_lines_and_characters) {
    const std::string text = "ab\ncdä€f\n\U0001F600x";
    const auto at = [&](std::size_t offset, std::size_t nth) {
        const auto position = locate(text, offset, nth);
        return std::pair{position.line, position.column};
    };
    EXPECT_EQ(at(0, 1), std::pair(std::size_t{1}, std::size_t{1}));
    EXPECT_EQ(at(0, 2), std::pair(std::size_t{1}, std::size_t{2}));
    EXPECT_EQ(at(0, 4), std::pair(std::size_t{2}, std::size_t{1}));
    EXPECT_EQ(at(0, 8), std::pair(std::size_t{2}, std::size_t{5}));  // f, behind ä and €
    EXPECT_EQ(at(3, 5), std::pair(std::size_t{2}, std::size_t{5}));
    EXPECT_EQ(at(0, 11), std::pair(std::size_t{3}, std::size_t{2}));  // x
    EXPECT_EQ(at(0, 1000), std::pair(std::size_t{3}, std::size_t{3}));
    EXPECT_EQ(at(1000, 1), std::pair(std::size_t{3}, std::size_t{3}));

    const auto behind_mark = locate("\xef\xbb\xbf" + text, 3, 2);
    EXPECT_EQ(behind_mark.line, 1U);
    EXPECT_EQ(behind_mark.column, 2U);
}

class LoadMigrations : public testing::Test {
  protected:
    LoadMigrations() {
        std::string name =
            (std::filesystem::temp_directory_path() / "signalbox-migrations-XXXXXX").string();
        folder_ = ::mkdtemp(name.data());
    }
    ~LoadMigrations() override { std::filesystem::remove_all(folder_); }

    void touch(const std::string& name) const { std::ofstream{folder_ / name}; }

    std::string error() const {
        try {
            load_migrations(folder_);
        } catch (const std::runtime_error& error) {
            return error.what();
        }
        return "none";
    }

    std::filesystem::path folder_;
};

TEST_F(LoadMigrations, sorts_by_name_and_passes_over_the_rest) {
    for (const char* name : {"20_b.sql", "10_c.sql", "9_a.sql", "README.md", "20_b.sql~"})
        touch(name);
    std::filesystem::create_directory(folder_ / "30_folder.sql");
    std::vector<std::string> names;
    for (const Migration& migration : load_migrations(folder_)) {
        names.push_back(migration.version + ' ' + migration.file_name);
        EXPECT_EQ(migration.path, folder_ / migration.file_name);
    }
    EXPECT_THAT(names, testing::ElementsAre("10 10_c.sql", "20 20_b.sql", "9 9_a.sql"));
}

TEST_F(LoadMigrations, refuses_a_version_used_twice) {
    touch("10_a.sql");
    touch("10_b.sql");
    touch("100_c.sql");
    EXPECT_EQ(error(), "two migrations have the version 10: 10_a.sql and 10_b.sql");
}

TEST_F(LoadMigrations, names_the_folder_it_cannot_read) {
    std::filesystem::remove_all(folder_);
    EXPECT_THAT(error(), AllOf(HasSubstr(folder_.string()), HasSubstr("No such file")));
    const std::ofstream file{folder_};
    EXPECT_THAT(error(), AllOf(HasSubstr(folder_.string()), HasSubstr("Not a directory")));
}

// The migrations that come with the service have to be good.
TEST(ShippedMigrations, can_be_read) {
    const auto migrations = load_migrations(test::source_folder() + "/migrations");
    ASSERT_FALSE(migrations.empty());
    for (const Migration& migration : migrations) {
        std::ifstream file{migration.path};
        const std::string content{std::istreambuf_iterator<char>{file}, {}};
        const auto up = parse_migration(content);
        ASSERT_TRUE(up) << migration.file_name << ": " << up.reason();
    }
}

TEST(FindMigrations, prefers_the_installed_ones) {
    std::string name = (std::filesystem::temp_directory_path() / "signalbox-tree-XXXXXX").string();
    const std::filesystem::path tree = ::mkdtemp(name.data());
    const auto binary_folder = tree / "build/release";
    EXPECT_EQ(find_migrations(binary_folder, "signalbox"),
              tree / "build/share/signalbox/migrations");
    std::filesystem::create_directories(tree / "migrations");
    EXPECT_EQ(find_migrations(binary_folder, "signalbox"), tree / "migrations");
    std::filesystem::create_directories(tree / "build/share/signalbox/migrations");
    EXPECT_EQ(find_migrations(binary_folder, "signalbox"),
              tree / "build/share/signalbox/migrations");
    std::filesystem::remove_all(tree);
}

}  // namespace
}  // namespace signalbox::db
