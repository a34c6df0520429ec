// docs/endpoints.md, "One that uses the database": its test.
#include "app/user.hpp"

#include <gtest/gtest.h>

#include "signalbox/api/module.hpp"
#include "signalbox/testing/client.hpp"
#include "signalbox/testing/database.hpp"

namespace signalbox::app {
namespace {

// [snippet: test]
TEST(CreateUser, makes_one_that_is_found) {
    api::Module module;
    module.get<get_user>("/users/{id}").post<create_user>("/users", {.status = 201});
    test::Database database(MIGRATIONS);
    test::Client client(module, database);

    const auto made = client.post("/users", R"({"name": "Ada", "email": "ada@example.com"})");
    ASSERT_EQ(made.status, 201) << made;
    EXPECT_EQ(client.get("/users/1").body, made.body);
    EXPECT_EQ(client.post("/users", R"({"name": "", "email": "ada"})").status, 422);
    EXPECT_EQ(client.get("/users/999").status, 404);
    EXPECT_EQ(client.get("/users/abc").status, 422);
}
// [/snippet]

}  // namespace
}  // namespace signalbox::app
