#include "app/users.hpp"

#include <gtest/gtest.h>

#include "signalbox/testing/client.hpp"
#include "signalbox/testing/database.hpp"

namespace signalbox::app {
namespace {

// [snippet: database]
class Users : public testing::Test {
  protected:
    Users() : client_(module(), database_) {}

    static api::Module module() {
        api::Module module;
        module.get<get_users>("/users");
        return module;
    }

    test::Database database_{MIGRATIONS};
    test::Client client_;
};

TEST_F(Users, are_those_of_the_table) {
    database_.execute("INSERT INTO users (name, email) VALUES ('Ada', 'ada@example.com')");

    const auto response = client_.get("/users");

    ASSERT_EQ(response.status, 200) << response;
    ASSERT_EQ(response.json().size(), 1);
    EXPECT_EQ(response.json()[0]["name"], "Ada");
}
// [/snippet]

TEST_F(Users, are_an_empty_array_without_any) {
    EXPECT_EQ(client_.get("/users").body, "[]");
}

TEST_F(Users, have_what_a_later_migration_adds) {
    database_.execute("ALTER TABLE users ADD COLUMN nickname text DEFAULT 'x'");
    database_.execute("INSERT INTO users (name, email) VALUES ('Ada', 'ada@example.com')");
    EXPECT_EQ(client_.get("/users").json()[0]["nickname"], "x");
}

}  // namespace
}  // namespace signalbox::app
