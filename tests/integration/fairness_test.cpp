// Clients that want the service for themselves: they take all the connections that it has, and the
// others come all the same. Each address of 127.0.0.0/8 is another client; 127.0.0.1 is a proxy
// that the service trusts.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <deque>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/log_lines.hpp"
#include "support/prometheus.hpp"
#include "support/raw_message.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using testing::StartsWith;

constexpr std::size_t limit = 40;

struct Fairness : testing::TestWithParam<int> {
    const std::string database = database_with_users(2000);
    Service service{
        database,
        {"--workers", std::to_string(GetParam()), "--limit-connections", std::to_string(limit)}};

    using Clients = std::deque<RawClient>;

    /// So many connections of one address, each of which has sent this.
    Clients from(const std::string& address, std::size_t count, const std::string& bytes,
                 int receive_buffer = 0) const {
        Clients clients;
        for (std::size_t i = 0; i < count; ++i)
            clients.push_back(RawClient::from(address, service.port(), receive_buffer));
        for (RawClient& client : clients)
            client.send(bytes);
        return clients;
    }
    /// The same, of clients that ask for something and then keep the connection.
    Clients idle_from(const std::string& address, std::size_t count) const {
        auto clients = from(address, count, get_bytes("/fast-task"));
        for (RawClient& client : clients)
            EXPECT_EQ(status_of(client.read_response()), 200) << address;
        return clients;
    }
    /// 0: it was closed.
    static int status_of_next(RawClient& client) {
        try {
            client.send(get_bytes("/fast-task"));
            return status_of(client.read_response());
        } catch (const std::runtime_error&) {
            return 0;
        }
    }
    static std::size_t served(Clients& clients) {
        std::size_t count = 0;
        for (RawClient& client : clients)
            count += status_of_next(client) == 200 ? 1 : 0;
        return count;
    }
    void wait_until_open(std::size_t count) const {
        ASSERT_TRUE(eventually([&] {
            return service.metric("signalbox_connections") == static_cast<double>(count);
        })) << service.metric("signalbox_connections");
    }
    /// Nine of them.
    void expect_others_served() const {
        std::deque<Clients> others;
        for (const char* address : {"127.0.0.7", "127.0.0.8", "127.0.0.9"})
            others.push_back(idle_from(address, 3));
        for (Clients& clients : others)
            EXPECT_EQ(served(clients), 3U) << "they keep what they have";
    }
};
INSTANTIATE_TEST_SUITE_P(one_and_two_workers, Fairness, testing::Values(1, 2));

TEST_P(Fairness, takes_from_one_who_has_all_connections_and_says_nothing) {
    const auto silent = from("127.0.0.2", limit, "");
    wait_until_open(limit);
    expect_others_served();
    EXPECT_GE(service.metric("signalbox_connections_evicted_total", {{"state", "idle"}}), 9);
    EXPECT_EQ(service.metric("signalbox_connections_rejected_total"), 0);
}

TEST_P(Fairness, takes_from_one_who_keeps_all_connections) {
    auto idle = idle_from("127.0.0.2", limit);
    expect_others_served();
    EXPECT_LE(served(idle), limit - 9);
}

TEST_P(Fairness, takes_from_the_address_that_has_the_most) {
    auto few = idle_from("127.0.0.3", limit / 4);  // and they have waited longer
    auto most = idle_from("127.0.0.2", limit - limit / 4);
    auto new_ones = idle_from("127.0.0.4", 6);
    EXPECT_EQ(served(few), limit / 4);
    EXPECT_EQ(served(most), limit - limit / 4 - 6);
    EXPECT_EQ(served(new_ones), 6U);
}

TEST_P(Fairness, takes_from_one_who_begins_requests_and_ends_none) {
    const auto heads = from("127.0.0.2", limit / 2, "GET /fast-task HTTP/1.1\r\nHost: a\r\nX-");
    const auto bodies =
        from("127.0.0.2", limit / 2,
             "POST /users HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{\"name\":");
    wait_until_open(limit);
    expect_others_served();
    EXPECT_GE(service.metric("signalbox_connections_evicted_total", {{"state", "receiving"}}), 9);
    // There was nothing wrong with what they had sent, and they can do this at will.
    EXPECT_EQ(service.metric("signalbox_http_malformed_requests_total"), 0);
    const LogLine line = wait_for_line(service, "error.type", "limit_connections");
    EXPECT_EQ(line.number("http.response.status_code"), 503);
    EXPECT_EQ(line.text("severity_text"), "INFO");
}

TEST_P(Fairness, takes_from_a_hoarder_who_is_busy_before_it_takes_from_others_who_are_idle) {
    auto idle = idle_from("127.0.0.3", 1);
    const auto heads = from("127.0.0.2", limit - 1, "GET /fast-task HTTP/1.1\r\nHost: a\r\nX-");
    wait_until_open(limit);
    std::this_thread::sleep_for(1100ms);  // it has been idle for so long that it might go
    expect_others_served();
    EXPECT_EQ(served(idle), 1U);
}

