#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/locked_users.hpp"
#include "support/metrics.hpp"
#include "support/prometheus.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

using namespace std::chrono_literals;
using testing::StartsWith;

TEST(ObservabilityOff, leaves_out_what_it_costs_and_serves_all_the_same) {
    const std::string database = database_with_users(1);
    for (const bool on : {true, false}) {
        const Service service(
            database, {"--observability", on ? "on" : "off", "--database-query-timeout", "30s"});
        std::vector<RawClient> held;
        {
            const LockedUsers locked(database);
            held = clients_that_asked(service, 3, "/users");
            // What is known anyway is told in any case.
            EXPECT_TRUE(is_counted(service, "signalbox_connections", {{"state", "active"}}, 3));
            const auto response = get(service.admin_url("/debug/requests"));
            EXPECT_EQ(response.status, 200);
            EXPECT_THAT(response.body, StartsWith(on ? R"({"total":3,)" : R"({"total":0,)"));
        }
        for (RawClient& client : held)
            EXPECT_THAT(client.read_response(), StartsWith("HTTP/1.1 200 "));
        const auto response = get(service.url("/fast-task"));
        EXPECT_EQ(response.status, 200);
        EXPECT_EQ(response.header("traceparent").has_value(), on);
        EXPECT_TRUE(response.header("x-request-id"));

        EXPECT_TRUE(is_counted(service, requests_total, {}, on ? 4 : 0));
        const Samples samples = service.metrics();
        const auto counts_requests = [](const Sample& sample) {
            return sample.name.starts_with("http_server_") ||
                   sample.name.starts_with("db_client_operation_");
        };
        EXPECT_EQ(std::any_of(samples.begin(), samples.end(), counts_requests), on);
        EXPECT_EQ(total(samples, "signalbox_state", {{"state", "ready"}}), 1);
        EXPECT_GT(total(samples, "process_threads"), 0);
        EXPECT_TRUE(eventually([&] {
            return service.output().find("/fast-task") != std::string::npos;
        })) << "the access log has a switch of its own";
    }
}

}  // namespace
}  // namespace signalbox::test
