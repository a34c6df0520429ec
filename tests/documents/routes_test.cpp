// README.md, "Add an endpoint", and docs/endpoints.md: what it says that its routes answer.
#include <gtest/gtest.h>

#include "signalbox/application.hpp"
#include "signalbox/testing/client.hpp"
#include "signalbox/testing/database.hpp"

namespace signalbox {

void documented(Application& app);  // routes.cpp

namespace {

class DocumentedRoutes : public testing::Test {
  protected:
    DocumentedRoutes() : client_((documented(app_), app_), database_) {}

    Application app_{{.name = "documented"}};
    test::Database database_{MIGRATIONS};
    test::Client client_;
};

TEST_F(DocumentedRoutes, greet_by_the_query) {
    const auto french = client_.get("/greeting?name=Ada&language=french");
    ASSERT_EQ(french.status, 200) << french;
    EXPECT_EQ(french.json()["message"], "Bonjour, Ada!");
    EXPECT_EQ(client_.get("/greeting").json()["message"], "Hello, world!");

    const auto unknown = client_.get("/greeting?language=latin");
    ASSERT_EQ(unknown.status, 422) << unknown;
    EXPECT_EQ(unknown.json()["detail"][0]["loc"][1], "language");
}

TEST_F(DocumentedRoutes, greet_whose_token_it_is) {
    const auto greeted = client_.get("/me/greeting", {{"Authorization", "Bearer secret"}});
    ASSERT_EQ(greeted.status, 200) << greeted;
    EXPECT_EQ(greeted.json()["message"], "Hello, Ada!");
    EXPECT_EQ(greeted.header("Cache-Control"), "no-store");

    EXPECT_EQ(client_.get("/me/greeting").status, 403);
    const auto other = client_.get("/me/greeting", {{"Authorization", "Bearer other"}});
    EXPECT_EQ(other.status, 401);
    EXPECT_EQ(other.header("WWW-Authenticate"), "Bearer");
}

TEST_F(DocumentedRoutes, refuse_a_user_whose_email_exists) {
    constexpr auto ada = R"({"name": "Ada", "email": "ada@example.com"})";
    ASSERT_EQ(client_.post("/users", ada).status, 201);
    EXPECT_EQ(client_.post("/users", ada).status, 409);
}

}  // namespace
}  // namespace signalbox
