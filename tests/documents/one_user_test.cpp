// README.md, "One that reads from the database": its test. The route is in documented_routes, not
// in the service, so it is compiled and not run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "signalbox/testing/postgres.hpp"
#include "support/http_client.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

using testing::HasSubstr;

struct Routes : testing::Test {
    const std::string database = database_with_users(20);
    const Service service{database};
};

// [snippet: test]
TEST_F(Routes, one_user_is_an_object) {
    EXPECT_THAT(get(service.url("/users/3")).body, HasSubstr(R"("name":"User 3")"));
    EXPECT_EQ(get(service.url("/users/999")).status, 404);
    EXPECT_EQ(get(service.url("/users/abc")).status, 404);
}
// [/snippet]

}  // namespace
}  // namespace signalbox::test
