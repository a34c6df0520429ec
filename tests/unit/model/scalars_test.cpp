// Values that pydantic 2.10 was asked to read, and what it made of them. Where it says another
// thing than FastAPI with it, what FastAPI says.

#include "signalbox/model/scalars.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "unit/model/outcome.hpp"

namespace signalbox::model {
namespace {

/// JSON, and the value as it is written again or the error.
using Case = std::pair<std::string_view, std::string_view>;

template <class T>
void expect(std::initializer_list<Case> cases) {
    for (const auto& [json, expected] : cases)
        EXPECT_EQ(outcome<T>(json), expected) << json;
}

TEST(Scalars, read_booleans) {
    expect<bool>({
        {"\"0\"", "false"},
        {"\"1\"", "true"},
        {"\"t\"", "true"},
        {"\"f\"", "false"},
        {"\"T\"", "true"},
        {"\"F\"", "false"},
        {"\"y\"", "true"},
        {"\"n\"", "false"},
        {"\"Y\"", "true"},
        {"\"N\"", "false"},
        {"\"yes\"", "true"},
        {"\"no\"", "false"},
        {"\"YES\"", "true"},
        {"\"No\"", "false"},
        {"\"on\"", "true"},
        {"\"off\"", "false"},
        {"\"ON\"", "true"},
        {"\"true\"", "true"},
        {"\"false\"", "false"},
        {"\"TRUE\"", "true"},
        {"\"False\"", "false"},
        {"\"tRuE\"", "true"},
        {"\" true\"", "bool_parsing: Input should be a valid boolean, unable to interpret input"},
        {"\"true \"", "bool_parsing: Input should be a valid boolean, unable to interpret input"},
        {"\"2\"", "bool_parsing: Input should be a valid boolean, unable to interpret input"},
        {"\"\"", "bool_parsing: Input should be a valid boolean, unable to interpret input"},
        {"\"1.0\"", "bool_parsing: Input should be a valid boolean, unable to interpret input"},
        {"\"null\"", "bool_parsing: Input should be a valid boolean, unable to interpret input"},
        {"\"ja\"", "bool_parsing: Input should be a valid boolean, unable to interpret input"},
        {"\"0.0\"", "bool_parsing: Input should be a valid boolean, unable to interpret input"},
        {"\"+1\"", "bool_parsing: Input should be a valid boolean, unable to interpret input"},
        {"\"00\"", "bool_parsing: Input should be a valid boolean, unable to interpret input"},
        {"0", "false"},
        {"1", "true"},
        {"2", "bool_parsing: Input should be a valid boolean, unable to interpret input"},
        {"-1", "bool_parsing: Input should be a valid boolean, unable to interpret input"},
        {"0.0", "false"},
        {"1.0", "true"},
        {"0.5", "bool_type: Input should be a valid boolean"},
        {"null", "bool_type: Input should be a valid boolean"},
        {"[]", "bool_type: Input should be a valid boolean"},
        {"{}", "bool_type: Input should be a valid boolean"},
        {"100000000000000000000", "bool_type: Input should be a valid boolean"},
    });
}

TEST(Scalars, read_integers) {
    expect<std::int64_t>({
        {"\"1\"", "1"},
        {"\"+1\"", "1"},
        {"\"-1\"", "-1"},
        {"\"--1\"",
         "int_parsing: Input should be a valid integer, unable to parse string as an integer"},
        {"\"+-1\"",
         "int_parsing: Input should be a valid integer, unable to parse string as an integer"},
        {"\"1_000\"", "1000"},
        {"\"_1\"",
         "int_parsing: Input should be a valid integer, unable to parse string as an integer"},
        {"\"1_\"",
         "int_parsing: Input should be a valid integer, unable to parse string as an integer"},
        {"\"1__0\"",
         "int_parsing: Input should be a valid integer, unable to parse string as an integer"},
        {"\"1.0\"", "1"},
        {"\"1.00\"", "1"},
        {"\"1.\"",
         "int_parsing: Input should be a valid integer, unable to parse string as an integer"},
        {"\"1.5\"",
         "int_parsing: Input should be a valid integer, unable to parse string as an integer"},
        {"\".0\"",
         "int_parsing: Input should be a valid integer, unable to parse string as an integer"},
        {"\"-0\"", "0"},
        {"\"00\"", "0"},
        {"\"007\"", "7"},
        {"\"-007\"", "-7"},
        {"\"+\"",
         "int_parsing: Input should be a valid integer, unable to parse string as an integer"},
        {"\"-\"",
         "int_parsing: Input should be a valid integer, unable to parse string as an integer"},
        {"\"\"",
         "int_parsing: Input should be a valid integer, unable to parse string as an integer"},
        {"\" 1 \"", "1"},
        {R"json("\t1\n")json", "1"},
        {"\"1 2\"",
         "int_parsing: Input should be a valid integer, unable to parse string as an integer"},
        {"\"1e3\"",
         "int_parsing: Input should be a valid integer, unable to parse string as an integer"},
        {"\"0x1\"",
         "int_parsing: Input should be a valid integer, unable to parse string as an integer"},
        {"\"0b1\"",
         "int_parsing: Input should be a valid integer, unable to parse string as an integer"},
        {R"json("٣")json",
         "int_parsing: Input should be a valid integer, unable to parse string as an integer"},
        {R"json("１")json",
         "int_parsing: Input should be a valid integer, unable to parse string as an integer"},
        {"\"1.0_0\"",
         "int_parsing: Input should be a valid integer, unable to parse string as an integer"},
        {"\"1_0.0\"", "10"},
        {"\"1.0 \"", "1"},
        {R"json(" 1")json", "1"},
        {"\"1,000\"",
         "int_parsing: Input should be a valid integer, unable to parse string as an integer"},
        {"\"inf\"",
         "int_parsing: Input should be a valid integer, unable to parse string as an integer"},
        {"\"nan\"",
         "int_parsing: Input should be a valid integer, unable to parse string as an integer"},
        {"\"True\"",
         "int_parsing: Input should be a valid integer, unable to parse string as an integer"},
        {"\"-0.0\"", "0"},
        {"\"0.0\"", "0"},
        {"\"1.0000000000000000000000001\"",
         "int_parsing: Input should be a valid integer, unable to parse string as an integer"},
        {"1", "1"},
        {"1.0", "1"},
        {"1.5",
         "int_from_float: Input should be a valid integer, got a number with a fractional part"},
        {"1000.0", "1000"},
        {"1e+18", "1000000000000000000"},
        {"9.2e+18", "9200000000000000000"},
        {"9.3e+18",
         "int_parsing_size: Unable to parse input string as an integer, exceeded maximum size"},
        {"1e+19",
         "int_parsing_size: Unable to parse input string as an integer, exceeded maximum size"},
        {"-9.3e+18",
         "int_parsing_size: Unable to parse input string as an integer, exceeded maximum size"},
        {"true", "1"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"-0.0", "0"},
    });
}

TEST(Scalars, read_floating_point_numbers) {
    expect<double>({
        {"\"1\"", "1.0"},
        {"\"1.5\"", "1.5"},
        {"\"-1.5\"", "-1.5"},
        {"\"+1.5\"", "1.5"},
        {"\".5\"", "0.5"},
        {"\"5.\"", "5.0"},
        {"\"1e3\"", "1000.0"},
        {"\"1E3\"", "1000.0"},
        {"\"1e+3\"", "1000.0"},
        {"\"1e\"",
         "float_parsing: Input should be a valid number, unable to parse string as a number"},
        {"\"e1\"",
         "float_parsing: Input should be a valid number, unable to parse string as a number"},
        {"\"1_0.5\"", "10.5"},
        {"\"1__0\"",
         "float_parsing: Input should be a valid number, unable to parse string as a number"},
        {"\"_1\"",
         "float_parsing: Input should be a valid number, unable to parse string as a number"},
        {"\"1_\"",
         "float_parsing: Input should be a valid number, unable to parse string as a number"},
        {"\"nan(1)\"",
         "float_parsing: Input should be a valid number, unable to parse string as a number"},
        {"\"1e-400\"", "0.0"},
        {"\"0x1p3\"",
         "float_parsing: Input should be a valid number, unable to parse string as a number"},
        {"\"1.5f\"",
         "float_parsing: Input should be a valid number, unable to parse string as a number"},
        {"\"1d\"",
         "float_parsing: Input should be a valid number, unable to parse string as a number"},
        {"\"\"",
         "float_parsing: Input should be a valid number, unable to parse string as a number"},
        {"\" 1.5 \"", "1.5"},
        {R"json("\t1")json", "1.0"},
        {"\"1,5\"",
         "float_parsing: Input should be a valid number, unable to parse string as a number"},
        {R"json("１")json",
         "float_parsing: Input should be a valid number, unable to parse string as a number"},
        {"\"true\"",
         "float_parsing: Input should be a valid number, unable to parse string as a number"},
        {"\"--1\"",
         "float_parsing: Input should be a valid number, unable to parse string as a number"},
        {"\"1.5.5\"",
         "float_parsing: Input should be a valid number, unable to parse string as a number"},
        {"\"-0\"", "-0.0"},
        {"\"0.1e-6\"", "1e-07"},
        {R"json("1\u0000")json",
         "float_parsing: Input should be a valid number, unable to parse string as a number"},
        {"1", "1.0"},
        {"1000000000000000000000000000000", "1e+30"},
        {"true", "1.0"},
        {"null", "float_type: Input should be a valid number"},
        {"\"x\"",
         "float_parsing: Input should be a valid number, unable to parse string as a number"},
        {"[]", "float_type: Input should be a valid number"},
        {"9223372036854775808", "9.223372036854776e+18"},
        {"9007199254740993", "9007199254740992.0"},
    });
}

TEST(Scalars, read_decimals) {
    expect<Decimal>({
        {"\"1\"", "\"1\""},
        {"\"1.10\"", "\"1.10\""},
        {"\"+1\"", "\"1\""},
        {"\".5\"", "\"0.5\""},
        {"\"5.\"", "\"5\""},
        {"\"1e3\"", "\"1E+3\""},
        {"\"1E+3\"", "\"1E+3\""},
        {"\"-0\"", "\"-0\""},
        {"\"0.0\"", "\"0.0\""},
        {"\"00.5\"", "\"0.5\""},
        {"\"1_000\"", "\"1000\""},
        {"\" 1 \"", "\"1\""},
        {R"json("\t1\n")json", "\"1\""},
        {"\"inf\"", "finite_number: Input should be a finite number"},
        {"\"nan\"", "finite_number: Input should be a finite number"},
        {"\"sNaN\"", "finite_number: Input should be a finite number"},
        {"\"-Infinity\"", "finite_number: Input should be a finite number"},
        {"\"\"", "decimal_parsing: Input should be a valid decimal"},
        {"\"1e\"", "decimal_parsing: Input should be a valid decimal"},
        {"\"0x1\"", "decimal_parsing: Input should be a valid decimal"},
        {"\"1,5\"", "decimal_parsing: Input should be a valid decimal"},
        {"\"1e400\"", "\"1E+400\""},
        {"\"1e-400\"", "\"1E-400\""},
        {"\"0.10000000\"", "\"0.10000000\""},
        {"\"123456789012345678901234567890.123456789\"",
         "\"123456789012345678901234567890.123456789\""},
        {"\"0E-10\"", "\"0E-10\""},
        {"\"-0.00\"", "\"-0.00\""},
        {"\"100\"", "\"100\""},
        {"\"1E+2\"", "\"1E+2\""},
        {"\"0.000001\"", "\"0.000001\""},
        {"\"0.0000001\"", "\"1E-7\""},
        {"\"1e-6\"", "\"0.000001\""},
        {"\"1__0\"", "\"10\""},
        {"\"_1\"", "\"1\""},
        {"\"1_\"", "\"1\""},
        {"1", "\"1\""},
        {"1.1", "\"1.1\""},
        {"0.1", "\"0.1\""},
        {"1e+16", "\"1E+16\""},
        {"1e+22", "\"1E+22\""},
        {"1e-05", "\"0.00001\""},
        {"1e-07", "\"1E-7\""},
        {"123456789.12345679", "\"123456789.12345679\""},
        {"true",
         "decimal_type: Decimal input should be an integer, float, string or Decimal object"},
        {"1000000000000000000000000000000", "\"1000000000000000000000000000000\""},
        {"1.0", "\"1.0\""},
        {"100.0", "\"100.0\""},
        {"-0.0", "\"-0.0\""},
    });
}

TEST(Scalars, read_uuids) {
    expect<Uuid>({
        {"\"6ba7b810-9dad-11d1-80b4-00c04fd430c8\"", "\"6ba7b810-9dad-11d1-80b4-00c04fd430c8\""},
        {"\"6ba7b8109dad11d180b400c04fd430c8\"", "\"6ba7b810-9dad-11d1-80b4-00c04fd430c8\""},
        {"\"{6ba7b810-9dad-11d1-80b4-00c04fd430c8}\"", "\"6ba7b810-9dad-11d1-80b4-00c04fd430c8\""},
        {"\"{6ba7b8109dad11d180b400c04fd430c8}\"",
         "uuid_parsing: Input should be a valid UUID, invalid group count: expected 5, found 1"},
        {"\"urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8\"",
         "\"6ba7b810-9dad-11d1-80b4-00c04fd430c8\""},
        {"\"URN:UUID:6ba7b810-9dad-11d1-80b4-00c04fd430c8\"",
         "uuid_parsing: Input should be a valid UUID, invalid character: expected an optional "
         "prefix of `urn:uuid:` followed by [0-9a-fA-F-], found `U` at 1"},
        {"\"urn:uuid:6ba7b8109dad11d180b400c04fd430c8\"",
         "uuid_parsing: Input should be a valid UUID, invalid group count: expected 5, found 1"},
        {"\"\"",
         "uuid_parsing: Input should be a valid UUID, invalid length: expected length 32 for "
         "simple format, found 0"},
        {"\"x\"",
         "uuid_parsing: Input should be a valid UUID, invalid character: expected an optional "
         "prefix of `urn:uuid:` followed by [0-9a-fA-F-], found `x` at 1"},
        {"\"6\"",
         "uuid_parsing: Input should be a valid UUID, invalid length: expected length 32 for "
         "simple format, found 1"},
        {"\"-\"",
         "uuid_parsing: Input should be a valid UUID, invalid group count: expected 5, found 2"},
        {"\"----\"",
         "uuid_parsing: Input should be a valid UUID, invalid group length in group 0: expected 8, "
         "found 0"},
        {"\"6ba7b810-9dad-11d1-80b4\"",
         "uuid_parsing: Input should be a valid UUID, invalid group count: expected 5, found 4"},
        {"\"6ba7b810-9dad-11d1-80b4-00c04fd430c8-1\"",
         "uuid_parsing: Input should be a valid UUID, invalid group count: expected 5, found 6"},
        {"\"6ba7b81-09dad-11d1-80b4-00c04fd430c8\"",
         "uuid_parsing: Input should be a valid UUID, invalid group length in group 0: expected 8, "
         "found 7"},
        {"\"6ba7b810-9dad-11d1-80b400c04fd430c8\"",
         "uuid_parsing: Input should be a valid UUID, invalid group count: expected 5, found 4"},
        {"\"6ba7b810-9dad11d180b400c04fd430c8\"",
         "uuid_parsing: Input should be a valid UUID, invalid group count: expected 5, found 2"},
        {"\"6ba7b8109dad11d180b400c04fd430c\"",
         "uuid_parsing: Input should be a valid UUID, invalid length: expected length 32 for "
         "simple format, found 31"},
        {"\"6ba7b8109dad11d180b400c04fd430c88\"",
         "uuid_parsing: Input should be a valid UUID, invalid length: expected length 32 for "
         "simple format, found 33"},
        {"\"6ba7b810-9dad-11d1-80b4-00c04fd430cg\"",
         "uuid_parsing: Input should be a valid UUID, invalid character: expected an optional "
         "prefix of `urn:uuid:` followed by [0-9a-fA-F-], found `g` at 36"},
        {"\"{6ba7b810-9dad-11d1-80b4-00c04fd430c8\"",
         "uuid_parsing: Input should be a valid UUID, invalid character: expected an optional "
         "prefix of `urn:uuid:` followed by [0-9a-fA-F-], found `{` at 1"},
        {"\"6ba7b810-9dad-11d1-80b4-00c04fd430c8}\"",
         "uuid_parsing: Input should be a valid UUID, invalid character: expected an optional "
         "prefix of `urn:uuid:` followed by [0-9a-fA-F-], found `}` at 37"},
        {"\" 6ba7b810-9dad-11d1-80b4-00c04fd430c8\"",
         "uuid_parsing: Input should be a valid UUID, invalid character: expected an optional "
         "prefix of `urn:uuid:` followed by [0-9a-fA-F-], found ` ` at 1"},
        {R"json("6ba7b810-9dad-11d1-80b4-00c04fd430é8")json",
         R"json(uuid_parsing: Input should be a valid UUID, invalid character: expected an optional prefix of `urn:uuid:` followed by [0-9a-fA-F-], found `é` at 35)json"},
        {"\"urn:uuid:\"",
         "uuid_parsing: Input should be a valid UUID, invalid group count: expected 5, found 1"},
        {"\"urn:uuid:x\"",
         "uuid_parsing: Input should be a valid UUID, invalid character: expected an optional "
         "prefix of `urn:uuid:` followed by [0-9a-fA-F-], found `x` at 10"},
        {"1", "uuid_type: UUID input should be a string, bytes or UUID object"},
        {"null", "uuid_type: UUID input should be a string, bytes or UUID object"},
    });
}

TEST(Scalars, read_date_times) {
    expect<DateTime>({
        {"\"2026-11-26T08:30:00Z\"", "\"2026-11-26T08:30:00Z\""},
        {"\"2026-11-26t08:30:00z\"", "\"2026-11-26T08:30:00Z\""},
        {"\"2026-11-26_08:30:00\"", "\"2026-11-26T08:30:00\""},
        {"\"2026-11-26x08:30:00\"",
         "datetime_from_date_parsing: Input should be a valid datetime or date, unexpected extra "
         "characters at the end of the input"},
        {"\"2026-11-26T08\"",
         "datetime_from_date_parsing: Input should be a valid datetime or date, unexpected extra "
         "characters at the end of the input"},
        {"\"2026-11-26T08:\"",
         "datetime_from_date_parsing: Input should be a valid datetime or date, unexpected extra "
         "characters at the end of the input"},
        {"\"2026-11-26T08:3\"",
         "datetime_from_date_parsing: Input should be a valid datetime or date, unexpected extra "
         "characters at the end of the input"},
        {"\"2026-11-26T08:30\"", "\"2026-11-26T08:30:00\""},
        {"\"2026-11-26T08:30:0\"",
         "datetime_from_date_parsing: Input should be a valid datetime or date, unexpected extra "
         "characters at the end of the input"},
        {"\"2026-11-26T08:30:00.\"",
         "datetime_from_date_parsing: Input should be a valid datetime or date, unexpected extra "
         "characters at the end of the input"},
        {"\"2026-11-26T08:30:00.1\"", "\"2026-11-26T08:30:00.100000\""},
        {"\"2026-11-26T08:30:00.1234567\"", "\"2026-11-26T08:30:00.123456\""},
        {"\"2026-11-26T08:30:00.1Z\"", "\"2026-11-26T08:30:00.100000Z\""},
        {"\"2026-11-26T08:30:00+0200\"", "\"2026-11-26T08:30:00+02:00\""},
        {"\"2026-11-26T08:30:00+02\"",
         "datetime_from_date_parsing: Input should be a valid datetime or date, unexpected extra "
         "characters at the end of the input"},
        {"\"2026-11-26T08:30:00+2:00\"",
         "datetime_from_date_parsing: Input should be a valid datetime or date, unexpected extra "
         "characters at the end of the input"},
        {"\"2026-11-26T08:30:00+24:00\"",
         "datetime_from_date_parsing: Input should be a valid datetime or date, unexpected extra "
         "characters at the end of the input"},
        {"\"2026-11-26T08:30:00+23:59\"", "\"2026-11-26T08:30:00+23:59\""},
        {R"json("2026-11-26T08:30:00−02:00")json", "\"2026-11-26T08:30:00-02:00\""},
        {"\"2026-11-26T08:30:00-00:00\"", "\"2026-11-26T08:30:00Z\""},
        {"\"2026-11-26T08:30:00+00:00\"", "\"2026-11-26T08:30:00Z\""},
        {"\"2026-11-26T08:60:00\"",
         "datetime_from_date_parsing: Input should be a valid datetime or date, unexpected extra "
         "characters at the end of the input"},
        {"\"2026-11-26T23:59:60\"",
         "datetime_from_date_parsing: Input should be a valid datetime or date, unexpected extra "
         "characters at the end of the input"},
        {"\"2026-11-26T08:30:00 Z\"",
         "datetime_from_date_parsing: Input should be a valid datetime or date, unexpected extra "
         "characters at the end of the input"},
        {"\"2026-11-26T08:30:00 +02:00\"",
         "datetime_from_date_parsing: Input should be a valid datetime or date, unexpected extra "
         "characters at the end of the input"},
        {"\" 2026-11-26T08:30:00\"",
         "datetime_from_date_parsing: Input should be a valid datetime or date, invalid character "
         "in year"},
        {"\"2026-11-26T08:30:00 \"",
         "datetime_from_date_parsing: Input should be a valid datetime or date, unexpected extra "
         "characters at the end of the input"},
        {"\"2026/11/26\"",
         "datetime_from_date_parsing: Input should be a valid datetime or date, invalid date "
         "separator, expected `-`"},
        {"\"2026-11/26\"",
         "datetime_from_date_parsing: Input should be a valid datetime or date, invalid date "
         "separator, expected `-`"},
        {"\"20261126\"", "\"1970-08-23T12:05:26Z\""},
        {"\"2026-11-2\"",
         "datetime_from_date_parsing: Input should be a valid datetime or date, input is too "
         "short"},
        {"\"2026-1-01\"",
         "datetime_from_date_parsing: Input should be a valid datetime or date, input is too "
         "short"},
        {"\"2026-00-10\"",
         "datetime_from_date_parsing: Input should be a valid datetime or date, month value is "
         "outside expected range of 1-12"},
        {"\"2026-01-00\"",
         "datetime_from_date_parsing: Input should be a valid datetime or date, day value is "
         "outside expected range"},
        {"\"2026-02-29\"",
         "datetime_from_date_parsing: Input should be a valid datetime or date, day value is "
         "outside expected range"},
        {"\"0000-01-01\"",
         "datetime_parsing: Input should be a valid datetime, year 0 is out of range"},
        {"\"0001-01-01\"", "\"0001-01-01T00:00:00\""},
        {"\"9999-12-31T23:59:59.999999\"", "\"9999-12-31T23:59:59.999999\""},
        {"\"10000-01-01\"",
         "datetime_from_date_parsing: Input should be a valid datetime or date, invalid date "
         "separator, expected `-`"},
        {"\"x026-11-26\"",
         "datetime_from_date_parsing: Input should be a valid datetime or date, invalid character "
         "in year"},
        {"\"2026-x1-26\"",
         "datetime_from_date_parsing: Input should be a valid datetime or date, invalid character "
         "in month"},
        {"\"2026-11-x6\"",
         "datetime_from_date_parsing: Input should be a valid datetime or date, invalid character "
         "in day"},
        {"\"\"",
         "datetime_from_date_parsing: Input should be a valid datetime or date, input is too "
         "short"},
        {"\"abc\"",
         "datetime_from_date_parsing: Input should be a valid datetime or date, input is too "
         "short"},
        {"\"12\"", "\"1970-01-01T00:00:12Z\""},
        {"\"-12\"", "\"1969-12-31T23:59:48Z\""},
        {"\"1e3\"",
         "datetime_from_date_parsing: Input should be a valid datetime or date, input is too "
         "short"},
        {"\"1.5\"", "\"1970-01-01T00:00:01.500000Z\""},
        {"\"1.5555555\"", "\"1970-01-01T00:00:01.555556Z\""},
        {"\"20000000000\"", "\"2603-10-11T11:33:20Z\""},
        {"\"20000000001\"", "\"1970-08-20T11:33:20.001000Z\""},
        {"\"2e10\"",
         "datetime_from_date_parsing: Input should be a valid datetime or date, input is too "
         "short"},
        {"\"253402300799\"", "\"1978-01-11T21:31:40.799000Z\""},
        {"\"253402300800\"", "\"1978-01-11T21:31:40.800000Z\""},
        {"\"253402300799000\"", "\"9999-12-31T23:59:59Z\""},
        {"\"253402300800000\"",
         "datetime_from_date_parsing: Input should be a valid datetime or date, dates after 9999 "
         "are not supported as unix timestamps"},
        {"\"-11676096000\"", "\"1600-01-01T00:00:00Z\""},
        {"\"-11676096001\"", "\"1599-12-31T23:59:59Z\""},
        {"\"99999999999999999999\"",
         "datetime_from_date_parsing: Input should be a valid datetime or date, invalid date "
         "separator, expected `-`"},
        {"\"nan\"",
         "datetime_from_date_parsing: Input should be a valid datetime or date, input is too "
         "short"},
        {"\"inf\"",
         "datetime_from_date_parsing: Input should be a valid datetime or date, input is too "
         "short"},
        {"\"+5\"", "\"1970-01-01T00:00:05Z\""},
        {"\"0\"", "\"1970-01-01T00:00:00Z\""},
        {"\"00\"", "\"1970-01-01T00:00:00Z\""},
        {"\"1_0\"",
         "datetime_from_date_parsing: Input should be a valid datetime or date, input is too "
         "short"},
        {"\"2026-11-26T08:30:00.123Z\"", "\"2026-11-26T08:30:00.123000Z\""},
        {"\"2026-11-26T08:30:00+02:00:00\"",
         "datetime_from_date_parsing: Input should be a valid datetime or date, unexpected extra "
         "characters at the end of the input"},
        {"0", "\"1970-01-01T00:00:00Z\""},
        {"1", "\"1970-01-01T00:00:01Z\""},
        {"-1", "\"1969-12-31T23:59:59Z\""},
        {"1.5", "\"1970-01-01T00:00:01.500000Z\""},
        {"1.123456", "\"1970-01-01T00:00:01.123456Z\""},
        {"1.1234567", "\"1970-01-01T00:00:01.123457Z\""},
        {"1.9999999", "\"1970-01-01T00:00:02Z\""},
        {"20000000000", "\"2603-10-11T11:33:20Z\""},
        {"20000000001", "\"1970-08-20T11:33:20.001000Z\""},
        {"253402300799000", "\"9999-12-31T23:59:59Z\""},
        {"253402300800000",
         "datetime_parsing: Input should be a valid datetime, dates after 9999 are not supported "
         "as unix timestamps"},
        {"100000000000000000000",
         "datetime_parsing: Input should be a valid datetime, dates after 9999 are not supported "
         "as unix timestamps"},
        {"true", "datetime_type: Input should be a valid datetime"},
        {"null", "datetime_type: Input should be a valid datetime"},
        {"[]", "datetime_type: Input should be a valid datetime"},
        {"{}", "datetime_type: Input should be a valid datetime"},
    });
}

TEST(Scalars, read_dates) {
    expect<std::chrono::year_month_day>({
        {"\"2026-11-26T08:30:00Z\"",
         "date_from_datetime_inexact: Datetimes provided to dates should have zero time - e.g. be "
         "exact dates"},
        {"\"2026-11-26t08:30:00z\"",
         "date_from_datetime_inexact: Datetimes provided to dates should have zero time - e.g. be "
         "exact dates"},
        {"\"2026-11-26_08:30:00\"",
         "date_from_datetime_inexact: Datetimes provided to dates should have zero time - e.g. be "
         "exact dates"},
        {"\"2026-11-26x08:30:00\"",
         "date_from_datetime_parsing: Input should be a valid date or datetime, invalid datetime "
         "separator, expected `T`, `t`, `_` or space"},
        {"\"2026-11-26T08\"",
         "date_from_datetime_parsing: Input should be a valid date or datetime, input is too "
         "short"},
        {"\"2026-11-26T08:\"",
         "date_from_datetime_parsing: Input should be a valid date or datetime, input is too "
         "short"},
        {"\"2026-11-26T08:3\"",
         "date_from_datetime_parsing: Input should be a valid date or datetime, input is too "
         "short"},
        {"\"2026-11-26T08:30\"",
         "date_from_datetime_inexact: Datetimes provided to dates should have zero time - e.g. be "
         "exact dates"},
        {"\"2026-11-26T08:30:0\"",
         "date_from_datetime_parsing: Input should be a valid date or datetime, invalid character "
         "in second"},
        {"\"2026-11-26T08:30:00.\"",
         "date_from_datetime_parsing: Input should be a valid date or datetime, second fraction "
         "digits missing after `.`"},
        {"\"2026-11-26T08:30:00.1\"",
         "date_from_datetime_inexact: Datetimes provided to dates should have zero time - e.g. be "
         "exact dates"},
        {"\"2026-11-26T08:30:00.1234567\"",
         "date_from_datetime_inexact: Datetimes provided to dates should have zero time - e.g. be "
         "exact dates"},
        {"\"2026-11-26T08:30:00.1Z\"",
         "date_from_datetime_inexact: Datetimes provided to dates should have zero time - e.g. be "
         "exact dates"},
        {"\"2026-11-26T08:30:00+0200\"",
         "date_from_datetime_inexact: Datetimes provided to dates should have zero time - e.g. be "
         "exact dates"},
        {"\"2026-11-26T08:30:00+02\"",
         "date_from_datetime_parsing: Input should be a valid date or datetime, invalid timezone "
         "minute"},
        {"\"2026-11-26T08:30:00+2:00\"",
         "date_from_datetime_parsing: Input should be a valid date or datetime, invalid timezone "
         "hour"},
        {"\"2026-11-26T08:30:00+24:00\"",
         "date_from_datetime_parsing: Input should be a valid date or datetime, timezone offset "
         "must be less than 24 hours"},
        {"\"2026-11-26T08:30:00+23:59\"",
         "date_from_datetime_inexact: Datetimes provided to dates should have zero time - e.g. be "
         "exact dates"},
        {R"json("2026-11-26T08:30:00−02:00")json",
         "date_from_datetime_inexact: Datetimes provided to dates should have zero time - e.g. be "
         "exact dates"},
        {"\"2026-11-26T08:30:00-00:00\"",
         "date_from_datetime_inexact: Datetimes provided to dates should have zero time - e.g. be "
         "exact dates"},
        {"\"2026-11-26T08:30:00+00:00\"",
         "date_from_datetime_inexact: Datetimes provided to dates should have zero time - e.g. be "
         "exact dates"},
        {"\"2026-11-26T08:60:00\"",
         "date_from_datetime_parsing: Input should be a valid date or datetime, minute value is "
         "outside expected range of 0-59"},
        {"\"2026-11-26T23:59:60\"",
         "date_from_datetime_parsing: Input should be a valid date or datetime, second value is "
         "outside expected range of 0-59"},
        {"\"2026-11-26T08:30:00 Z\"",
         "date_from_datetime_parsing: Input should be a valid date or datetime, invalid timezone "
         "sign"},
        {"\"2026-11-26T08:30:00 +02:00\"",
         "date_from_datetime_parsing: Input should be a valid date or datetime, invalid timezone "
         "sign"},
        {"\" 2026-11-26T08:30:00\"",
         "date_from_datetime_parsing: Input should be a valid date or datetime, invalid character "
         "in year"},
        {"\"2026-11-26T08:30:00 \"",
         "date_from_datetime_parsing: Input should be a valid date or datetime, invalid timezone "
         "sign"},
        {"\"2026/11/26\"",
         "date_from_datetime_parsing: Input should be a valid date or datetime, invalid date "
         "separator, expected `-`"},
        {"\"2026-11/26\"",
         "date_from_datetime_parsing: Input should be a valid date or datetime, invalid date "
         "separator, expected `-`"},
        {"\"20261126\"",
         "date_from_datetime_inexact: Datetimes provided to dates should have zero time - e.g. be "
         "exact dates"},
        {"\"2026-11-2\"",
         "date_from_datetime_parsing: Input should be a valid date or datetime, input is too "
         "short"},
        {"\"2026-1-01\"",
         "date_from_datetime_parsing: Input should be a valid date or datetime, input is too "
         "short"},
        {"\"2026-00-10\"",
         "date_from_datetime_parsing: Input should be a valid date or datetime, month value is "
         "outside expected range of 1-12"},
        {"\"2026-01-00\"",
         "date_from_datetime_parsing: Input should be a valid date or datetime, day value is "
         "outside expected range"},
        {"\"2026-02-29\"",
         "date_from_datetime_parsing: Input should be a valid date or datetime, day value is "
         "outside expected range"},
        {"\"0000-01-01\"",
         "date_parsing: Input should be a valid date in the format YYYY-MM-DD, year 0 is out of "
         "range"},
        {"\"0001-01-01\"", "\"0001-01-01\""},
        {"\"9999-12-31T23:59:59.999999\"",
         "date_from_datetime_inexact: Datetimes provided to dates should have zero time - e.g. be "
         "exact dates"},
        {"\"10000-01-01\"",
         "date_from_datetime_parsing: Input should be a valid date or datetime, invalid date "
         "separator, expected `-`"},
        {"\"x026-11-26\"",
         "date_from_datetime_parsing: Input should be a valid date or datetime, invalid character "
         "in year"},
        {"\"2026-x1-26\"",
         "date_from_datetime_parsing: Input should be a valid date or datetime, invalid character "
         "in month"},
        {"\"2026-11-x6\"",
         "date_from_datetime_parsing: Input should be a valid date or datetime, invalid character "
         "in day"},
        {"\"\"",
         "date_from_datetime_parsing: Input should be a valid date or datetime, input is too "
         "short"},
        {"\"abc\"",
         "date_from_datetime_parsing: Input should be a valid date or datetime, input is too "
         "short"},
        {"\"12\"",
         "date_from_datetime_inexact: Datetimes provided to dates should have zero time - e.g. be "
         "exact dates"},
        {"\"-12\"",
         "date_from_datetime_inexact: Datetimes provided to dates should have zero time - e.g. be "
         "exact dates"},
        {"\"1e3\"",
         "date_from_datetime_parsing: Input should be a valid date or datetime, input is too "
         "short"},
        {"\"1.5\"",
         "date_from_datetime_inexact: Datetimes provided to dates should have zero time - e.g. be "
         "exact dates"},
        {"\"1.5555555\"",
         "date_from_datetime_inexact: Datetimes provided to dates should have zero time - e.g. be "
         "exact dates"},
        {"\"20000000000\"",
         "date_from_datetime_inexact: Datetimes provided to dates should have zero time - e.g. be "
         "exact dates"},
        {"\"20000000001\"",
         "date_from_datetime_inexact: Datetimes provided to dates should have zero time - e.g. be "
         "exact dates"},
        {"\"2e10\"",
         "date_from_datetime_parsing: Input should be a valid date or datetime, input is too "
         "short"},
        {"\"253402300799\"",
         "date_from_datetime_inexact: Datetimes provided to dates should have zero time - e.g. be "
         "exact dates"},
        {"\"253402300800\"",
         "date_from_datetime_inexact: Datetimes provided to dates should have zero time - e.g. be "
         "exact dates"},
        {"\"253402300799000\"",
         "date_from_datetime_inexact: Datetimes provided to dates should have zero time - e.g. be "
         "exact dates"},
        {"\"253402300800000\"",
         "date_from_datetime_parsing: Input should be a valid date or datetime, dates after 9999 "
         "are not supported as unix timestamps"},
        {"\"-11676096000\"", "\"1600-01-01\""},
        {"\"-11676096001\"",
         "date_from_datetime_inexact: Datetimes provided to dates should have zero time - e.g. be "
         "exact dates"},
        {"\"99999999999999999999\"",
         "date_from_datetime_parsing: Input should be a valid date or datetime, invalid date "
         "separator, expected `-`"},
        {"\"nan\"",
         "date_from_datetime_parsing: Input should be a valid date or datetime, input is too "
         "short"},
        {"\"inf\"",
         "date_from_datetime_parsing: Input should be a valid date or datetime, input is too "
         "short"},
        {"\"+5\"",
         "date_from_datetime_inexact: Datetimes provided to dates should have zero time - e.g. be "
         "exact dates"},
        {"\"0\"", "\"1970-01-01\""},
        {"\"00\"", "\"1970-01-01\""},
        {"\"1_0\"",
         "date_from_datetime_parsing: Input should be a valid date or datetime, input is too "
         "short"},
        {"\"2026-11-26T08:30:00.123Z\"",
         "date_from_datetime_inexact: Datetimes provided to dates should have zero time - e.g. be "
         "exact dates"},
        {"\"2026-11-26T08:30:00+02:00:00\"",
         "date_from_datetime_parsing: Input should be a valid date or datetime, unexpected extra "
         "characters at the end of the input"},
        {"0", "\"1970-01-01\""},
        {"86400", "\"1970-01-02\""},
        {"86401",
         "date_from_datetime_inexact: Datetimes provided to dates should have zero time - e.g. be "
         "exact dates"},
        {"1.5",
         "date_from_datetime_inexact: Datetimes provided to dates should have zero time - e.g. be "
         "exact dates"},
        {"20000000000",
         "date_from_datetime_inexact: Datetimes provided to dates should have zero time - e.g. be "
         "exact dates"},
        {"1576800000000", "\"2019-12-20\""},
        {"100000000000000000000",
         "date_from_datetime_parsing: Input should be a valid date or datetime, dates after 9999 "
         "are not supported as unix timestamps"},
        {"true", "date_type: Input should be a valid date"},
        {"null", "date_type: Input should be a valid date"},
        {"[]", "date_type: Input should be a valid date"},
    });
}

TEST(Scalars, read_durations) {
    expect<std::chrono::microseconds>({
        {"\"P1D\"", "\"P1D\""},
        {"\"P1DT\"", "\"P1D\""},
        {"\"PT\"", "time_delta_parsing: Input should be a valid timedelta, input is too short"},
        {"\"P\"", "time_delta_parsing: Input should be a valid timedelta, input is too short"},
        {"\"\"", "time_delta_parsing: Input should be a valid timedelta, input is too short"},
        {"\"p1d\"",
         "time_delta_parsing: Input should be a valid timedelta, invalid digit in duration"},
        {"\"pt1s\"",
         "time_delta_parsing: Input should be a valid timedelta, invalid digit in duration"},
        {"\"+P1D\"", "\"P1D\""},
        {"\"-P1D\"", "\"-P1D\""},
        {"\"- P1D\"",
         "time_delta_parsing: Input should be a valid timedelta, invalid digit in duration"},
        {"\"P1Y\"", "\"P1Y\""},
        {"\"P1Y2M\"", "\"P1Y60D\""},
        {"\"P1M\"", "\"P30D\""},
        {"\"P1W\"", "\"P7D\""},
        {"\"P1W1D\"", "\"P8D\""},
        {"\"P1.5D\"", "\"P1DT12H\""},
        {"\"P0.5W\"", "\"P3DT12H\""},
        {"\"PT1.5H\"", "\"PT1H30M\""},
        {"\"PT1H30M\"", "\"PT1H30M\""},
        {"\"PT1M\"", "\"PT1M\""},
        {"\"PT0.0000001S\"", "\"PT0S\""},
        {"\"PT0.123456789S\"", "\"PT0.123457S\""},
        {"\"PT1,5S\"", "\"PT1.5S\""},
        {"\"PT1S1M\"", "\"PT1M1S\""},
        {"\"P1D1D\"", "\"P2D\""},
        {"\"P1H\"",
         "time_delta_parsing: Input should be a valid timedelta, quantity invalid in date part of "
         "duration"},
        {"\"PT1D\"",
         "time_delta_parsing: Input should be a valid timedelta, quantity invalid in time part of "
         "duration"},
        {"\"P1X\"",
         "time_delta_parsing: Input should be a valid timedelta, quantity invalid in date part of "
         "duration"},
        {"\"PTS\"",
         "time_delta_parsing: Input should be a valid timedelta, invalid digit in duration"},
        {"\"P1\"",
         "time_delta_parsing: Input should be a valid timedelta, quantity invalid in date part of "
         "duration"},
        {"\"P-1D\"",
         "time_delta_parsing: Input should be a valid timedelta, invalid digit in duration"},
        {"\"1 day\"", "\"P1D\""},
        {"\"1 days\"", "\"P1D\""},
        {"\"1 d\"", "\"P1D\""},
        {"\"1 D\"", "\"P1D\""},
        {"\"1d\"", "\"P1D\""},
        {"\"2 days 03:04:05\"", "\"P2DT3H4M5S\""},
        {"\"2 days, 03:04:05\"", "\"P2DT3H4M5S\""},
        {"\"1day\"", "\"P1D\""},
        {"\"1 day 1:02:03\"", "\"P1DT1H2M3S\""},
        {"\"1 day 25:00:00\"",
         "time_delta_parsing: Input should be a valid timedelta, durations may not exceed "
         "999,999,999 hours"},
        {"\"00:00:01\"", "\"PT1S\""},
        {"\"0:00:01\"", "\"PT1S\""},
        {"\"1:2:3\"",
         "time_delta_parsing: Input should be a valid timedelta, invalid character in minute"},
        {"\"01:02\"", "\"PT1H2M\""},
        {"\"01:02:03.5\"", "\"PT1H2M3.5S\""},
        {"\"-01:02:03\"", "\"-PT1H2M3S\""},
        {"\"+01:02\"", "\"PT1H2M\""},
        {"\"24:00:00\"", "\"P1D\""},
        {"\"25:00\"", "\"P1DT1H\""},
        {"\"99:00:00\"", "\"P4DT3H\""},
        {"\"01:60:00\"",
         "time_delta_parsing: Input should be a valid timedelta, minute value is outside expected "
         "range of 0-59"},
        {"\"01:00:60\"",
         "time_delta_parsing: Input should be a valid timedelta, second value is outside expected "
         "range of 0-59"},
        {"\"90\"",
         "time_delta_parsing: Input should be a valid timedelta, \"day\" identifier in duration "
         "not correctly formatted"},
        {"\"1.5\"",
         "time_delta_parsing: Input should be a valid timedelta, \"day\" identifier in duration "
         "not correctly formatted"},
        {"\"-1\"",
         "time_delta_parsing: Input should be a valid timedelta, \"day\" identifier in duration "
         "not correctly formatted"},
        {"\"1e3\"",
         "time_delta_parsing: Input should be a valid timedelta, \"day\" identifier in duration "
         "not correctly formatted"},
        {"\"abc\"",
         "time_delta_parsing: Input should be a valid timedelta, invalid digit in duration"},
        {"\"P1000000000D\"",
         "time_delta_parsing: Input should be a valid timedelta, durations may not exceed "
         "999,999,999 days"},
        {"\"PT999999999999S\"",
         "time_delta_parsing: Input should be a valid timedelta, a numeric value in the duration "
         "is too large"},
        {"\"1 day -01:00\"",
         "time_delta_parsing: Input should be a valid timedelta, invalid character in hour"},
        {"\"01:02:03Z\"",
         "time_delta_parsing: Input should be a valid timedelta, unexpected extra characters at "
         "the end of the input"},
        {"\" P1D\"",
         "time_delta_parsing: Input should be a valid timedelta, invalid digit in duration"},
        {"\"P1D \"",
         "time_delta_parsing: Input should be a valid timedelta, invalid digit in duration"},
        {"\"PT36H\"", "\"P1DT12H\""},
        {"\"PT3600S\"", "\"PT1H\""},
        {"\"PT86400S\"", "\"P1D\""},
        {"\"P400D\"", "\"P1Y35D\""},
        {"\"P365D\"", "\"P1Y\""},
        {"\"P30D\"", "\"P30D\""},
        {"\"-PT0.5S\"", "\"-PT0.5S\""},
        {"\"P366D\"", "\"P1Y1D\""},
        {"\"P730D\"", "\"P2Y\""},
        {"0", "\"PT0S\""},
        {"1", "\"PT1S\""},
        {"90", "\"PT1M30S\""},
        {"1.5", "\"PT1.5S\""},
        {"-0.5", "\"-PT0.5S\""},
        {"1e-07", "\"PT0S\""},
        {"1.0000001", "\"PT1S\""},
        {"100000000000000.0",
         "time_delta_parsing: Input should be a valid timedelta, durations may not exceed "
         "999,999,999 days"},
        {"86400000000000",
         "time_delta_parsing: Input should be a valid timedelta, durations may not exceed "
         "999,999,999 days"},
        {"true", "\"PT1S\""},
        {"null", "time_delta_type: Input should be a valid timedelta"},
        {"[]", "time_delta_type: Input should be a valid timedelta"},
        {"86399.999999", "\"PT23H59M59.999999S\""},
    });
}

TEST(Scalars, read_email_addresses) {
    expect<Email>({
        {"\"a@example.com\"", "\"a@example.com\""},
        {"\" a@example.com \"", "\"a@example.com\""},
        {"\"A@EXAMPLE.COM\"", "\"A@example.com\""},
        {"\"a@b.c\"", "\"a@b.c\""},
        {"\"a@localhost\"",
         "value_error: value is not a valid email address: The part after the @-sign is not valid. "
         "It should have a period."},
        {"\"a@example.test\"",
         "value_error: value is not a valid email address: The part after the @-sign is a "
         "special-use or reserved name that cannot be used with email."},
        {"\"a@test\"",
         "value_error: value is not a valid email address: The part after the @-sign is not valid. "
         "It should have a period."},
        {"\"a@x.local\"",
         "value_error: value is not a valid email address: The part after the @-sign is a "
         "special-use or reserved name that cannot be used with email."},
        {"\"a@x.invalid\"",
         "value_error: value is not a valid email address: The part after the @-sign is a "
         "special-use or reserved name that cannot be used with email."},
        {"\"a@x.localhost\"",
         "value_error: value is not a valid email address: The part after the @-sign is a "
         "special-use or reserved name that cannot be used with email."},
        {"\"a@x.example\"", "\"a@x.example\""},
        {"\"a@x.onion\"",
         "value_error: value is not a valid email address: The part after the @-sign is a "
         "special-use or reserved name that cannot be used with email."},
        {"\"a@x.arpa\"",
         "value_error: value is not a valid email address: The part after the @-sign is a "
         "special-use or reserved name that cannot be used with email."},
        {"\"a@127.0.0.1\"",
         "value_error: value is not a valid email address: The part after the @-sign is not valid. "
         "It is not within a valid top-level domain."},
        {"\"a@[127.0.0.1]\"",
         "value_error: value is not a valid email address: A bracketed IP address after the @-sign "
         "is not allowed here."},
        {"\"a b@example.com\"",
         "value_error: value is not a valid email address: The email address contains invalid "
         "characters before the @-sign: SPACE."},
        {R"json("\"a b\"@example.com")json",
         "value_error: value is not a valid email address: Quoting the part before the @-sign is "
         "not allowed here."},
        {"\"a@exa_mple.com\"",
         "value_error: value is not a valid email address: The part after the @-sign contains "
         "invalid characters: '_'."},
        {"\"a@-example.com\"",
         "value_error: value is not a valid email address: An email address cannot have a hyphen "
         "immediately after the @-sign."},
        {"\"a@example-.com\"",
         "value_error: value is not a valid email address: An email address cannot have a period "
         "and a hyphen next to each other."},
        {"\"a@example..com\"",
         "value_error: value is not a valid email address: An email address cannot have two "
         "periods in a row."},
        {"\"a@.example.com\"",
         "value_error: value is not a valid email address: An email address cannot have a period "
         "immediately after the @-sign."},
        {"\"a@example.com.\"",
         "value_error: value is not a valid email address: An email address cannot end with a "
         "period."},
        {"\"a.@example.com\"",
         "value_error: value is not a valid email address: An email address cannot have a period "
         "immediately before the @-sign."},
        {"\".a@example.com\"",
         "value_error: value is not a valid email address: An email address cannot start with a "
         "period."},
        {"\"a..b@example.com\"",
         "value_error: value is not a valid email address: An email address cannot have two "
         "periods in a row."},
        {"\"@\"",
         "value_error: value is not a valid email address: There must be something before the "
         "@-sign."},
        {"\"a@\"",
         "value_error: value is not a valid email address: There must be something after the "
         "@-sign."},
        {"\"@b.c\"",
         "value_error: value is not a valid email address: There must be something before the "
         "@-sign."},
        {"\"a\"",
         "value_error: value is not a valid email address: An email address must have an @-sign."},
        {"\"\"",
         "value_error: value is not a valid email address: An email address must have an @-sign."},
        {"\"a@b@c.d\"",
         "value_error: value is not a valid email address: The part after the @-sign contains "
         "invalid characters: '@'."},
        {R"json("ü@example.com")json", R"json("ü@example.com")json"},
        {R"json("a@bücher.de")json", R"json("a@bücher.de")json"},
        {"\"Ada <a@example.com>\"", "\"a@example.com\""},
        {"\"<a@example.com>\"", "\"a@example.com\""},
        {"\"Ada a@example.com\"",
         "value_error: value is not a valid email address: The email address contains invalid "
         "characters before the @-sign: SPACE."},
        {"\"a@example.com>\"",
         "value_error: value is not a valid email address: The part after the @-sign contains "
         "invalid characters: '>'."},
        {"\"a!#$%&'*+/=?^_`{|}~-@example.com\"", "\"a!#$%&'*+/=?^_`{|}~-@example.com\""},
        {"\"a(c)@example.com\"",
         "value_error: value is not a valid email address: The email address contains invalid "
         "characters before the @-sign: '(', ')'."},
        {"\"a,b@example.com\"",
         "value_error: value is not a valid email address: The email address contains invalid "
         "characters before the @-sign: ','."},
        {"\"a@exam ple.com\"",
         "value_error: value is not a valid email address: The part after the @-sign contains "
         "invalid characters: SPACE."},
        {"\"a@example.c0m\"", "\"a@example.c0m\""},
        {"\"a@example.123\"",
         "value_error: value is not a valid email address: The part after the @-sign is not valid. "
         "It is not within a valid top-level domain."},
        {R"json("a\n@example.com")json",
         "value_error: value is not a valid email address: The email address contains invalid "
         "characters before the @-sign: U+000A."},
        {R"json("a@ex\u0000ample.com")json",
         "value_error: value is not a valid email address: The part after the @-sign contains "
         "invalid characters: U+0000."},
        {R"json("a@example.com\n")json", "\"a@example.com\""},
        {"\"a;b@example.com\"",
         "value_error: value is not a valid email address: The email address contains invalid "
         "characters before the @-sign: ';'."},
        {"\"a@123.com\"", "\"a@123.com\""},
        {"\"a@a--b.com\"", "\"a@a--b.com\""},
        {"\"a@ab--c.com\"",
         "value_error: value is not a valid email address: An email address cannot have two "
         "letters followed by two dashes immediately after the @-sign or after a period, except "
         "Punycode."},
    });
}

TEST(Scalars, read_urls) {
    expect<Url>({
        {"\"http://example.com\"", "\"http://example.com/\""},
        {"\"http://example.com/\"", "\"http://example.com/\""},
        {"\"HTTP://EXAMPLE.com/A\"", "\"http://example.com/A\""},
        {"\"http://example.com:80/\"", "\"http://example.com/\""},
        {"\"https://example.com:443/\"", "\"https://example.com/\""},
        {"\"http://example.com:8080\"", "\"http://example.com:8080/\""},
        {"\"http://example.com:\"", "\"http://example.com/\""},
        {"\"http://example.com?x\"", "\"http://example.com/?x\""},
        {"\"http://example.com#f\"", "\"http://example.com/#f\""},
        {"\"http://example.com/a b\"", "\"http://example.com/a%20b\""},
        {R"json("http://example.com/ü")json", "\"http://example.com/%C3%BC\""},
        {"\"http://example.com/%zz\"", "\"http://example.com/%zz\""},
        {"\"http://example.com/../a/./b/..\"", "\"http://example.com/a/\""},
        {"\"http:example.com\"", "\"http://example.com/\""},
        {"\"http:/example.com\"", "\"http://example.com/\""},
        {"\"http:///example.com\"", "\"http://example.com/\""},
        {R"json("http:\\\\example.com")json", "\"http://example.com/\""},
        {"\"//example.com\"",
         "url_parsing: Input should be a valid URL, relative URL without a base"},
        {"\"example.com\"",
         "url_parsing: Input should be a valid URL, relative URL without a base"},
        {"\"\"", "url_parsing: Input should be a valid URL, input is empty"},
        {"\"http://\"", "url_parsing: Input should be a valid URL, empty host"},
        {"\"http://?\"", "url_parsing: Input should be a valid URL, empty host"},
        {"\"http:// \"", "url_parsing: Input should be a valid URL, empty host"},
        {"\"http://a b\"",
         "url_parsing: Input should be a valid URL, invalid international domain name"},
        {"\"http://exa%20mple.com\"",
         "url_parsing: Input should be a valid URL, invalid international domain name"},
        {"\"http://[::1]\"", "\"http://[::1]/\""},
        {"\"http://[::1\"", "url_parsing: Input should be a valid URL, invalid IPv6 address"},
        {"\"http://[g]\"", "url_parsing: Input should be a valid URL, invalid IPv6 address"},
        {"\"http://1.2.3.4\"", "\"http://1.2.3.4/\""},
        {"\"http://256.1.1.1\"", "url_parsing: Input should be a valid URL, invalid IPv4 address"},
        {"\"http://1.2.3\"", "\"http://1.2.0.3/\""},
        {"\"http://0x7f.1\"", "\"http://127.0.0.1/\""},
        {"\"http://user@example.com\"", "\"http://user@example.com/\""},
        {"\"http://user:pass@example.com/\"", "\"http://user:pass@example.com/\""},
        {"\"http://:@example.com\"", "\"http://example.com/\""},
        {"\"http://@example.com\"", "\"http://example.com/\""},
        {"\"ftp://x\"", "url_scheme: URL scheme should be 'http' or 'https'"},
        {"\"javascript:alert(1)\"", "url_scheme: URL scheme should be 'http' or 'https'"},
        {"\"mailto:a@b.c\"", "url_scheme: URL scheme should be 'http' or 'https'"},
        {"\" http://example.com \"", "\"http://example.com/\""},
        {R"json("http://exam\nple.com")json", "\"http://example.com/\""},
        {"\"http://example.com:99999\"",
         "url_parsing: Input should be a valid URL, invalid port number"},
        {"\"http://example.com:x\"",
         "url_parsing: Input should be a valid URL, invalid port number"},
        {"\"http://-a.com\"", "\"http://-a.com/\""},
        {"\"http://a_b.com\"", "\"http://a_b.com/\""},
        {"\"http://a..b\"", "\"http://a..b/\""},
        {"\"http://.\"", "\"http://./\""},
        {"\"http://a.\"", "\"http://a./\""},
        {R"json("http://example.com/?q=ü&r=a b'\"<>")json",
         "\"http://example.com/?q=%C3%BC&r=a%20b%27%22%3C%3E\""},
        {R"json("http://example.com/#ü<>`")json", "\"http://example.com/#%C3%BC%3C%3E%60\""},
        {"1", "url_type: URL input should be a string or URL"},
        {"null", "url_type: URL input should be a string or URL"},
        {"\"1\"", "url_parsing: Input should be a valid URL, relative URL without a base"},
        {"\"http://a^b\"",
         "url_parsing: Input should be a valid URL, invalid international domain name"},
        {"\"http://a|b\"",
         "url_parsing: Input should be a valid URL, invalid international domain name"},
        {"\"http://a<b\"",
         "url_parsing: Input should be a valid URL, invalid international domain name"},
        {"\"http:\"", "url_parsing: Input should be a valid URL, empty host"},
        {"\"http\"", "url_parsing: Input should be a valid URL, relative URL without a base"},
        {"\"://x\"", "url_parsing: Input should be a valid URL, relative URL without a base"},
        {"\"1http://x\"", "url_parsing: Input should be a valid URL, relative URL without a base"},
    });
}

TEST(Scalars, are_texts_of_their_own) {
    EXPECT_EQ(Decimal("00.50").text(), "0.50");
    EXPECT_THROW(Decimal("1e"), std::invalid_argument);
    EXPECT_THROW(Decimal("nan"), std::invalid_argument);
    EXPECT_THROW(Decimal("1e1000001"), std::invalid_argument);
    EXPECT_EQ(Decimal().text(), "0");
    EXPECT_EQ(date_text(std::chrono::year(7) / 1 / 2), "0007-01-02");
    EXPECT_EQ(duration_text(std::chrono::microseconds(-1)), "-PT0.000001S");
    EXPECT_EQ(duration_text(std::chrono::hours(24 * 365 + 25)), "P1Y1DT1H");
    EXPECT_EQ(Uuid{}.text(), "00000000-0000-0000-0000-000000000000");
    DateTime time;
    EXPECT_EQ(time.text(), "1970-01-01T00:00:00");
    time.offset = std::chrono::minutes(-90);
    EXPECT_EQ(time.text(), "1969-12-31T22:30:00-01:30");
}

}  // namespace
}  // namespace signalbox::model
