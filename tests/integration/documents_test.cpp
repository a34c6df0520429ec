// What the service says of its endpoints: the document and the pages.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <string>

#include "support/http_client.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

rapidjson::Document parsed(const HttpResponse& response) {
    rapidjson::Document document;
    document.Parse(response.body.c_str());
    EXPECT_FALSE(document.HasParseError()) << response.body;
    return document;
}

struct Documents : testing::Test {
    const std::string database = database_with_users(1);
};

TEST_F(Documents, answer_as_fastapis_do) {
    const Service service(database);
    const auto openapi = get(service.url("/openapi.json"));
    EXPECT_EQ(openapi.status, 200);
    EXPECT_EQ(openapi.header("content-type"), "application/json");
    for (const char* path : {"/docs", "/redoc", "/docs/oauth2-redirect"}) {
        const auto page = get(service.url(path));
        EXPECT_EQ(page.status, 200) << path;
        EXPECT_EQ(page.header("content-type"), "text/html; charset=utf-8") << path;
        EXPECT_THAT(page.header("content-security-policy").value_or(""),
                    HasSubstr("default-src 'none'"));
    }
    EXPECT_THAT(get(service.url("/docs")).body,
                HasSubstr("<title>FastAPI's async tutorial - Swagger UI</title>"));
    EXPECT_THAT(get(service.url("/redoc")).body,
                HasSubstr("<title>FastAPI's async tutorial - ReDoc</title>"));
    EXPECT_EQ(send({.url = service.url("/docs"), .method = "POST"}).status, 405);
}

TEST_F(Documents, have_the_endpoints_and_not_themselves) {
    const Service service(database);
    const auto document = parsed(get(service.url("/openapi.json")));
    EXPECT_THAT(document["openapi"].GetString(), MatchesRegex("3\\.1\\..*"));
    EXPECT_STREQ(document["info"]["title"].GetString(), "FastAPI's async tutorial");
    EXPECT_FALSE(document.HasMember("servers"));
    const auto& paths = document["paths"];
    for (const char* path : {"/slow-task", "/fast-task", "/multiple-tasks", "/users"}) {
        ASSERT_TRUE(paths.HasMember(path)) << path;
        EXPECT_TRUE(paths[path].HasMember("get"));
    }
    EXPECT_EQ(paths.MemberCount(), 4U);
}

TEST_F(Documents, know_the_path_below_which_a_proxy_has_the_service) {
    const Service service(database, {"--root-path", "/tutorial"});
    const auto document = parsed(get(service.url("/openapi.json")));
    ASSERT_EQ(document["servers"].Size(), 1U);
    EXPECT_STREQ(document["servers"][0]["url"].GetString(), "/tutorial");
    for (const char* path : {"/docs", "/redoc"})
        EXPECT_THAT(get(service.url(path)).body, HasSubstr("\"/tutorial/openapi.json\""));
}

TEST_F(Documents, load_from_where_they_are_told_to) {
    const Service service(database, {}, {"SIGNALBOX_DOCS_ASSETS_URL=https://assets.example.com/"});
    for (const char* path : {"/docs", "/redoc"}) {
        const auto page = get(service.url(path));
        EXPECT_THAT(page.body, HasSubstr("src=\"https://assets.example.com/")) << path;
        EXPECT_THAT(page.header("content-security-policy").value_or(""),
                    HasSubstr("script-src 'self' https://assets.example.com/"));
    }
}

TEST_F(Documents, are_not_there_when_they_are_off) {
    const Service service(database, {"--docs", "off"});
    for (const char* path :
         {"/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc", "/docs/assets/redoc.js"}) {
        const auto response = get(service.url(path));
        EXPECT_EQ(response.status, 404) << path;
        EXPECT_EQ(response.body, R"({"detail":"Not Found"})");
    }
    EXPECT_EQ(get(service.url("/fast-task")).status, 200);
}

}  // namespace
}  // namespace signalbox::test
