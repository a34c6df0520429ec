// docs/endpoints.md, "One that streams": what it says that its routes answer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "signalbox/api/module.hpp"
#include "signalbox/testing/client.hpp"
#include "signalbox/testing/database.hpp"

namespace signalbox::app {

api::Module documented_streams();  // streams.cpp

namespace {

TEST(DocumentedStreams, write_as_many_lines_as_there_are_users) {
    test::Database database(MIGRATIONS);
    database.execute(
        "INSERT INTO users (name, email)"
        " SELECT 'user', n || '@example.com' FROM generate_series(1, 2500) n");
    test::Client client(documented_streams(), database);
    const auto response = client.get("/users.csv");
    ASSERT_EQ(response.status, 200) << response;
    EXPECT_FALSE(response.cut) << response;
    EXPECT_EQ(std::count(response.body.begin(), response.body.end(), '\n'), 2501);
    EXPECT_THAT(response.body, testing::StartsWith("id,email\n1,1@example.com\n"));
    EXPECT_THAT(response.body, testing::EndsWith("2500,2500@example.com\n"));
}

TEST(DocumentedStreams, go_on_behind_the_last_event) {
    test::Database database(MIGRATIONS);
    test::Client client(documented_streams(), database);
    const auto response = client.get("/count", {{"Last-Event-ID", "9"}});
    EXPECT_EQ(response.header("Content-Type"), "text/event-stream");
    EXPECT_EQ(response.body, "id: 10\nevent: count\ndata: 10\n\n");
}

}  // namespace
}  // namespace signalbox::app
