#include "signalbox/http/query.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace signalbox::http {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

using Pairs = std::vector<std::pair<std::string, std::string>>;

const std::string replaced = "\xEF\xBF\xBD";

Pairs pairs_of(std::string_view query) {
    Pairs pairs;
    for_each_query_parameter(query, [&pairs](std::string_view name, std::string_view value) {
        pairs.emplace_back(name, value);
    });
    return pairs;
}

// What is expected here is what Python's parse_qsl(query, keep_blank_values=True) returns.

TEST(QueryParameters, are_all_in_their_order) {
    EXPECT_THAT(pairs_of("b=1&a=2&b=3&B=4"),
                ElementsAre(Pair("b", "1"), Pair("a", "2"), Pair("b", "3"), Pair("B", "4")));
}

TEST(QueryParameters, may_be_blank) {
    EXPECT_THAT(pairs_of(""), IsEmpty());
    EXPECT_THAT(pairs_of("&"), IsEmpty());
    EXPECT_THAT(pairs_of("&&&"), IsEmpty());
    EXPECT_THAT(pairs_of("a&b=&=&=c&&d==&"), ElementsAre(Pair("a", ""), Pair("b", ""), Pair("", ""),
                                                         Pair("", "c"), Pair("d", "=")));
}

TEST(QueryParameters, are_separated_by_nothing_else) {
    EXPECT_THAT(pairs_of("a=1;b=2?c=3/d"), ElementsAre(Pair("a", "1;b=2?c=3/d")));
    EXPECT_THAT(pairs_of("a%26b=c%3Dd%26e"), ElementsAre(Pair("a&b", "c=d&e")));
    EXPECT_THAT(pairs_of("a%3D=b"), ElementsAre(Pair("a=", "b")));
}

TEST(QueryParameters, are_decoded_as_forms_encode_them) {
    EXPECT_THAT(pairs_of("a+b=c+d%2Be%20f"), ElementsAre(Pair("a b", "c d+e f")));
    EXPECT_THAT(pairs_of("%C3%a9=%e2%82%AC"), ElementsAre(Pair("\u00e9", "\u20ac")));
    EXPECT_THAT(pairs_of("a=%2541"), ElementsAre(Pair("a", "%41"))) << "once";
}

TEST(QueryParameters, keep_what_is_no_escape) {
    EXPECT_THAT(pairs_of("a=%zz&b=%4&c=%&%=d&e=%%41&f=%+1&g=1%2"),
                ElementsAre(Pair("a", "%zz"), Pair("b", "%4"), Pair("c", "%"), Pair("%", "d"),
                            Pair("e", "%A"), Pair("f", "% 1"), Pair("g", "1%2")));
    // An escape does not reach beyond its name or value.
    EXPECT_THAT(pairs_of("a%4=1&b=%4&1=2"),
                ElementsAre(Pair("a%4", "1"), Pair("b", "%4"), Pair("1", "2")));
}

TEST(QueryParameters, are_utf8_whatever_was_sent) {
    EXPECT_THAT(pairs_of("a=%ff&%c3=b&c=%C3%28&d=%F0%9F%92&e=%00"),
                ElementsAre(Pair("a", replaced), Pair(replaced, "b"), Pair("c", replaced + "("),
                            Pair("d", replaced), Pair("e", "\0"s)));
    EXPECT_THAT(pairs_of("a=%ed%a0%80"), ElementsAre(Pair("a", replaced + replaced + replaced)));
    EXPECT_THAT(pairs_of("\xff=\xc3\xa9"sv), ElementsAre(Pair(replaced, "\u00e9")))
        << "not escaped, though no request has that";
}

TEST(QueryParameters, are_views_into_the_query_where_nothing_is_to_be_decoded) {
    const std::string query = "name=a-value-that-is-longer-than-a-short-string&x=%41";
    QueryReader reader(query);
    ASSERT_TRUE(reader.next());
    EXPECT_EQ(reader.name().data(), query.data());
    EXPECT_EQ(reader.value().data(), query.data() + 5);
    ASSERT_TRUE(reader.next());
    EXPECT_EQ(reader.value(), "A");
    EXPECT_EQ(reader.value(), "A") << "as often as it is asked for";
    EXPECT_FALSE(reader.next());
    EXPECT_FALSE(reader.next());
}

TEST(QueryParameters, of_a_hostile_query_are_read_in_one_pass) {
    const std::string separators(1'000'000, '&');
    EXPECT_THAT(pairs_of(separators + "a=b"), ElementsAre(Pair("a", "b")));
    const std::string equals(1'000'000, '=');
    EXPECT_THAT(pairs_of(equals), ElementsAre(Pair("", equals.substr(1))));
    const std::string percents(1'000'000, '%');
    EXPECT_THAT(pairs_of("a=" + percents), ElementsAre(Pair("a", percents)));
    std::string many;
    for (int i = 0; i < 100'000; ++i)
        many += "%61=%62&";
    EXPECT_EQ(pairs_of(many).size(), 100'000U);
}

TEST(QueryParameter, is_found_by_its_whole_decoded_name) {
    EXPECT_EQ(find_query_parameter("a=1&b=2", "b"), "2");
    EXPECT_EQ(find_query_parameter("ab=1&b=2", "b"), "2");
    EXPECT_EQ(find_query_parameter("%62=2", "b"), "2");
    EXPECT_EQ(find_query_parameter("a+b=2", "a b"), "2");
    EXPECT_EQ(find_query_parameter("a=1", "A"), std::nullopt);
    EXPECT_EQ(find_query_parameter("", "a"), std::nullopt);
    EXPECT_EQ(find_query_parameter("&&", "a"), std::nullopt);
    EXPECT_EQ(find_query_parameter("&&a=1&&", ""), std::nullopt);
    EXPECT_EQ(find_query_parameter("&&=1", ""), "1");
}

TEST(QueryParameter, has_its_first_value_decoded) {
    EXPECT_EQ(find_query_parameter("a=1&a=2", "a"), "1");
    EXPECT_EQ(find_query_parameter("a=x+y%2Bz%26", "a"), "x y+z&");
    EXPECT_EQ(find_query_parameter("a=b=c", "a"), "b=c");
    EXPECT_EQ(find_query_parameter("a=", "a"), "");
    EXPECT_EQ(find_query_parameter("a", "a"), "");
    EXPECT_EQ(find_query_parameter("&a=1&", "a"), "1");
}

TEST(QueryParameter, with_a_bad_escape_has_it_as_it_is) {
    EXPECT_EQ(find_query_parameter("a=%zz&a=2", "a"), "%zz");
    EXPECT_EQ(find_query_parameter("%zz=1&a=2", "%zz"), "1");
    EXPECT_EQ(find_query_parameter("a=%00", "a"), "\0"s);
}

}  // namespace
}  // namespace signalbox::http