TEST_P(Fairness, keeps_up_with_one_who_comes_again_and_again) {
    std::atomic<bool> over = false;
    std::thread attacker([&] {
        std::deque<RawClient> last;
        while (!over) {
            try {
                last.push_back(RawClient::from("127.0.0.2", service.port()));
            } catch (const std::system_error&) {
                // Nobody listens so fast.
            }
            if (last.size() > 4 * limit) last.pop_front();
        }
    });
    for (int i = 0; i < 10; ++i) {
        std::this_thread::sleep_for(50ms);  // spread over some time of the attack
        // On a machine that is busy with the attack, too, a loop that comes late turns some away.
        EXPECT_TRUE(eventually([&] {
            RawClient client = RawClient::from("127.0.0.7", service.port());
            return status_of_next(client) == 200 && status_of_next(client) == 200;
        }));
    }
    over = true;
    attacker.join();
}

TEST_P(Fairness, takes_from_one_who_reads_no_answers) {
    std::string requests;
    for (int i = 0; i < 20; ++i)
        requests += get_bytes("/users");
    const auto readers = from("127.0.0.2", limit, requests, 4096);
    ASSERT_TRUE(eventually([&] { return service.waiting("client") == limit; }))
        << service.waiting("client");
    expect_others_served();
    EXPECT_GE(service.metric("signalbox_connections_evicted_total", {{"state", "sending"}}), 9);
    // No success, and no failure that a client can have at will.
    const Samples now = service.metrics();
    const std::string duration = "http_server_request_duration_seconds_count";
    const double evicted =
        total(now, duration, {{"http_route", "/users"}, {"error_type", "limit_connections"}});
    EXPECT_GE(evicted, 9);
    EXPECT_EQ(total(now, "signalbox_requests_total", {{"http_route", "/users"}}),
              total(now, duration, {{"http_route", "/users"}}) - evicted);
}

TEST_P(Fairness, takes_no_request_that_arrives_from_many_who_have_one_each) {
    const std::string part =
        "POST /users HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\nx";
    Clients uploads;
    for (std::size_t i = 0; i < limit; ++i) {
        uploads.push_back(RawClient::from("127.0.1." + std::to_string(i + 1), service.port()));
        uploads.back().send(part);
    }
    wait_until_open(limit);
    auto late = RawClient::from("127.0.0.7", service.port());
    EXPECT_THAT(late.read_to_end(), StartsWith("HTTP/1.1 503 "));
    for (RawClient& upload : uploads) {
        upload.send("x");
        EXPECT_THAT(upload.read_to_end(), StartsWith("HTTP/1.1 405 "));
    }
}

TEST_P(Fairness, answers_whoever_has_sent_a_request_when_he_would_have_to_go) {
    auto idle = idle_from("127.0.0.2", limit);
    service.signal(SIGSTOP);
    // All at once: those who have sent one are no longer idle, but the service does not know.
    for (RawClient& client : idle)
        client.send(get_bytes("/fast-task", "Connection: close\r\n"));
    auto late = RawClient::from("127.0.0.7", service.port());
    service.signal(SIGCONT);
    for (RawClient& client : idle)
        EXPECT_EQ(status_of(client.read_to_end()), 200);
}

TEST_P(Fairness, reads_next_to_nothing_of_those_whom_it_turns_away) {
    // One each, of so many that nobody has to go for another.
    Clients all;
    for (std::size_t i = 0; i < limit; ++i) {
        all.push_back(RawClient::from("127.0.1." + std::to_string(i + 1), service.port()));
        all.back().send("GET /fast-task HTTP/1.1\r\nHost: a\r\nX-");
    }
    wait_until_open(limit);
    const std::string flood(std::size_t{64} << 20U, 'x');
    for (int i = 0; i < 3; ++i) {
        auto client = RawClient::from("127.0.0.2", service.port());
        EXPECT_LT(client.send_what_is_taken(flood), std::size_t{8} << 20U)
            << "what both kernels take, and one read";
    }
    EXPECT_EQ(
        service.metric("signalbox_connections_rejected_total", {{"reason", "limit_connections"}}),
        3);
}

struct Operators : testing::TestWithParam<const char*> {
    const std::string database = database_with_users(0);
    const Service service{database};

    /// They take nothing of what they ask for, again and again.
    std::deque<RawClient> readers_of_nothing(const std::string& address, std::size_t count) const {
        std::string requests;
        for (int i = 0; i < 300; ++i)
            requests += get_bytes(GetParam());
        std::deque<RawClient> clients;
        for (std::size_t i = 0; i < count; ++i) {
            clients.push_back(RawClient::from(address, service.admin_port(), 4096));
            clients.back().send(requests);
        }
        return clients;
    }
    int probe(const std::string& address = "127.0.0.9") const {
        auto client = RawClient::from(address, service.admin_port());
        client.send(get_bytes("/livez"));
        return status_of(client.read_response());
    }
};
INSTANTIATE_TEST_SUITE_P(pages, Operators,
                         testing::Values("/", "/metrics", "/debug/requests", "/version"));

