#include "orders.hpp"

#include <asio/ip/tcp.hpp>
#include <asio/read_until.hpp>
#include <asio/write.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "signalbox/testing/client.hpp"
#include "signalbox/testing/database.hpp"

namespace orders {
namespace {

using namespace signalbox;
using test::JsonValue;

/// Without members that have defaults.
std::string order(std::string_view reference, std::string_view quantity = "2") {
    return fmt::format(
        R"({{"reference": "{}", "customer": "Ada", "email": "ada@example.com",
             "items": [{{"sku": "A-1", "quantity": {}, "price": 9.5}}]}})",
        reference, quantity);
}

/// The endpoints without a socket, with a database of their own. Ada asks, whatever the token.
class OrdersTest : public testing::Test {
  protected:
    OrdersTest() { client_.replace<current_user>(std::string("ada")); }

    test::Database database_{MIGRATIONS};
    test::Client client_{endpoints(), database_};
};

TEST_F(OrdersTest, what_was_created_is_found_and_listed) {
    const auto made = client_.post("/orders", order("A-100"));
    ASSERT_EQ(made.status, 201) << made;
    EXPECT_EQ(made.json()["reference"], "A-100");
    EXPECT_EQ(made.json()["status"], "open");
    EXPECT_EQ(made.json()["note"], nullptr);
    EXPECT_FALSE(made.json().has("items"));
    EXPECT_EQ(database_.value("SELECT sum(quantity * price) FROM order_items"), "19.0");

    const auto location = made.header("Location");
    ASSERT_TRUE(location.has_value());
    EXPECT_EQ(client_.get(*location).json(), made.json());
    EXPECT_EQ(client_.get("/orders").json()[0], made.json());
}

TEST_F(OrdersTest, a_reference_is_taken_once) {
    ASSERT_EQ(client_.post("/orders", order("A-100")).status, 201);
    const auto again = client_.post("/orders", order("A-100"));
    EXPECT_EQ(again.status, 409);
    EXPECT_EQ(again.json()["detail"], "An order with this reference exists");
    EXPECT_EQ(database_.value("SELECT count(*) FROM order_items"), "1");
}

TEST_F(OrdersTest, all_that_is_wrong_is_said_at_once_and_nothing_is_stored) {
    const auto refused = client_.post("/orders", order("A", "0"));
    ASSERT_EQ(refused.status, 422) << refused;
    EXPECT_EQ(refused.json()["detail"], JsonValue::parse(R"([
        {"type": "string_too_short", "loc": ["body", "reference"],
         "msg": "String should have at least 3 characters",
         "input": "A", "ctx": {"min_length": 3}},
        {"type": "greater_than_equal", "loc": ["body", "items", 0, "quantity"],
         "msg": "Input should be greater than or equal to 1",
         "input": 0, "ctx": {"ge": 1}}])"));
    EXPECT_EQ(client_.post("/orders", "{}").json()["detail"].size(), 4);
    EXPECT_EQ(client_.post("/orders", "{").status, 422);
    EXPECT_EQ(database_.value("SELECT count(*) FROM orders"), "0");
}

TEST_F(OrdersTest, a_list_comes_in_pages) {
    database_.execute(
        "INSERT INTO orders (reference, customer, email, status)"
        " SELECT 'R-' || n, 'Ada', 'ada@example.com', CASE WHEN n < 4 THEN 'open' ELSE 'paid' END"
        " FROM generate_series(1, 5) n");
    const auto first = client_.get("/orders?limit=2");
    ASSERT_EQ(first.status, 200) << first;
    EXPECT_EQ(first.json().size(), 2);
    EXPECT_EQ(first.json()[0]["reference"], "R-1");
    EXPECT_EQ(first.header("X-Total-Count"), "5");
    EXPECT_EQ(first.header("Link"), "</orders?limit=2&offset=2>; rel=\"next\"");

    const auto last = client_.get("/orders?limit=2&offset=4");
    EXPECT_EQ(last.json().size(), 1);
    EXPECT_EQ(last.header("Link"), std::nullopt);
    const auto beyond = client_.get("/orders?offset=9223372036854775807");
    EXPECT_EQ(beyond.body, "[]") << beyond;

    const auto paid = client_.get("/orders?status=paid");
    EXPECT_EQ(paid.json().size(), 2);
    EXPECT_EQ(paid.header("X-Total-Count"), "2");
    for (const std::string query : {"limit=0", "limit=101", "offset=-1", "status=lost"})
        EXPECT_EQ(client_.get("/orders?" + query).status, 422) << query;
}

