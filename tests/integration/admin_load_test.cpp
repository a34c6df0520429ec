#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <atomic>
#include <deque>
#include <future>
#include <string>
#include <vector>

#include "signalbox/admin/connections.hpp"
#include "signalbox/process/file_limit.hpp"
#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/locked_users.hpp"
#include "support/metrics.hpp"
#include "support/prometheus.hpp"
#include "support/raw_message.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

using testing::StartsWith;

/// Clients that ask without a pause, for as long as it lives.
class Flood {
  public:
    Flood(const Service& service, int clients) {
        for (int i = 0; i < clients; ++i) {
            clients_.push_back(std::async(std::launch::async, [this, &service] {
                constexpr int at_once = 50;
                std::string requests;
                for (int n = 0; n < at_once; ++n)
                    requests += get_bytes("/fast-task");
                RawClient client(service.port());
                while (!over_) {
                    client.send(requests);
                    for (int n = 0; n < at_once; ++n)
                        client.read_response();
                }
            }));
        }
    }
    ~Flood() { over_ = true; }

  private:
    std::atomic<bool> over_ = false;
    std::vector<std::future<void>> clients_;  ///< each waits for its end
};

TEST(AdminListener, answers_while_the_api_has_more_to_do_than_it_can) {
    constexpr std::size_t count = 1000;
    ASSERT_GT(process::raise_file_limit(), 2 * count);
    const std::string database = database_with_users(1);
    const Service service(database, {"--database-query-timeout", "1m", "--timeout-request", "1m"});
    std::vector<RawClient> held;
    const LockedUsers locked(database);
    held = clients_that_asked(service, count, "/users");
    const Labels users{{"http_route", "/users"}};
    ASSERT_TRUE(is_counted(service, "http_server_active_requests", users, count));

    const Flood flood(service, 4);
    const Labels fast{{"http_route", "/fast-task"}};
    ASSERT_TRUE(eventually([&] { return service.metric(requests_total, fast) > 0; }));
    const double answered_before = service.metric(requests_total, fast);
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(service.metric("http_server_active_requests", users), count);
        const auto response = get(service.admin_url("/debug/requests"));
        ASSERT_EQ(response.status, 200);
        rapidjson::Document in_flight;
        in_flight.Parse(response.body.c_str());
        ASSERT_TRUE(in_flight.IsObject()) << response.body;
        EXPECT_GE(in_flight["total"].GetUint64(), count);
        EXPECT_EQ(in_flight["requests"].Size(), in_flight["total"].GetUint64());
        std::size_t in_summary = 0;
        for (const auto& group : in_flight["summary"].GetArray()) {
            if (std::string_view(group["http.route"].GetString()) == "/users") {
                in_summary += group["count"].GetUint64();
            }
        }
        EXPECT_EQ(in_summary, count);
    }
    EXPECT_EQ(get(service.admin_url("/livez")).status, 200);
    EXPECT_GT(service.metric(requests_total, fast), answered_before);
}

TEST(AdminListener, is_not_filled_by_clients_that_ask_for_nothing) {
    const std::string database = database_with_users(0);
    const Service service(database);
    std::deque<RawClient> silent;
    for (std::size_t i = 0; i < 3 * admin::max_connections; ++i) {
        RawClient& client = silent.emplace_back(service.admin_port());
        if (i % 3 == 1) client.send("GET /live");
        if (i % 3 == 2) {
            client.send(get_bytes("/livez"));
            EXPECT_THAT(client.read_response(), StartsWith("HTTP/1.1 200 "));
        }
        if (i % 16 == 0) {
            EXPECT_EQ(get(service.admin_url("/livez")).status, 200) << "beside " << i;
        }
    }
    EXPECT_EQ(silent.front().read_to_end(), "") << "it made room for others";
    silent.back().send(get_bytes("/livez"));
    EXPECT_THAT(silent.back().read_response(), StartsWith("HTTP/1.1 200 "));
}

}  // namespace
}  // namespace signalbox::test
