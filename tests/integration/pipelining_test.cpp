// Requests that come before the answers of those before them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/log_lines.hpp"
#include "support/postgres.hpp"
#include "support/prometheus.hpp"
#include "support/raw_message.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

struct Message {
    std::string bytes;
    int status;
    bool has_body = true;
};

/// The i-th of requests of every kind, with its number as its id.
Message message(int i) {
    const std::string id = "X-Request-ID: number-" + std::to_string(i) + "\r\n";
    switch (i % 8) {
        case 0:
            return {get_bytes("/fast-task", id), 200};
        case 1:
            return {get_bytes("/users", id), 200};
        case 2:
            return {"HEAD /users HTTP/1.1\r\nHost: a\r\n" + id + "\r\n", 200, false};
        case 3:
            return {"POST /users HTTP/1.1\r\nHost: a\r\n" + id + "Content-Length: 5\r\n\r\nGET /",
                    405};
        case 4:
            return {"POST /users HTTP/1.1\r\nHost: a\r\n" + id +
                        "Transfer-Encoding: chunked\r\n\r\n6\r\nGET / \r\n1;x\r\ny\r\n0\r\nZ: 1\r\n"
                        "\r\n",
                    405};
        case 5:
            return {"\r\n" + get_bytes("/nothing?" + std::to_string(i), id), 404};
        case 6:
            return {"OPTIONS * HTTP/1.1\r\nHost: a\r\n" + id + "\r\n", 204};
        default:
            // Waits for its time to be over.
            return {get_bytes("/slow-task", "Request-Timeout: 0.01\r\n" + id), 504};
    }
}

void expect_answer(RawClient& client, int i) {
    const Message sent = message(i);
    const std::string answer =
        sent.has_body ? client.read_response() : client.read_until("\r\n\r\n");
    EXPECT_EQ(status_of(answer), sent.status) << answer;
    EXPECT_EQ(header_of(answer, "X-Request-ID"), "number-" + std::to_string(i));
}

struct Pipelines : testing::TestWithParam<int> {
    const std::string database = database_with_users(20);
    const Service service{database, {"--workers", std::to_string(GetParam())}};
};
INSTANTIATE_TEST_SUITE_P(one_and_two_workers, Pipelines, testing::Values(1, 2));

TEST_P(Pipelines, of_a_hundred_are_answered_in_order_and_one_at_a_time) {
    constexpr int count = 100;
    constexpr int slow = 50;
    RawClient client(service.port());
    std::string all;
    for (int i = 0; i < count; ++i)
        all +=
            i == slow ? get_bytes("/multiple-tasks", "X-Request-ID: slow\r\n") : message(i).bytes;
    client.send(all);
    for (int i = 0; i < slow; ++i)
        expect_answer(client, i);
    // Half of them wait behind the one that is in flight.
    ASSERT_TRUE(eventually([&] {
        return get(service.admin_url("/debug/requests")).body.find("\"slow\"") != std::string::npos;
    }));
    EXPECT_THAT(get(service.admin_url("/debug/requests")).body,
                testing::StartsWith("{\"total\":1,"));
    EXPECT_THAT(client.read_response(), HasSubstr("All tasks complete!"));
    for (int i = slow + 1; i < count; ++i)
        expect_answer(client, i);

    wait_for_line(service, "request_id", "number-" + std::to_string(count - 1));
    int logged = 0;
    for (const LogLine& line : log_lines(service.output())) {
        if (line.text("body") != "request") continue;
        EXPECT_EQ(line.text("request_id"),
                  logged == slow ? "slow" : "number-" + std::to_string(logged));
        EXPECT_EQ(line.number("in_flight"), 1) << line.json();
        ++logged;
    }
    EXPECT_EQ(logged, count);
}

TEST_P(Pipelines, split_at_any_byte_are_answered_the_same) {
    constexpr int count = 7;  // all kinds but the one that waits
    std::string all;
    for (int i = 0; i < count; ++i)
        all += message(i).bytes;
    for (std::size_t split = 0; split <= all.size(); ++split) {
        SCOPED_TRACE("split at " + std::to_string(split));
        RawClient client(service.port());
        client.send(std::string_view(all).substr(0, split));
        client.send(std::string_view(all).substr(split));
        for (int i = 0; i < count; ++i)
            expect_answer(client, i);
        if (HasFailure()) return;
    }
}

TEST_P(Pipelines, byte_by_byte_are_answered_the_same) {
    RawClient client(service.port());
    for (int i = 0; i < 16; ++i) {
        for (const char c : message(i).bytes)
            client.send({&c, 1});
    }
    for (int i = 0; i < 16; ++i)
        expect_answer(client, i);
}

TEST_P(Pipelines, within_the_bound_are_answered_however_many) {
    constexpr int count = 1000;
    RawClient client(service.port());
    std::string all = get_bytes("/slow-task", "Request-Timeout: 0.2\r\n");
    for (int i = 0; i < count; ++i)
        all += get_bytes("/fast-task");
    client.send(all);
    EXPECT_EQ(status_of(client.read_response()), 504);
    for (int i = 0; i < count; ++i)
        ASSERT_EQ(status_of(client.read_response()), 200);
}

/// Sends this again and again behind a request that waits, until nobody takes any more of it; then
/// it is answered all the same.
void expect_held_back(const Service& service, const std::string& request, int status) {
    constexpr std::size_t most = 32 << 20;  // far more than both sockets' buffers take
    std::string all;
    while (all.size() < most)
        all += request;
    RawClient flood(service.port());
    flood.send(get_bytes("/slow-task"));
    const auto buffered = [&](const char* what) {
        return total(parse_metrics(get(service.admin_url("/metrics")).body),
                     "signalbox_buffered_bytes", {{"what", what}});
    };
    ASSERT_TRUE(eventually([&] { return buffered("requests") > 0; })) << "it is in flight";

    std::string_view rest = all;
    const auto none_is_taken = [&] {
        const std::size_t taken = flood.send_what_is_taken(rest);
        rest.remove_prefix(taken);
        return taken == 0;
    };
    ASSERT_TRUE(eventually(none_is_taken)) << "it takes it all";
    EXPECT_TRUE(eventually([&] { return buffered("requests_in_kernel") > 0; }));
    EXPECT_LT(buffered("requests"), 50'000) << "it was read";
    for (int i = 0; i < 20; ++i)
        ASSERT_EQ(get(service.url("/fast-task")).status, 200) << "nobody else is disturbed";

    EXPECT_THAT(flood.read_response(), HasSubstr("Task complete!"));
    const std::size_t sent = (all.size() - rest.size()) / request.size();
    EXPECT_GT(sent, 0U);
    for (std::size_t i = 0; i < sent; ++i)
        ASSERT_EQ(status_of(flood.read_response()), status) << i << " of " << sent;
}

TEST_P(Pipelines, that_nobody_takes_any_more_of_wait_with_the_client) {
    expect_held_back(
        service, get_bytes("/fast-task", "X-Filling: " + std::string(8'000, 'x') + "\r\n"), 200);
}

TEST_P(Pipelines, of_large_bodies_wait_with_the_client_as_well) {
    expect_held_back(service,
                     "POST /users HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n" +
                         std::string(500'000, 'x'),
                     405);
}

}  // namespace
}  // namespace signalbox::test
