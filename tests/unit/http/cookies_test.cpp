#include "signalbox/http/cookies.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace signalbox::http {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using namespace std::string_view_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

using Pairs = std::vector<std::pair<std::string, std::string>>;

/// The cookies of a request with these Cookie headers.
Pairs cookies_of(const std::vector<std::string_view>& headers) {
    Request request;
    request.headers.push_back({"X-Cookie", "other=1"});
    for (const std::string_view value : headers)
        request.headers.push_back({"cOOKIE", value});
    Pairs pairs;
    for_each_cookie(request, [&pairs](std::string_view name, std::string_view value) {
        pairs.emplace_back(name, value);
    });
    return pairs;
}

// What is expected of reading is what Starlette's cookie_parser makes of it.

TEST(Cookies, are_all_in_their_order) {
    EXPECT_THAT(cookies_of({}), IsEmpty());
    EXPECT_THAT(cookies_of({"b=1; a=2; b=3"}),
                ElementsAre(Pair("b", "1"), Pair("a", "2"), Pair("b", "3")));
    EXPECT_THAT(cookies_of({"a=1; b=2", "", "c=3"}),
                ElementsAre(Pair("a", "1"), Pair("b", "2"), Pair("c", "3")));
}

TEST(Cookies, are_read_whatever_a_client_sends) {
    EXPECT_THAT(cookies_of({"a=1;b=2;;  ; c = 3 ;\td\t=\t4"}),
                ElementsAre(Pair("a", "1"), Pair("b", "2"), Pair("c", "3"), Pair("d", "4")));
    EXPECT_THAT(
        cookies_of({"alone; =value; name=; =; a=b=c"}),
        ElementsAre(Pair("", "alone"), Pair("", "value"), Pair("name", ""), Pair("a", "b=c")));
    EXPECT_THAT(
        cookies_of({"a, b=c,d; [x]=(y); $Path=/; A=1"}),
        ElementsAre(Pair("a, b", "c,d"), Pair("[x]", "(y)"), Pair("$Path", "/"), Pair("A", "1")));
    EXPECT_THAT(cookies_of({"a=\xc3\xa9; \xff=\x80"sv}),
                ElementsAre(Pair("a", "\u00e9"), Pair("\xff", "\x80")));
    EXPECT_THAT(cookies_of({"a=%20+"}), ElementsAre(Pair("a", "%20+"))) << "not percent-decoded";
}