TEST_F(OrdersTest, a_patch_sets_what_it_has_and_leaves_the_rest) {
    const std::string path(client_.post("/orders", order("A-100")).header("Location").value());
    ASSERT_EQ(client_.patch(path, R"({"note": "soon", "status": "paid"})").status, 200);
    EXPECT_EQ(client_.patch(path, R"({"status": "shipped"})").json()["note"], "soon");

    const auto patched = client_.patch(path, R"({"note": null})");
    EXPECT_EQ(patched.json()["note"], nullptr);
    EXPECT_EQ(patched.json()["status"], "shipped");
    EXPECT_EQ(client_.patch(path, R"({"status": "lost"})").status, 422);
    EXPECT_EQ(client_.get(path).json(), patched.json());
}

TEST_F(OrdersTest, what_was_deleted_is_not_found) {
    const std::string path(client_.post("/orders", order("A-100")).header("Location").value());
    const auto deleted = client_.del(path);
    EXPECT_EQ(deleted.status, 204);
    EXPECT_EQ(deleted.body, "");
    EXPECT_EQ(client_.del(path).status, 404);
    EXPECT_EQ(client_.patch(path, "{}").status, 404);
    EXPECT_EQ(client_.get(path).json()["detail"], "Order not found");
    EXPECT_EQ(client_.get("/orders/x").status, 422);
    EXPECT_EQ(database_.value("SELECT count(*) FROM order_items"), "0");
}

TEST_F(OrdersTest, the_summary_counts) {
    client_.post("/orders", order("A-100"));
    EXPECT_EQ(client_.get("/summary").json(), JsonValue::parse(R"({"users": 0, "orders": 1})"));
}

TEST_F(OrdersTest, all_are_exported_in_lines) {
    EXPECT_EQ(client_.get("/orders.csv").body, "");
    database_.execute(
        "INSERT INTO orders (reference, customer, email, status)"
        " SELECT 'R-' || n, 'Ada', 'ada@example.com', 'open' FROM generate_series(1, 3000) n");
    const auto exported = client_.get("/orders.csv");
    ASSERT_EQ(exported.status, 200) << exported;
    EXPECT_EQ(exported.header("Content-Type"), "text/csv; charset=utf-8");
    std::string lines;
    for (int n = 1; n <= 3000; ++n)
        lines += fmt::format("{0},R-{0},ada@example.com\n", n);
    EXPECT_EQ(exported.body, lines);
}

/// Answers one request.
class RateService {
  public:
    explicit RateService(std::string answer)
        : thread_([this, answer = std::move(answer)] {
              asio::ip::tcp::socket client = acceptor_.accept();
              std::string request;
              asio::read_until(client, asio::dynamic_buffer(request), "\r\n\r\n");
              asio::write(client, asio::buffer(answer));
          }) {}
    ~RateService() { thread_.join(); }
    RateService(const RateService&) = delete;
    RateService& operator=(const RateService&) = delete;

    std::string url() const {
        return fmt::format("http://127.0.0.1:{}", acceptor_.local_endpoint().port());
    }

  private:
    asio::io_context context_;
    asio::ip::tcp::acceptor acceptor_{context_, {asio::ip::address_v4::loopback(), 0}};
    std::thread thread_;
};

test::Response ask_upstream(const std::string& url) {
    const test::Database database(MIGRATIONS);
    test::Client client(endpoints(), database);
    client::HttpClient rates(client::HttpClientOptions{.base_url = url});
    return client.replace(rates).get("/upstream");
}

TEST(Upstream, gives_what_the_rate_service_says) {
    const RateService service(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n"
        "Connection: close\r\n\r\n{\"rate\": 1.5}");
    const auto answer = ask_upstream(service.url());
    ASSERT_EQ(answer.status, 200) << answer;
    EXPECT_EQ(answer.json(), JsonValue::parse(R"({"rate": 1.5})"));
}

TEST(Upstream, is_a_bad_gateway_when_the_rate_service_fails) {
    const RateService service(
        "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    const auto answer = ask_upstream(service.url());
    EXPECT_EQ(answer.status, 502);
    EXPECT_EQ(answer.json()["detail"], "The rate service does not answer");
}

TEST(Orders, are_written_by_who_has_the_token) {
    const test::Database database(MIGRATIONS);
    test::Client client(endpoints(), database);
    EXPECT_EQ(client.post("/orders", order("A-100")).status, 403);
    EXPECT_EQ(client.post("/orders", "{}").status, 403);

    const auto refused = client.del("/orders/1", {{"Authorization", "Bearer guess"}});
    EXPECT_EQ(refused.status, 401);
    EXPECT_EQ(refused.header("WWW-Authenticate"), "Bearer");
    const test::Headers credentials{{"Authorization", "Bearer secret"}};
    EXPECT_EQ(client.post("/orders", order("A-100"), credentials).status, 201);
}

}  // namespace
}  // namespace orders
