#include "signalbox/http/response.hpp"

#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace signalbox::http {
namespace {

using namespace std::string_view_literals;

TEST(JsonObject, has_each_type_of_value) {
    const Response response = json({{"text", "This was quick!"},
                                    {"whole", std::int64_t{-9223372036854775807 - 1}},
                                    {"yes", true},
                                    {"no", false},
                                    {"nothing", nullptr}});
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.content_type, "") << "which is application/json";
    EXPECT_EQ(response.body.view(), R"({"text":"This was quick!","whole":-9223372036854775808,)"
                                    R"("yes":true,"no":false,"nothing":null})");
    EXPECT_EQ(json({}).body.view(), "{}");
    EXPECT_EQ(json({}, 201).status, 201);
}

TEST(JsonObject, reads_back_the_same_numbers) {
    for (const double number : {0.0, -1.5, 0.1, 1e300, 5e-324, 12345678901234.5}) {
        const Response response = json({{"number", number}});
        rapidjson::Document document;
        const auto text = response.body.view();
        document.Parse<rapidjson::kParseFullPrecisionFlag>(text.data(), text.size());
        ASSERT_FALSE(document.HasParseError()) << text;
        EXPECT_EQ(document["number"].GetDouble(), number);
    }
}

TEST(JsonObject, is_valid_json_whatever_the_values) {
    const double no_numbers[] = {std::numeric_limits<double>::infinity(),
                                 -std::numeric_limits<double>::infinity(),
                                 std::numeric_limits<double>::quiet_NaN()};
    for (const double number : no_numbers) {
        EXPECT_EQ(json({{"number", number}, {"next", true}}).body.view(),
                  R"({"number":null,"next":true})");
    }
    // A handler may put in what a client sent, such as a percent-decoded path.
    EXPECT_EQ(json({{"path", "/\xff\"\n\0"sv}}).body.view(),
              "{\"path\":\"/\xEF\xBF\xBD\\\"\\n\\u0000\"}");
    EXPECT_EQ(json({{"\xff\"", true}}).body.view(), "{\"\xEF\xBF\xBD\\\"\":true}");
}

TEST(JsonText, is_sent_from_where_it_is) {
    const JsonText text("[1]");
    const Response response = json(text);
    EXPECT_EQ(response.body.view().data(), text.text().data());
}

TEST(Body, is_its_own_text_or_the_shared_one) {
    EXPECT_EQ(Body().view(), "");
    EXPECT_EQ(Body(std::string("own")).view(), "own");
    EXPECT_EQ(Body(JsonText("shared")).view(), "shared");
    EXPECT_EQ(Body(std::string()).view(), "");
}

TEST(Error, says_the_standard_phrase_as_fastapi_does) {
    EXPECT_EQ(error(404).body.view(), R"({"detail":"Not Found"})");
    EXPECT_EQ(error(404).status, 404);
    EXPECT_EQ(error(413).body.view(), R"({"detail":"Request Entity Too Large"})");
}

TEST(Redirect, is_starlettes) {
    const auto location = [](std::string_view to) {
        const Response response = redirect(to);
        EXPECT_EQ(response.status, 307);
        EXPECT_EQ(response.body.view(), "");
        EXPECT_EQ(response.headers.size(), 1U);
        EXPECT_EQ(response.headers.at(0).first, "Location");
        return response.headers.at(0).second;
    };
    EXPECT_EQ(location("/users/1?a=b&c=%20#d"), "/users/1?a=b&c=%20#d");
    EXPECT_EQ(location("https://user@[::1]:80/!$&'()*+,;=-._~"),
              "https://user@[::1]:80/!$&'()*+,;=-._~");
    EXPECT_EQ(location("/caf\u00e9 \"<>\\^`{|}"), "/caf%C3%A9%20%22%3C%3E%5C%5E%60%7B%7C%7D");
    EXPECT_EQ(location("/a\r\nX-Evil: 1"), "/a%0D%0AX-Evil:%201");
    EXPECT_EQ(location("/\0\xff\x7f"sv), "/%00%FF%7F");
    EXPECT_EQ(location(""), "");
    EXPECT_EQ(redirect("/", 303).status, 303);
}

TEST(ReasonPhrase, is_pythons) {
    // All of http.HTTPStatus.
    const std::pair<int, std::string_view> phrases[] = {
        {100, "Continue"},
        {101, "Switching Protocols"},
        {102, "Processing"},
        {103, "Early Hints"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {203, "Non-Authoritative Information"},
        {204, "No Content"},
        {205, "Reset Content"},
        {206, "Partial Content"},
        {207, "Multi-Status"},
        {208, "Already Reported"},
        {226, "IM Used"},
        {300, "Multiple Choices"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {305, "Use Proxy"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {402, "Payment Required"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {407, "Proxy Authentication Required"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Request Entity Too Large"},
        {414, "Request-URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Requested Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {418, "I'm a Teapot"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Entity"},
        {423, "Locked"},
        {424, "Failed Dependency"},
        {425, "Too Early"},
        {426, "Upgrade Required"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {451, "Unavailable For Legal Reasons"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {506, "Variant Also Negotiates"},
        {507, "Insufficient Storage"},
        {508, "Loop Detected"},
        {510, "Not Extended"},
        {511, "Network Authentication Required"},
    };
    for (const auto& [status, phrase] : phrases)
        EXPECT_EQ(reason_phrase(status), phrase) << status;
    EXPECT_EQ(reason_phrase(499), "Error");
    EXPECT_EQ(reason_phrase(299), "OK");
}

}  // namespace
}  // namespace signalbox::http