TEST(Cookies, are_unquoted) {
    EXPECT_THAT(cookies_of({R"(a="b c"; d=""; e="; f="g)"}),
                ElementsAre(Pair("a", "b c"), Pair("d", ""), Pair("e", "\""), Pair("f", "\"g")));
    EXPECT_THAT(cookies_of({R"(a="x\"y\\z"; b="\073\054\303\251"; c=\073)"}),
                ElementsAre(Pair("a", R"(x"y\z)"), Pair("b", ";,\u00e9"), Pair("c", R"(\073)")));
    EXPECT_THAT(cookies_of({R"(a="\400\38\0"; b="\"; c="\a\\073")"}),
                ElementsAre(Pair("a", "400380"), Pair("b", "\\"), Pair("c", R"(a\073)")));
    EXPECT_THAT(cookies_of({R"(a="b;c")"}), ElementsAre(Pair("a", "\"b"), Pair("", "c\"")))
        << "a semicolon ends it, in quotes, too";
}

TEST(Cookies, are_views_into_the_request_where_nothing_is_escaped) {
    const std::string header = R"(name=a-value-longer-than-a-short-string; q="x y"; e="\"")";
    Request request;
    request.headers.push_back({"Cookie", header});
    CookieReader reader(request);
    ASSERT_TRUE(reader.next());
    EXPECT_EQ(reader.name().data(), header.data());
    EXPECT_EQ(reader.value().data(), header.data() + 5);
    ASSERT_TRUE(reader.next());
    EXPECT_EQ(reader.value().data(), header.data() + header.find("x y"));
    ASSERT_TRUE(reader.next());
    EXPECT_EQ(reader.value(), "\"");
    EXPECT_EQ(reader.value(), "\"") << "as often as it is asked for";
    EXPECT_FALSE(reader.next());
    EXPECT_FALSE(reader.next());
}

TEST(Cookies, of_a_hostile_client_are_read_in_one_pass) {
    const std::string separators(1'000'000, ';');
    EXPECT_THAT(cookies_of({separators + "a=b"}), ElementsAre(Pair("a", "b")));
    const std::string backslashes(1'000'000, '\\');
    EXPECT_THAT(cookies_of({"a=\"" + backslashes + "\""}),
                ElementsAre(Pair("a", backslashes.substr(500'000))));
}

TEST(Cookie, is_the_last_of_its_name) {
    Request request;
    request.headers.push_back({"Cookie", "a=1; b=\"2\\073\"; A=3; a=4"});
    request.headers.push_back({"Cookie", "b=5"});
    EXPECT_EQ(request.cookie("a"), "4");
    EXPECT_EQ(request.cookie("b"), "5");
    EXPECT_EQ(request.cookie("A"), "3");
    EXPECT_EQ(request.cookie("c"), std::nullopt);
    EXPECT_EQ(request.cookie(""), std::nullopt);
}

constexpr std::chrono::system_clock::time_point january_2037 =
    std::chrono::sys_days(std::chrono::year(2037) / 1 / 22) + 12h + 10s;

// What is expected of writing is what Starlette's set_cookie makes of it.

TEST(SetCookie, has_starlettes_defaults) {
    EXPECT_EQ(set_cookie("session", "abc"), "session=abc; Path=/; SameSite=lax");
    EXPECT_EQ(set_cookie("session", ""), "session=\"\"; Path=/; SameSite=lax");
}

TEST(SetCookie, has_each_attribute) {
    EXPECT_EQ(set_cookie("mykey", "myvalue",
                         {.max_age = 10s,
                          .expires = january_2037,
                          .path = "/app",
                          .domain = "localhost",
                          .secure = true,
                          .httponly = true,
                          .samesite = SameSite::none}),
              "mykey=myvalue; Domain=localhost; expires=Thu, 22 Jan 2037 12:00:10 GMT; HttpOnly; "
              "Max-Age=10; Path=/app; SameSite=none; Secure");
    EXPECT_EQ(set_cookie("a", "b", {.path = "", .samesite = std::nullopt}), "a=b");
    EXPECT_EQ(set_cookie("a", "b", {.max_age = 0s, .path = "", .samesite = SameSite::strict}),
              "a=b; Max-Age=0; SameSite=strict");
    EXPECT_EQ(set_cookie("a", "b", {.max_age = -1s, .path = "", .samesite = std::nullopt}),
              "a=b; Max-Age=-1");
    // The second that is not over.
    EXPECT_EQ(set_cookie("a", "b",
                         {.expires = std::chrono::system_clock::time_point(-1ms),
                          .path = "",
                          .samesite = std::nullopt}),
              "a=b; expires=Wed, 31 Dec 1969 23:59:59 GMT");
}

TEST(SetCookie, quotes_a_value_that_cannot_stand_as_it_is) {
    const auto written = [](std::string_view value) {
        return set_cookie("a", value, {.path = "", .samesite = std::nullopt});
    };
    EXPECT_EQ(written("Az09!#$%&'*+-.^_`|~:"), "a=Az09!#$%&'*+-.^_`|~:");
    EXPECT_EQ(written("b c"), R"(a="b c")");
    EXPECT_EQ(written(" ()/<=>?@[]{}"), R"(a=" ()/<=>?@[]{}")");
    EXPECT_EQ(written(R"(x"y\z)"), R"(a="x\"y\\z")");
    EXPECT_EQ(written("a;b,c"), R"(a="a\073b\054c")");
    EXPECT_EQ(written("; HttpOnly"), R"(a="\073 HttpOnly")");
    EXPECT_EQ(written("\u00e9"), R"(a="\303\251")");
}

TEST(SetCookie, is_read_back) {
    std::string value;
    for (int c = 0x20; c < 0x100; ++c) {
        if (c != 0x7f) value += static_cast<char>(c);
    }
    const std::string written = set_cookie("a", value, {.path = "", .samesite = std::nullopt});
    EXPECT_THAT(cookies_of({written}), ElementsAre(Pair("a", value)));
}

TEST(SetCookie, refuses_what_would_be_another_cookie_or_another_header) {
    for (const std::string_view name :
         {"", "a b", "a=b", "a;b", "a,b", "\"a\"", "a\r\nX: y", "\u00e9", "a\tb", "path", "Expires",
          "HttpOnly", "Max-Age", "SAMESITE", "domain", "secure", "version", "comment"}) {
        EXPECT_THROW(set_cookie(name, "b"), std::invalid_argument) << name;
    }
    EXPECT_THROW(set_cookie("a\0b"sv, "b"), std::invalid_argument);
    for (const std::string_view value : {"\r\n", "a\tb", "\x1b", "\x7f"}) {
        EXPECT_THROW(set_cookie("a", value), std::invalid_argument);
        EXPECT_THROW(set_cookie("a", "b", {.path = std::string(value)}), std::invalid_argument);
        EXPECT_THROW(set_cookie("a", "b", {.domain = std::string(value)}), std::invalid_argument);
    }
    EXPECT_THROW(set_cookie("a", "\0"sv), std::invalid_argument);
    EXPECT_THROW(set_cookie("a", "b", {.path = "/; Secure"}), std::invalid_argument);
    EXPECT_THROW(set_cookie("a", "b", {.domain = "b.example;"}), std::invalid_argument);
    EXPECT_THROW(set_cookie("a", "b", {.path = "/\u00e9"}), std::invalid_argument);
}

}  // namespace
}  // namespace signalbox::http