TEST_P(Operators, have_their_probes_answered_beside_those_who_do_not_read) {
    for (const std::string address : {"127.0.0.2", "127.0.0.9"}) {
        const auto readers = readers_of_nothing(address, 64);
        std::vector<Clock::duration> took;
        for (int i = 0; i < 20; ++i) {
            const auto began = Clock::now();
            EXPECT_EQ(probe(), 200) << address;
            took.push_back(Clock::now() - began);
        }
        std::sort(took.begin(), took.end());
        EXPECT_LT(took[took.size() / 2], 1s) << address;
    }
}

TEST_P(Operators, have_their_probes_answered_in_a_crowd_of_new_connections) {
    const auto readers = readers_of_nothing("127.0.0.2", 64);
    std::atomic<bool> over = false;
    std::thread crowd([&] {
        std::deque<RawClient> last;
        auto due = Clock::now();
        while (!over) {
            try {
                last.push_back(RawClient::from("127.0.0.2", service.admin_port()));
                last.back().send(get_bytes(GetParam()));
            } catch (const std::system_error&) {
                // It was closed.
            }
            if (last.size() > 200) last.pop_front();
            std::this_thread::sleep_until(due += 1ms);
        }
    });
    std::vector<Clock::duration> took;
    for (int i = 0; i < 20; ++i) {
        const auto began = Clock::now();
        EXPECT_EQ(probe(), 200);
        took.push_back(Clock::now() - began);
        std::this_thread::sleep_for(100ms);  // a probe comes now and then
    }
    over = true;
    crowd.join();
    std::sort(took.begin(), took.end());
    EXPECT_LT(took[took.size() / 2], 1s);
}

TEST(CostlyPages, are_made_for_others_when_one_asks_for_all) {
    const std::string database = database_with_users(0);
    const Service service(database);
    std::deque<RawClient> greedy;
    std::string requests;
    for (int i = 0; i < 300; ++i)
        requests += get_bytes("/metrics");
    for (int i = 0; i < 40; ++i) {
        greedy.push_back(RawClient::from("127.0.0.2", service.admin_port()));
        greedy.back().send(requests);
    }
    EXPECT_TRUE(eventually([&] { return get(service.admin_url("/metrics")).status == 200; }));
}

struct SilentClients : testing::Test {
    const std::string database = database_with_users(0);
};

TEST_F(SilentClients, have_the_time_of_a_head_and_are_closed_without_a_word) {
    const Service service(database,
                          {"--timeout-request-head", "1s", "--timeout-keep-alive", "10m"});
    RawClient silent(service.port());
    RawClient stray(service.port());
    stray.send("\r\n\r");  // which is no request
    RawClient asked(service.port());
    const auto began = Clock::now();
    asked.send(get_bytes("/fast-task"));
    EXPECT_EQ(status_of(asked.read_response()), 200);
    EXPECT_EQ(silent.read_to_end(), "");
    EXPECT_EQ(stray.read_to_end(), "");
    EXPECT_GE(Clock::now() - began, 800ms);
    asked.send(get_bytes("/fast-task"));
    EXPECT_EQ(status_of(asked.read_response()), 200) << "who has asked has the time of keep-alive";
}

struct Share : testing::TestWithParam<const char*> {
    const std::string database = database_with_users(0);
    const Service service{database,
                          {"--workers", GetParam(), "--limit-connections-per-address", "3"}};
};
INSTANTIATE_TEST_SUITE_P(one_and_two_workers, Share, testing::Values("1", "2"));

TEST_P(Share, is_all_that_an_address_has) {
    const auto ask = [&](const std::string& address) {
        auto client = RawClient::from(address, service.port());
        client.send(get_bytes("/fast-task"));
        return std::pair(status_of(client.read_response()), std::move(client));
    };
    std::deque<std::pair<int, RawClient>> first;
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(first.emplace_back(ask("127.0.0.2")).first, 200);
    {
        auto fourth = RawClient::from("127.0.0.2", service.port());
        const std::string answer = fourth.read_to_end();
        EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 "));
        EXPECT_TRUE(header_of(answer, "Retry-After"));
    }
    EXPECT_EQ(ask("127.0.0.3").first, 200) << "another address has its own";
    EXPECT_EQ(service.metric("signalbox_connections_rejected_total",
                             {{"reason", "limit_connections_per_address"}}),
              1);
    first.pop_back();
    EXPECT_TRUE(eventually([&] { return ask("127.0.0.2").first == 200; }));
}

TEST_P(Share, does_not_bind_a_trusted_proxy) {
    std::deque<RawClient> proxy;
    for (int i = 0; i < 20; ++i) {
        proxy.emplace_back(service.port()).send(get_bytes("/fast-task"));
        EXPECT_EQ(status_of(proxy.back().read_response()), 200);
    }
}

}  // namespace
}  // namespace signalbox::test
