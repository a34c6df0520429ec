// Responses whose clients do not take them: who has to go when they are too many. The limit of the
// binary is half a gigabyte; here it is small.

#include "signalbox/http/server/unsent_responses.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <string>
#include <thread>

#include "signalbox/http/server/server.hpp"
#include "support/http_client.hpp"

namespace signalbox::http {
namespace {

using namespace std::chrono_literals;
using test::RawClient;

/// Far more than the kernel takes for a client with a small receive buffer.
constexpr std::size_t body_size = 1024 * 1024;
constexpr std::size_t fit = 7;  // with their heads
constexpr int small_buffer = 4096;

Response text(std::size_t size) {
    return {.content_type = "text/plain", .body = std::string(size, 'x')};
}

async::Task<Response> large(Request&) {
    co_return text(body_size);
}

async::Task<Response> too_large(Request&) {
    co_return text((fit + 2) * body_size);
}

struct UnsentResponsesTest : testing::TestWithParam<std::size_t> {
    Server server{{.workers = GetParam(), .limit_buffered = (fit + 1) * body_size},
                  {{"GET", "/large", large}, {"GET", "/too-large", too_large}}};
    /// Connections that do nothing, as many as there are workers less one for each of the others:
    /// the server deals connections out in turn, so all of the others are on one loop.
    std::deque<RawClient> idle{};

    void SetUp() override { server.listen(); }

    /// On the same loop as all others that come from here.
    RawClient connect() {
        RawClient client(server.port(), small_buffer);
        for (std::size_t i = 1; i < GetParam(); ++i)
            idle.emplace_back(server.port(), small_buffer);
        return client;
    }

    /// Asks for a response and takes no more of it than its head.
    static void stall(RawClient& client, const std::string& path = "/large") {
        client.send("GET " + path + " HTTP/1.1\r\nHost: test\r\n\r\n");
        client.read_until("\r\n\r\n");
    }

    std::deque<RawClient> stalled_clients(std::size_t count) {
        std::deque<RawClient> clients;
        for (std::size_t i = 0; i < count; ++i) {
            clients.push_back(connect());
            stall(clients.back());
        }
        return clients;
    }
};
INSTANTIATE_TEST_SUITE_P(one_and_two_workers, UnsentResponsesTest, testing::Values(1, 2));

/// Takes what is left of its body; false when the server closes before the end.
bool gets_the_rest(RawClient& client, std::size_t taken = 0) {
    while (taken < body_size) {
        const std::string more = client.read_some();
        if (more.empty()) return false;
        taken += more.size();
    }
    return taken == body_size;
}

std::size_t count_whole(std::deque<RawClient>& clients) {
    return static_cast<std::size_t>(std::count_if(
        clients.begin(), clients.end(), [](RawClient& client) { return gets_the_rest(client); }));
}

TEST_P(UnsentResponsesTest, cut_a_slower_client_whichever_loop_it_is_on) {
    auto clients = stalled_clients(fit);
    // With two workers it is on the other loop, where nobody else waits.
    RawClient latest = GetParam() == 1 ? connect() : std::move(idle.front());
    stall(latest);
    EXPECT_EQ(count_whole(clients), fit - 1);
    EXPECT_TRUE(gets_the_rest(latest));
}

TEST_P(UnsentResponsesTest, cut_no_client_that_has_just_taken_something) {
    auto clients = stalled_clients(fit);
    RawClient& first = clients.front();
    std::size_t taken = 0;
    while (taken < body_size / 2) {
        taken += first.read_some().size();
        std::this_thread::sleep_for(1ms);  // slowly, so that the others have all come to a halt
    }
    RawClient latest = connect();
    stall(latest);
    EXPECT_TRUE(gets_the_rest(first, taken));
    clients.pop_front();
    EXPECT_EQ(count_whole(clients), fit - 2);
}

TEST_P(UnsentResponsesTest, make_no_room_for_one_that_is_too_large_by_itself) {
    auto clients = stalled_clients(fit);
    RawClient greedy = connect();
    stall(greedy, "/too-large");
    EXPECT_LT(greedy.read_to_end().size(), body_size);
    EXPECT_EQ(count_whole(clients), fit);
}

TEST_P(UnsentResponsesTest, leave_nothing_behind_when_they_are_taken_or_their_client_is_gone) {
    RawClient client = connect();
    for (std::size_t i = 0; i < 2 * fit; ++i) {
        stall(client);
        EXPECT_TRUE(gets_the_rest(client));
        RawClient leaving = connect();
        stall(leaving);
        if (i % 2 == 0) leaving.reset_on_close();
    }
    auto clients = stalled_clients(fit);
    EXPECT_EQ(count_whole(clients), fit);
}

}  // namespace
}  // namespace signalbox::http
