#include "signalbox/db/detail/sql_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace signalbox::db {
namespace {

using testing::ElementsAre;

/// The text from where each statement begins, up to the next one.
std::vector<std::string> pieces(std::string_view text) {
    const auto statements = split_sql(text);
    std::vector<std::string> result;
    for (std::size_t i = 0; i < statements.size(); ++i) {
        const auto end = i + 1 < statements.size() ? statements[i + 1].offset : text.size();
        result.emplace_back(text.substr(statements[i].offset, end - statements[i].offset));
    }
    return result;
}

TEST(SplitSql, cuts_behind_semicolons_and_leaves_out_what_is_empty) {
    EXPECT_THAT(pieces("a;b ; ;; c"), ElementsAre("a;", "b ; ;; ", "c"));
    EXPECT_THAT(pieces(" -- a;\n ; /* b; */ \n"), ElementsAre());
    EXPECT_THAT(pieces("-- a\na\n;"), ElementsAre("a\n;"));
}

TEST(SplitSql, passes_over_quotes_comments_and_bodies) {
    for (const std::string_view one :
         {"SELECT ';'", "SELECT 'it''s;'", "SELECT E'\\';'", "SELECT e'a''\\';'", "SELECT \";\"",
          "SELECT \"a\"\";\"", "SELECT '\\' || ';'", "SELECT U&';'", "a -- ;\nb",
          "a /* ; /* ; */ ; */ b", "DO $$ BEGIN; END; $$", "DO $a$ ; $$ ; $b$ ; $a$",
          "SELECT $1 + 1e5", "SELECT a$b",
          "CREATE RULE r AS ON INSERT TO a DO ALSO (SELECT 1; SELECT 2)",
          "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT "
          "2; END",
          "SELECT 'never ended;", "SELECT $$ never; ended", "/* never; ended"}) {
        EXPECT_LE(split_sql(one).size(), 1U) << one;
        const std::string two = std::string(one) + ";\nSELECT 2";
        if (one.find("never") == std::string_view::npos) {
            EXPECT_EQ(split_sql(two).size(), 2U) << two;
        }
    }
    EXPECT_THAT(pieces("SELECT a$b$; SELECT $b$;$b$"),
                ElementsAre("SELECT a$b$; ", "SELECT $b$;$b$"));
    EXPECT_THAT(pieces("SELECT '\\'; SELECT 2"), ElementsAre("SELECT '\\'; ", "SELECT 2"));
}

TEST(SplitSql, gives_the_words_in_capitals) {
    const auto statements = split_sql("create Index \"no\" 'no' on größe (id1) /* no */;");
    ASSERT_EQ(statements.size(), 1U);
    EXPECT_THAT(statements.front().words, ElementsAre("CREATE", "INDEX", "ON", "GRößE", "ID1"));
}

TEST(PlainQuery, is_one_that_only_reads_and_stands_in_parentheses) {
    for (const std::string_view query :
         {"SELECT 1", "  select * from users -- all", "VALUES (1), (2)", "TABLE users",
          "WITH a AS (SELECT 1) SELECT * FROM a", "(SELECT 1) UNION (SELECT 2)",
          "SELECT 'INTO; UPDATE' AS \"insert\" FROM updates"}) {
        const auto first = query.find_first_not_of(' ');
        EXPECT_EQ(plain_query(query), query.substr(first)) << query;
    }
    EXPECT_EQ(plain_query("SELECT ';' ; -- the end"), "SELECT ';' ");
    EXPECT_EQ(plain_query("/* a */ SELECT 1;"), "SELECT 1");
}

TEST(PlainQuery, is_nothing_else) {
    for (const std::string_view other :
         {"", "-- nothing", "SELECT 1; SELECT 2", "SHOW ALL", "EXPLAIN SELECT 1", "BEGIN",
          "SELECT 1 INTO a", "SELECT * FROM a FOR UPDATE", "INSERT INTO a VALUES (1)",
          "WITH a AS (DELETE FROM b RETURNING *) SELECT * FROM a",
          "WITH a AS (SELECT 1) INSERT INTO b SELECT * FROM a", "UPDATE a SET b = 1", "CALL f()"}) {
        EXPECT_EQ(plain_query(other), std::nullopt) << other;
    }
}

}  // namespace
}  // namespace signalbox::db
