// Requests that come before the answers of those before them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "signalbox/testing/postgres.hpp"
#include "support/eventually.hpp"
#include "support/held_requests.hpp"
#include "support/http_client.hpp"
#include "support/locked_users.hpp"
#include "support/log_lines.hpp"
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

std::size_t buffered(const Service& service, const std::string& what) {
    return static_cast<std::size_t>(service.metric("signalbox_buffered_bytes", {{"what", what}}));
}

struct Pipelines : testing::TestWithParam<int> {
    const std::string database = database_with_users(20);
    const Service service{database,
                          HeldRequests::arguments({"--workers", std::to_string(GetParam())})};

    double in_flight() const { return service.metric("http_server_active_requests"); }
};
INSTANTIATE_TEST_SUITE_P(one_and_two_workers, Pipelines, testing::Values(1, 2));

TEST_P(Pipelines, of_a_hundred_are_answered_in_order_and_one_at_a_time) {
    constexpr int count = 100;
    constexpr int slow = 50;
    RawClient client(service.port());
    const auto send = [&](int from, int to) {
        std::string some;
        for (int i = from; i < to; ++i)
            some += i == slow ? get_bytes("/users", "X-Request-ID: slow\r\n") : message(i).bytes;
        client.send(some);
    };
    send(0, slow);
    for (int i = 0; i < slow; ++i)
        expect_answer(client, i);
    {
        const LockedUsers lock(database);
        send(slow, count);
        // Half of them wait behind the one that is in flight.
        ASSERT_TRUE(eventually([&] { return reads_held_by_a_lock(database) == 1; }));
        const std::string in_flight = get(service.admin_url("/debug/requests")).body;
        EXPECT_THAT(in_flight, testing::StartsWith("{\"total\":1,"));
        EXPECT_THAT(in_flight, HasSubstr("\"slow\""));
    }
    EXPECT_EQ(header_of(client.read_response(), "X-Request-ID"), "slow");
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

TEST_P(Pipelines, are_answered_however_many_as_their_client_reads) {
    constexpr int count = 20'000;
    RawClient client(service.port());
    auto sending = std::async(std::launch::async, [&] {
        std::string some = get_bytes("/slow-task", "Request-Timeout: 0.2\r\n");
        for (int i = 0; i < count; ++i) {
            some += get_bytes("/fast-task", "X-Request-ID: number-" + std::to_string(i) + "\r\n");
            if (some.size() > 50'000) client.send(std::exchange(some, {}));
        }
        client.send(some);
    });
    EXPECT_EQ(status_of(client.read_response()), 504);
    std::size_t most_memory = 0;
    for (int i = 0; i < count; ++i) {
        const std::string answer = client.read_response();
        ASSERT_EQ(status_of(answer), 200);
        ASSERT_EQ(header_of(answer, "X-Request-ID"), "number-" + std::to_string(i));
        if (i % 1000 == 0) most_memory = std::max(most_memory, buffered(service, "requests"));
    }
    sending.get();
    EXPECT_LT(most_memory, 100'000U) << "what it sends waits with it";
}

TEST_P(Pipelines, wait_with_their_client_while_a_request_is_handled) {
    HeldRequests held(service, database, 2);
    RawClient& other = held.clients()[0];
    RawClient& flood = held.clients()[1];

    std::string requests;
    int behind = 0;
    for (; requests.size() < 1'000'000; ++behind)
        requests += get_bytes("/fast-task");
    const std::size_t taken = flood.send_what_is_taken(requests);
    EXPECT_LT(buffered(service, "requests"), 100'000U);
    EXPECT_TRUE(eventually([&] { return buffered(service, "requests_in_kernel") > 1000; }));
    EXPECT_LT(buffered(service, "requests_in_kernel"), 200'000U);
    EXPECT_EQ(get(service.url("/fast-task")).status, 200);

    held.release();
    EXPECT_EQ(status_of(other.read_response()), 200);
    EXPECT_EQ(status_of(flood.read_response()), 200) << "it was not cut";
    auto sending = std::async(std::launch::async,
                              [&] { flood.send(std::string_view(requests).substr(taken)); });
    for (int i = 0; i < behind; ++i)
        ASSERT_EQ(status_of(flood.read_response()), 200) << i;
    sending.get();
    EXPECT_TRUE(eventually([&] { return buffered(service, "requests_in_kernel") == 0; }));
}

TEST_P(Pipelines, of_large_bodies_wait_as_well) {
    HeldRequests held(service, database, 1);
    RawClient& client = held.clients().front();
    const std::string request =
        "POST /users HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" +
        std::string(1'000'000, 'x');
    constexpr int count = 20;
    auto sending = std::async(std::launch::async, [&] {
        for (int i = 0; i < count; ++i)
            client.send(request);
    });
    // The kernel has what it takes of them, and the service none.
    ASSERT_TRUE(eventually([&] { return buffered(service, "requests_in_kernel") > 1000; }));
    EXPECT_LT(buffered(service, "requests"), 100'000U);
    held.release();
    EXPECT_EQ(status_of(client.read_response()), 200);
    for (int i = 0; i < count; ++i)
        EXPECT_EQ(status_of(client.read_response()), 405);
    sending.get();
}

TEST_P(Pipelines, of_a_client_that_never_reads_end_by_the_write_timeout) {
    const Service impatient(database,
                            {"--workers", std::to_string(GetParam()), "--timeout-write", "1s"});
    constexpr int small_buffer = 4096;
    RawClient client(impatient.port(), small_buffer);
    std::string requests;
    for (int i = 0; i < 20'000; ++i)
        requests += get_bytes("/users");
    client.send_what_is_taken(requests);
    const LogLine line = wait_for_line(impatient, "error.type", "write_timeout");
    EXPECT_EQ(line.number("http.response.status_code"), 200);
    EXPECT_GE(line.number("duration_s"), 0.9);
    EXPECT_EQ(get(impatient.url("/fast-task")).status, 200);
}

TEST_P(Pipelines, end_with_a_client_that_leaves_while_they_wait_unread) {
    for (const bool reset : {false, true}) {
        SCOPED_TRACE(reset ? "reset" : "end of stream");
        const std::string id = reset ? "reset" : "left";
        HeldRequests held(service, database, 1, "X-Request-ID: " + id + "\r\n");
        RawClient& client = held.clients().front();
        client.send(get_bytes("/fast-task") + get_bytes("/fast-task"));
        if (reset) client.reset_on_close();
        held.clients().clear();
        // It is noticed while the handler waits, which it does as long as the lock is held.
        const LogLine line = wait_for_line(service, "request_id", id);
        EXPECT_EQ(line.number("http.response.status_code"), 499);
        EXPECT_EQ(line.text("error.type"), "client_gone");
        EXPECT_TRUE(eventually([&] { return in_flight() == 0; }));
    }
}

}  // namespace
}  // namespace signalbox::test
