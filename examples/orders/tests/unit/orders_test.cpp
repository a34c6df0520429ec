#include "orders.hpp"

#include <gtest/gtest.h>

#include <string>

#include "signalbox/testing/client.hpp"
#include "signalbox/testing/database.hpp"

namespace orders {
namespace {

using namespace signalbox;

/// The endpoints without a socket, with a database of their own.
class orders_test : public testing::Test {
  protected:
    orders_test() { client_.replace(settings_); }

    Settings settings_;
    test::Database database_{MIGRATIONS};
    test::Client client_{endpoints(), database_};
};

TEST_F(orders_test, what_was_created_is_found_and_listed) {
    const auto made = client_.post("/orders?name=caf%C3%A9");
    ASSERT_EQ(made.status, 201) << made;
    EXPECT_EQ(made.json()["name"], "café");

    const auto location = made.header("Location");
    ASSERT_TRUE(location.has_value());
    EXPECT_EQ(client_.get(*location).body, made.body);
    EXPECT_EQ(client_.get("/orders").body, '[' + made.body + ']');
}

TEST_F(orders_test, the_newest_are_first_and_no_more_than_was_set) {
    database_.execute(
        "INSERT INTO orders (id, name, created_at) VALUES"
        " (gen_random_uuid(), 'old', '2001-01-01'), (gen_random_uuid(), 'new', '2002-01-01')");
    const auto listed = client_.get("/orders");
    ASSERT_EQ(listed.status, 200) << listed;
    ASSERT_EQ(listed.json().size(), 2);
    EXPECT_EQ(listed.json()[0]["name"], "new");
    settings_.list_limit = 1;
    EXPECT_EQ(client_.get("/orders").json().size(), 1);
}

TEST_F(orders_test, a_name_that_cannot_be_is_refused) {
    for (const std::string query : {"", "?name=", "?name=%00", "?name=%FF"})
        EXPECT_EQ(client_.post("/orders" + query).status, 422) << query;
    EXPECT_EQ(client_.post("/orders?name=" + std::string(201, 'x')).status, 422);
    EXPECT_EQ(database_.value("SELECT count(*) FROM orders"), "0");
}

TEST_F(orders_test, what_is_not_there_is_not_found) {
    for (const std::string id : {"0b6c1a52-f0c9-4d4f-8d3d-5a5a9b1e7c42", "1", "x%27"})
        EXPECT_EQ(client_.get("/orders/" + id).status, 404) << id;
}

TEST(orders, knows_an_id_with_dashes_and_without) {
    EXPECT_TRUE(is_id("0b6c1a52f0c94d4f8d3d5a5a9b1e7c42"));
    EXPECT_TRUE(is_id("0b6c1a52-f0c9-4d4f-8d3d-5a5a9b1e7c42"));
    EXPECT_FALSE(is_id(""));
    EXPECT_FALSE(is_id("0b6c1a52f0c94d4f8d3d5a5a9b1e7c4"));
    EXPECT_FALSE(is_id("0b6c1a52f0c94d4f8d3d5a5a9b1e7c4g"));
    EXPECT_FALSE(is_id("0b6c1a5-2f0c9-4d4f-8d3d-5a5a9b1e7c42"));
}

}  // namespace
}  // namespace orders
