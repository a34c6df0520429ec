// Rows of the real PostgreSQL as the types of a program: their JSON, and objects.

#include "signalbox/db/detail/model_rows.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <optional>
#include <pqxx/pqxx>
#include <string>
#include <variant>
#include <vector>

#include "signalbox/db/error.hpp"
#include "signalbox/testing/postgres.hpp"

namespace signalbox::db {
namespace {

using namespace std::chrono_literals;
using model::Alias, model::DateTime, model::Decimal, model::Discriminator, model::Email,
    model::Field, model::Flatten, model::Ge, model::Literal, model::MinLength, model::Uuid;
using testing::AllOf;
using testing::HasSubstr;
using Shape = RowForm::Shape;

std::string database() {
    static const std::string url = [] {
        auto made = test::PostgresServer::shared().create_database();
        test::execute(made,
                      "CREATE TYPE mood AS ENUM ('sad', 'happy');"
                      "CREATE DOMAIN positive AS integer CHECK (VALUE > 0)");
        return made;
    }();
    return url;
}

pqxx::result select(const std::string& sql) {
    pqxx::connection connection{database()};
    pqxx::nontransaction transaction{connection};
    transaction.exec("SET timezone = 'UTC'");
    transaction.exec("SET datestyle = 'ISO'");
    return transaction.exec(sql);
}

template <class T>
std::string json(const std::string& sql, Shape shape = Shape::json_rows) {
    const auto rows = select(sql);
    return std::string(shape == Shape::json_row
                           ? model_rows_json(rows, row_form<T, Shape::json_row>).text()
                           : model_rows_json(rows, row_form<T, Shape::json_rows>).text());
}
template <class T>
RowValues<T> values(const std::string& sql) {
    return *static_cast<RowValues<T>*>(model_rows(select(sql), row_form<T, Shape::values>).get());
}

/// Of a read that has to fail, both ways.
template <class T>
std::string mismatch(const std::string& sql) {
    std::string first, second;
    try {
        ADD_FAILURE() << "no error, but " << json<T>(sql);
    } catch (const ResultMismatch& error) {
        first = error.what();
    }
    try {
        ADD_FAILURE() << "no error, but " << values<T>(sql).size() << " objects";
    } catch (const ResultMismatch& error) {
        second = error.what();
    }
    EXPECT_EQ(first, second);
    return first;
}

template <class T>
struct One {
    T v;
};
/// What a value of this type is made of an expression: the JSON that is passed on, and that of
/// the object, which have to be the same.
template <class T>
std::string value(const std::string& expression) {
    const std::string sql = "SELECT " + expression + " AS v";
    const std::string passed_on = json<One<T>>(sql);
    std::string of_objects = "[";
    for (const auto& one : values<One<T>>(sql))
        of_objects += model::to_json(one);
    EXPECT_EQ(passed_on, of_objects + "]");
    EXPECT_TRUE(passed_on.starts_with("[{\"v\":") && passed_on.ends_with("}]")) << passed_on;
    return passed_on.substr(6, passed_on.size() - 8);
}
template <class T>
std::string refusal(const std::string& expression) {
    return mismatch<One<T>>("SELECT " + expression + " AS v");
}

struct User {
    std::int64_t id;
    std::string name;
    std::optional<std::string> note;
};

TEST(ModelRows, have_the_members_of_the_type_in_its_order_and_nothing_else) {
    const std::string sql =
        "SELECT 'secret' AS password_hash, note, 'Ada' AS name, 1 AS id, 17 AS score "
        "FROM (VALUES ('x'), (NULL)) AS notes (note)";
    EXPECT_EQ(json<User>(sql),
              R"([{"id":1,"name":"Ada","note":"x"},{"id":1,"name":"Ada","note":null}])");
    const auto users = values<User>(sql);
    ASSERT_EQ(users.size(), 2U);
    EXPECT_EQ(users[0].id, 1);
    EXPECT_EQ(users[0].name, "Ada");
    EXPECT_EQ(users[0].note, "x");
    EXPECT_EQ(users[1].note, std::nullopt);
}

struct Base {
    Field<int, Ge(1)> id;
};
struct Named {
    Flatten<Base> base;
    Field<std::string, Alias("full-name"), MinLength(3)> name;
};

TEST(ModelRows, are_found_by_an_alias_and_rules_are_not_theirs) {
    const std::string sql = R"(SELECT 'x' AS name, 'Al' AS "full-name", 0 AS id)";
    EXPECT_EQ(json<Named>(sql), R"([{"id":0,"full-name":"Al"}])");
    const auto named = values<Named>(sql);
    ASSERT_EQ(named.size(), 1U);
    EXPECT_EQ(*named[0].base.id, 0);
    EXPECT_EQ(*named[0].name, "Al");
}

TEST(ModelRows, may_be_none) {
    const std::string none = "SELECT 1 AS id, '' AS name, '' AS note WHERE false";
    EXPECT_EQ(json<User>(none), "[]");
    EXPECT_EQ(json<User>(none, Shape::json_row), "");
    EXPECT_TRUE(values<User>(none).empty());
}

TEST(ModelRows, of_one_row_are_an_object) {
    EXPECT_EQ(json<User>("SELECT 1 AS id, 'Ada' AS name, NULL AS note", Shape::json_row),
              R"({"id":1,"name":"Ada","note":null})");
    try {
        ADD_FAILURE() << json<User>(
            "SELECT 1 AS id, '' AS name, '' AS note FROM generate_series(1, 3)", Shape::json_row);
    } catch (const ResultMismatch& error) {
        EXPECT_THAT(error.what(), AllOf(HasSubstr("User"), HasSubstr("3 rows")));
    }
}

TEST(ModelRows, without_a_column_say_which_and_what_there_is) {
    EXPECT_THAT(
        mismatch<User>("SELECT 1 AS id, 'x' AS nane, 'x' AS note"),
        AllOf(HasSubstr("User"), HasSubstr("no column \"name\""), HasSubstr("id, nane, note")));
    // Also when there is no row, and for what need not be in a request.
    EXPECT_THAT(mismatch<User>("SELECT 1 AS id, 'x' AS name WHERE false"),
                HasSubstr("no column \"note\""));
}

TEST(ModelRows, with_a_column_twice_say_so) {
    EXPECT_THAT(mismatch<User>("SELECT 1 AS id, 'x' AS name, 2 AS id, 'x' AS note"),
                HasSubstr("two columns \"id\""));
    EXPECT_EQ(json<User>("SELECT 1 AS id, 'x' AS name, 'y' AS note, 1 AS z, 2 AS z"),
              R"([{"id":1,"name":"x","note":"y"}])");
}

TEST(ModelRows, of_another_type_say_which_column_has_it) {
    EXPECT_THAT(mismatch<User>("SELECT 1 AS id, now() AS name, 'x' AS note WHERE false"),
                AllOf(HasSubstr("\"name\""), HasSubstr("timestamp with time zone"),
                      HasSubstr("std::string")));
    EXPECT_THAT(refusal<int>("'1'"), AllOf(HasSubstr("text"), HasSubstr("integer")));
    EXPECT_THAT(refusal<int>("1.0"), HasSubstr("numeric"));
    EXPECT_THAT(refusal<int>("true"), HasSubstr("boolean"));
    EXPECT_THAT(refusal<bool>("1"), HasSubstr("a bool"));
    EXPECT_THAT(refusal<double>("'1'"), HasSubstr("a floating-point number"));
    EXPECT_THAT(refusal<Decimal>("1::float8"), HasSubstr("a Decimal"));
    EXPECT_THAT(refusal<std::string>("1"), HasSubstr("a std::string"));
    EXPECT_THAT(refusal<std::string>(R"('\x00'::bytea)"), HasSubstr("bytea"));
    EXPECT_THAT(refusal<std::string>("'{}'::jsonb"), HasSubstr("jsonb"));
    EXPECT_THAT(refusal<Uuid>("'x'"), HasSubstr("a Uuid"));
    EXPECT_THAT(refusal<DateTime>("date '2026-11-22'"), HasSubstr("a DateTime"));
    EXPECT_THAT(refusal<std::chrono::year_month_day>("now()"), HasSubstr("a date"));
    EXPECT_THAT(refusal<std::chrono::microseconds>("1"), HasSubstr("a duration"));
    EXPECT_THAT(refusal<JsonText>("'{}'"), HasSubstr("a JsonText"));
    EXPECT_THAT(refusal<User>("'{}'"), HasSubstr("a struct"));
    EXPECT_THAT(refusal<std::optional<int>>("'x'"), HasSubstr("an integer"));
}

TEST(ModelRows, with_null_need_an_optional) {
    for (const std::string expression : {"NULL::text", "NULL::varchar"}) {
        EXPECT_THAT(refusal<std::string>(expression),
                    AllOf(HasSubstr("\"v\" is NULL"), HasSubstr("std::optional")));
        EXPECT_EQ(value<std::optional<std::string>>(expression), "null");
    }
    EXPECT_THAT(refusal<JsonText>("NULL::json"), HasSubstr("is NULL"));
    EXPECT_EQ(value<std::optional<std::string>>("''"), R"("")");
    EXPECT_EQ(value<std::optional<int>>("NULL::int"), "null");
    EXPECT_EQ(value<std::optional<int>>("5"), "5");
}

struct Defaults {
    Field<std::optional<int>> v = 5;
};

TEST(ModelRows, with_null_are_null_whatever_the_default) {
    const auto rows = values<Defaults>("SELECT NULL::int AS v");
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(*rows[0].v, std::nullopt);
}

TEST(ModelRows, have_integers_that_fit) {
    EXPECT_EQ(value<std::int64_t>("'-9223372036854775808'::bigint"), "-9223372036854775808");
    EXPECT_EQ(value<std::uint64_t>("9223372036854775807"), "9223372036854775807");
    EXPECT_EQ(value<int>("2147483647::bigint"), "2147483647");
    EXPECT_EQ(value<int>("7::positive"), "7");
    EXPECT_EQ(value<std::int8_t>("-128"), "-128");
    EXPECT_EQ(value<std::uint8_t>("255"), "255");
    EXPECT_EQ(value<std::uint32_t>("'4294967295'::oid"), "4294967295");
    EXPECT_THAT(refusal<int>("2147483648"), AllOf(HasSubstr("\"v\""), HasSubstr("2147483648")));
    EXPECT_THAT(refusal<int>("'4294967295'::oid"), HasSubstr("no room"));
    EXPECT_THAT(refusal<std::int8_t>("-129"), HasSubstr("no room"));
    EXPECT_THAT(refusal<std::uint8_t>("256"), HasSubstr("no room"));
    EXPECT_THAT(refusal<std::uint64_t>("-1"), HasSubstr("no room"));
}

TEST(ModelRows, have_numbers_as_python_writes_them) {
    EXPECT_EQ(value<double>("0.1::float8"), "0.1");
    EXPECT_EQ(value<double>("3::float8"), "3.0");
    EXPECT_EQ(value<double>("3"), "3.0");
    EXPECT_EQ(value<double>("9.90::numeric(10, 2)"), "9.9");
    EXPECT_EQ(value<double>("3.00"), "3.0");
    EXPECT_EQ(value<double>("1e300::float8"), "1e+300");
    EXPECT_EQ(value<float>("0.1::float4"), "0.1");
    EXPECT_EQ(value<float>("0.1::float8"), "0.1");
    for (const std::string number :
         {"'NaN'::float8", "'Infinity'::float8", "'NaN'::numeric", "'-Infinity'::float4"})
        EXPECT_EQ(value<double>(number), "null") << number;
    EXPECT_EQ(value<Decimal>("12.50::numeric(10, 2)"), R"("12.50")");
    EXPECT_EQ(value<Decimal>("7"), R"("7")");
    EXPECT_THAT(refusal<Decimal>("'NaN'::numeric"), HasSubstr("no Decimal"));
}

TEST(ModelRows, have_moments_as_pydantic_writes_them) {
    EXPECT_EQ(value<DateTime>("timestamptz '2026-11-22 07:02:06.0764+00'"),
              R"("2026-11-22T07:02:06.076400Z")");
    EXPECT_EQ(value<DateTime>("timestamptz '2026-11-22 07:02:06+05:30'"),
              R"("2026-11-22T01:32:06Z")");
    EXPECT_EQ(value<DateTime>("timestamp '2026-11-22 07:02:06'"), R"("2026-11-22T07:02:06")");
    EXPECT_EQ(value<std::chrono::year_month_day>("date '2026-11-22'"), R"("2026-11-22")");
    EXPECT_EQ(value<std::chrono::microseconds>("interval '1 day 2 hours 0.5 seconds'"),
              R"("P1DT2H0.5S")");
    EXPECT_THAT(refusal<DateTime>("timestamptz 'infinity'"), HasSubstr("'infinity'"));
    EXPECT_THAT(refusal<DateTime>("timestamptz '0044-03-15 12:00:00+00 BC'"), HasSubstr("BC"));
    EXPECT_THAT(refusal<std::chrono::year_month_day>("date 'infinity'"), HasSubstr("no date"));
    EXPECT_THAT(refusal<std::chrono::microseconds>("interval '1 month'"), HasSubstr("1 mon"));
}

enum class Mood { sad, happy };
enum class Status { open, in_transit };
constexpr auto wire_names(Status) {
    return std::array{std::pair{Status::open, "open"}, std::pair{Status::in_transit, "in transit"}};
}

TEST(ModelRows, have_texts) {
    EXPECT_EQ(value<std::string>("'a \"quote\"'"), R"("a \"quote\"")");
    EXPECT_EQ(value<std::string>("'x'::char(3)"), R"("x  ")");
    EXPECT_EQ(value<std::string>("'x'::varchar(3)"), R"("x")");
    EXPECT_EQ(value<std::string>("'sad'::mood"), R"("sad")");
    EXPECT_EQ(value<std::string>("inet '10.0.0.1'"), R"("10.0.0.1")");
    EXPECT_EQ(value<std::string>("time '07:02:06.5'"), R"("07:02:06.5")");
    EXPECT_EQ(value<Email>("'ada@example.com'"), R"("ada@example.com")");
    EXPECT_EQ(value<bool>("true"), "true");
    EXPECT_EQ(value<bool>("false"), "false");
    EXPECT_EQ(value<Uuid>("uuid '6F9619FF-8B86-D011-B42D-00C04FC964FF'"),
              R"("6f9619ff-8b86-d011-b42d-00c04fc964ff")");
}

TEST(ModelRows, have_names_by_what_they_are_called_outside) {
    EXPECT_EQ(value<Mood>("'happy'::mood"), R"("happy")");
    EXPECT_EQ(value<Status>("'in transit'"), R"("in transit")");
    EXPECT_EQ((value<Literal<"card", "cash">>("'cash'")), R"("cash")");
    EXPECT_EQ(value<std::optional<Status>>("NULL::text"), "null");
    EXPECT_THAT(refusal<Status>("'in_transit'"),
                AllOf(HasSubstr("\"v\""), HasSubstr("'in_transit'"), HasSubstr("no name")));
    EXPECT_THAT((refusal<Literal<"card", "cash">>("'gold'")), HasSubstr("'gold'"));
}

struct Address {
    std::string street;
    Field<int> floor = 0;
};
struct Card {
    Literal<"card"> type;
    std::string number;
};
struct Cash {
    Literal<"cash"> type;
};

TEST(ModelRows, have_json_as_it_is_or_as_their_type_has_it) {
    EXPECT_EQ(json<One<JsonText>>(R"(SELECT '{"b": [1, 2.50]}'::json AS v)"),
              R"([{"v":{"b": [1, 2.50]}}])");
    EXPECT_EQ(values<One<JsonText>>(R"(SELECT '[1]'::jsonb AS v)").front().v.text(), "[1]");
    // What the type does not have leaks out of a document as little as out of a table.
    EXPECT_EQ(value<Address>(R"('{"street": "Main", "secret": 1}'::jsonb)"),
              R"({"street":"Main","floor":0})");
    EXPECT_EQ(value<std::vector<Address>>(R"('[{"street":"a"},{"street":"b","floor":2}]'::json)"),
              R"([{"street":"a","floor":0},{"street":"b","floor":2}])");
    EXPECT_EQ((value<std::map<std::string, int>>(R"('{"a":1}'::json)")), R"({"a":1})");
    EXPECT_EQ((value<Field<std::variant<Card, Cash>, Discriminator("type")>>(
                  R"('{"type":"card","number":"1","pin":2}'::json)")),
              R"({"type":"card","number":"1"})");
    EXPECT_EQ(value<std::optional<Address>>("NULL::jsonb"), "null");
    EXPECT_THAT(refusal<Address>(R"('{"floor": 1}'::jsonb)"),
                AllOf(HasSubstr("\"v\""), HasSubstr("street")));
}

TEST(ModelRows, have_arrays_of_what_fits_their_items) {
    EXPECT_EQ(value<std::vector<int>>("ARRAY[1, -2]"), "[1,-2]");
    EXPECT_EQ(value<std::vector<int>>("'{}'::int[]"), "[]");
    EXPECT_EQ(value<std::vector<int>>("'[0:1]={1,2}'::int[]"), "[1,2]");
    EXPECT_EQ(value<std::vector<std::optional<int>>>("ARRAY[1, NULL, 3]"), "[1,null,3]");
    EXPECT_EQ(value<std::vector<double>>("ARRAY[1, 2.50]"), "[1.0,2.5]");
    EXPECT_EQ(value<std::vector<std::string>>(R"(ARRAY['a,b', '', 'NULL', '{x}', '"\"'])"),
              R"(["a,b","","NULL","{x}","\"\\\""])");
    EXPECT_EQ(value<std::vector<Mood>>("ARRAY['sad', 'happy']"), R"(["sad","happy"])");
    EXPECT_EQ(value<std::vector<DateTime>>("ARRAY[timestamptz '2026-11-22 07:02:06+00']"),
              R"(["2026-11-22T07:02:06Z"])");
    EXPECT_EQ(value<std::optional<std::vector<int>>>("NULL::int[]"), "null");
    EXPECT_THAT(refusal<std::vector<int>>("ARRAY[1, NULL]"),
                AllOf(HasSubstr("\"v\""), HasSubstr("NULL")));
    EXPECT_THAT(refusal<std::vector<int>>("ARRAY[ARRAY[1], ARRAY[2]]"), HasSubstr("dimension"));
    EXPECT_THAT(refusal<std::vector<int>>("ARRAY['x']"), HasSubstr("text[]"));
    EXPECT_THAT(refusal<std::vector<std::int8_t>>("ARRAY[1, 300]"), HasSubstr("'300'"));
    EXPECT_THAT(refusal<std::string>("ARRAY['x']"), HasSubstr("text[]"));
    EXPECT_THAT(refusal<std::vector<Address>>("ARRAY['{}'::jsonb]"), HasSubstr("jsonb[]"));
}

struct Preset {
    Field<std::vector<int>> v = std::vector<int>{7};
};

TEST(ModelRows, have_an_array_in_place_of_a_default) {
    EXPECT_EQ(*values<Preset>("SELECT ARRAY[1] AS v").front().v, std::vector<int>{1});
    EXPECT_EQ(*values<Preset>("SELECT '[1]'::json AS v").front().v, std::vector<int>{1});
}

TEST(ModelRows, of_a_single_value_are_of_the_first_column) {
    EXPECT_EQ(values<std::int64_t>("SELECT 5, 'x'").front(), 5);
    EXPECT_EQ(values<bool>("SELECT true").front(), true);
    EXPECT_EQ(values<std::optional<std::string>>("SELECT NULL::text").front(), std::nullopt);
    EXPECT_EQ(values<Mood>("SELECT 'happy'").front(), Mood::happy);
    EXPECT_TRUE(std::isnan(values<double>("SELECT 'NaN'::float8").front()));
    try {
        values<int>("SELECT NULL::int AS total");
        ADD_FAILURE();
    } catch (const ResultMismatch& error) {
        EXPECT_THAT(error.what(), HasSubstr("\"total\" is NULL"));
    }
}

TEST(ModelRows, are_many) {
    std::string expected = "[";
    for (int i = 1; i <= 10000; ++i)
        expected += std::string(i > 1 ? "," : "") + "{\"id\":" + std::to_string(i) +
                    ",\"name\":\"" + std::string(static_cast<std::size_t>(i % 50), 'x') +
                    "\",\"note\":null}";
    EXPECT_EQ(json<User>("SELECT NULL AS note, i AS id, repeat('x', i % 50) AS name "
                         "FROM generate_series(1, 10000) i"),
              expected + "]");
}

}  // namespace
}  // namespace signalbox::db
