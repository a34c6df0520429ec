#include "signalbox/db/detail/rows_json.hpp"

#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <pqxx/pqxx>
#include <string>
#include <string_view>

#include "signalbox/testing/postgres.hpp"

namespace signalbox::db {
namespace {

std::string rows(const std::string& url, const std::string& sql) {
    pqxx::connection connection{url};
    pqxx::nontransaction transaction{connection};
    transaction.exec("SET timezone = 'UTC'");
    transaction.exec("SET datestyle = 'ISO'");
    const JsonText json = rows_json(transaction.exec(sql));
    // Numbers as text: a check of the grammar that loses no digit and knows no range.
    constexpr unsigned strict =
        rapidjson::kParseValidateEncodingFlag | rapidjson::kParseNumbersAsStringsFlag;
    rapidjson::Document document;
    document.Parse<strict>(json.text().data(), json.text().size());
    EXPECT_FALSE(document.HasParseError()) << json.text();
    return std::string{json.text()};
}

std::string database() {
    static const std::string url = test::PostgresServer::shared().create_database();
    return url;
}

// The JSON of one value.
std::string value(const std::string& expression) {
    const std::string json = rows(database(), "SELECT " + expression + " AS v");
    EXPECT_TRUE(json.starts_with("[{\"v\":") && json.ends_with("}]")) << json;
    return json.substr(6, json.size() - 8);
}

TEST(RowsJson, integers_keep_every_digit) {
    EXPECT_EQ(value("'-32768'::smallint"), "-32768");
    EXPECT_EQ(value("'32767'::smallint"), "32767");
    EXPECT_EQ(value("'-2147483648'::integer"), "-2147483648");
    EXPECT_EQ(value("2147483647"), "2147483647");
    EXPECT_EQ(value("'-9223372036854775808'::bigint"), "-9223372036854775808");
    EXPECT_EQ(value("9223372036854775807"), "9223372036854775807");
    EXPECT_EQ(value("0"), "0");
    EXPECT_EQ(value("'4294967295'::oid"), "4294967295");
}

TEST(RowsJson, numeric_keeps_every_digit) {
    EXPECT_EQ(value("1234567890123456789012345678901234567890.0123456789"),
              "1234567890123456789012345678901234567890.0123456789");
    EXPECT_EQ(value("-0.10::numeric"), "-0.10");
    EXPECT_EQ(value("12.50::numeric(10, 2)"), "12.50");
    EXPECT_EQ(value("1e-30::numeric"), "0.000000000000000000000000000001");
    EXPECT_EQ(value("'NaN'::numeric"), R"("NaN")");
    EXPECT_EQ(value("'Infinity'::numeric"), R"("Infinity")");
    EXPECT_EQ(value("'-Infinity'::numeric"), R"("-Infinity")");
}

TEST(RowsJson, floats_are_what_postgresql_says) {
    EXPECT_EQ(value("0.1::float8"), "0.1");
    EXPECT_EQ(value("1::float8 / 3"), "0.3333333333333333");
    EXPECT_EQ(value("'-0'::float8"), "-0");
    EXPECT_EQ(value("1e300::float8"), "1e+300");
    EXPECT_EQ(value("'1.7976931348623157e308'::float8"), "1.7976931348623157e+308");
    EXPECT_EQ(value("'5e-324'::float8"), "5e-324");
    EXPECT_EQ(value("'NaN'::float8"), R"("NaN")");
    EXPECT_EQ(value("'Infinity'::float8"), R"("Infinity")");
    EXPECT_EQ(value("'-Infinity'::float8"), R"("-Infinity")");
    EXPECT_EQ(value("'3.4028235e38'::float4"), "3.4028235e+38");
    EXPECT_EQ(value("'1e-45'::float4"), "1e-45");
    EXPECT_EQ(value("'NaN'::float4"), R"("NaN")");
}

TEST(RowsJson, booleans_and_null) {
    EXPECT_EQ(value("true"), "true");
    EXPECT_EQ(value("false"), "false");
    for (const std::string type : {"boolean", "integer", "numeric", "text", "json", "jsonb",
                                   "timestamptz", "timestamp", "uuid", "integer[]"})
        EXPECT_EQ(value("NULL::" + type), "null") << type;
}

TEST(RowsJson, json_is_itself) {
    EXPECT_EQ(value(R"('{"b": [1, 2.50, null],  "a":"\u00e9"}'::json)"),
              R"({"b": [1, 2.50, null],  "a":"\u00e9"})");
    EXPECT_EQ(value(R"('{"b":[1,2.50,null],"a":"\u00e9"}'::jsonb)"),
              R"({"a": "é", "b": [1, 2.50, null]})");
    EXPECT_EQ(value(R"('"text"'::jsonb)"), R"("text")");
    EXPECT_EQ(value("'null'::json"), "null");
    EXPECT_EQ(value("'[]'::json"), "[]");
}

TEST(RowsJson, timestamps_are_rfc_3339_with_microseconds) {
    EXPECT_EQ(value("timestamptz '2026-11-22 07:02:06.076478+00'"),
              R"("2026-11-22T07:02:06.076478+00:00")");
    EXPECT_EQ(value("timestamptz '2026-11-22 07:02:06+05:30'"),
              R"("2026-11-22T01:32:06.000000+00:00")");
    EXPECT_EQ(value("timestamptz '2026-11-22 07:02:06.25+00'"),
              R"("2026-11-22T07:02:06.250000+00:00")");
    EXPECT_EQ(value("timestamp '2026-11-22 07:02:06.076478'"), R"("2026-11-22T07:02:06.076478")");
    EXPECT_EQ(value("timestamp '2026-11-22 07:02:06'"), R"("2026-11-22T07:02:06.000000")");
    EXPECT_EQ(value("timestamp '2026-11-22 24:00:00'"), R"("2026-11-23T00:00:00.000000")");
    EXPECT_EQ(value("timestamp 'infinity'"), R"("infinity")");
    EXPECT_EQ(value("timestamptz '-infinity'"), R"("-infinity")");
    EXPECT_EQ(value("timestamptz '0044-03-15 12:00:00+00 BC'"), R"("0044-03-15 12:00:00+00 BC")");
    EXPECT_EQ(value("timestamp '294276-12-31 23:59:59.999999'"),
              R"("294276-12-31 23:59:59.999999")");
}

TEST(RowsJson, timestamps_follow_the_zone_of_the_session) {
    const auto in_zone = [](const std::string& zone, const std::string& time) {
        pqxx::connection connection{database()};
        pqxx::nontransaction transaction{connection};
        transaction.exec("SET datestyle = 'ISO'");
        transaction.exec("SET timezone = '" + zone + "'");
        return std::string{
            rows_json(transaction.exec("SELECT timestamptz '" + time + "' AS v")).text()};
    };
    EXPECT_EQ(in_zone("Asia/Kolkata", "2026-11-22 00:00:00.5+00"),
              R"([{"v":"2026-11-22T05:30:00.500000+05:30"}])");
    EXPECT_EQ(in_zone("America/St_Johns", "2026-11-22 00:00:00+00"),
              R"([{"v":"2026-11-21T20:30:00.000000-03:30"}])");
    EXPECT_EQ(in_zone("Asia/Kolkata", "1850-01-01 00:00:00+00"),
              R"([{"v":"1850-01-01T05:53:28.000000+05:53:28"}])");
}

TEST(RowsJson, all_else_is_text) {
    EXPECT_EQ(value("date '2026-11-22'"), R"("2026-11-22")");
    EXPECT_EQ(value("time '07:02:06.5'"), R"("07:02:06.5")");
    EXPECT_EQ(value("timetz '07:02:06+05:30'"), R"("07:02:06+05:30")");
    EXPECT_EQ(value("interval '1 day 2 hours'"), R"("1 day 02:00:00")");
    EXPECT_EQ(value("uuid '6F9619FF-8B86-D011-B42D-00C04FC964FF'"),
              R"("6f9619ff-8b86-d011-b42d-00c04fc964ff")");
    EXPECT_EQ(value(R"('\xdeadbeef00'::bytea)"), R"("\\xdeadbeef00")");
    EXPECT_EQ(value("ARRAY[1, NULL, 3]"), R"("{1,NULL,3}")");
    EXPECT_EQ(value("ARRAY['a b', '\"']"), R"("{\"a b\",\"\\\"\"}")");
    EXPECT_EQ(value("12.5::money"), R"("$12.50")");
    EXPECT_EQ(value("inet '10.0.0.1'"), R"("10.0.0.1")");
    EXPECT_EQ(value("'x'::char(3)"), R"("x  ")");
    EXPECT_EQ(value("ROW(1, 'a')"), "\"(1,a)\"");
    EXPECT_EQ(value("int4range(1, 5)"), "\"[1,5)\"");
    EXPECT_EQ(value("''"), R"("")");
}

TEST(RowsJson, enums_are_text_and_domains_are_what_they_are_made_of) {
    const auto url = test::PostgresServer::shared().create_database();
    test::execute(
        url,
        "CREATE TYPE mood AS ENUM ('sad', 'very \"happy\"');"
        "CREATE DOMAIN email AS text; CREATE DOMAIN positive AS integer CHECK (VALUE > 0);"
        "CREATE DOMAIN very_positive AS positive; CREATE DOMAIN flag AS boolean;"
        "CREATE DOMAIN document AS jsonb; CREATE DOMAIN moment AS timestamptz;");
    EXPECT_EQ(rows(url,
                   "SELECT 'very \"happy\"'::mood AS m, 'a@b'::email AS e, 7::positive AS p,"
                   " 8::very_positive AS v, true::flag AS f, '{\"a\":1}'::document AS d,"
                   " '2026-11-22 07:02:06+00'::moment AS t"),
              R"([{"m":"very \"happy\"","e":"a@b","p":7,"v":8,"f":true,"d":{"a": 1},)"
              R"("t":"2026-11-22T07:02:06.000000+00:00"}])");
}

TEST(RowsJson, text_is_valid_json_whatever_it_holds) {
    std::string controls;
    for (int code = 1; code < 32; ++code)
        controls += "chr(" + std::to_string(code) + ") || ";
    EXPECT_EQ(
        value(controls + "''"),
        "\"\\u0001\\u0002\\u0003\\u0004\\u0005\\u0006\\u0007\\b\\t\\n\\u000b\\f\\r\\u000e\\u000f"
        "\\u0010\\u0011\\u0012\\u0013\\u0014\\u0015\\u0016\\u0017\\u0018\\u0019\\u001a\\u001b"
        "\\u001c\\u001d\\u001e\\u001f\"");
    EXPECT_EQ(value(R"('"quoted" and \ and /')"), R"("\"quoted\" and \\ and /")");
    EXPECT_EQ(value("chr(8232) || chr(8233) || chr(127)"), "\"\u2028\u2029\x7f\"");
    EXPECT_EQ(value("'Zoë \U0001F600 日本'"), "\"Zoë \U0001F600 日本\"");
}

TEST(RowsJson, bytes_of_no_encoding_become_utf8) {
    const auto url = test::PostgresServer::shared().create_database(
        "TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'");
    EXPECT_EQ(rows(url, R"(SELECT E'caf\xe9' AS v, E'"\xe9"'::json AS j)"),
              "[{\"v\":\"caf\uFFFD\",\"j\":\"\uFFFD\"}]");
}

TEST(RowsJson, rows_and_columns_keep_their_order) {
    EXPECT_EQ(rows(database(), "SELECT 2 AS z, 'x' AS a, NULL AS m UNION ALL SELECT 1, 'y', 'n'"),
              R"([{"z":2,"a":"x","m":null},{"z":1,"a":"y","m":"n"}])");
    EXPECT_EQ(rows(database(), R"(SELECT 1 AS "a ""quoted"" key", 2 AS "日本")"),
              R"([{"a \"quoted\" key":1,"日本":2}])");
}

TEST(RowsJson, a_repeated_name_keeps_the_last_value) {
    EXPECT_EQ(
        rows(database(), "SELECT 1 AS a, 2 AS b, 'x' AS a, 3 AS c FROM generate_series(1, 2)"),
        R"([{"a":"x","b":2,"c":3},{"a":"x","b":2,"c":3}])");
}

TEST(RowsJson, no_rows_and_no_columns) {
    const auto url = test::PostgresServer::shared().create_database();
    test::execute(url, "CREATE TABLE users (id bigint, name text)");
    EXPECT_EQ(rows(url, "SELECT * FROM users"), "[]");
    EXPECT_EQ(rows(url, "SELECT FROM generate_series(1, 2)"), "[{},{}]");
}

TEST(RowsJson, many_rows) {
    std::string expected = "[";
    for (int i = 1; i <= 10000; ++i)
        expected += std::string(i > 1 ? "," : "") + "{\"i\":" + std::to_string(i) + ",\"t\":\"" +
                    std::string(static_cast<std::size_t>(i % 50), 'x') + "\"}";
    EXPECT_EQ(
        rows(database(), "SELECT i, repeat('x', i % 50) AS t FROM generate_series(1, 10000) i"),
        expected + "]");
}

}  // namespace
}  // namespace signalbox::db
