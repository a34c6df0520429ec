// A client that goes away takes what was done for it along, soon and without a trace.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "signalbox/testing/postgres.hpp"
#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/locked_users.hpp"
#include "support/log_lines.hpp"
#include "support/prometheus.hpp"
#include "support/raw_message.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

std::string with_id(const std::string& path, const std::string& id) {
    return get_bytes(path, "X-Request-ID: " + id + "\r\n");
}

struct GoneClients : testing::TestWithParam<int> {
    const std::string database = database_with_users(3);
    const std::vector<std::string> arguments{"--workers", std::to_string(GetParam()),
                                             "--database-pool-size", "1"};

    static bool is_in_flight(const Service& service, const std::string& id) {
        return get(service.admin_url("/debug/requests")).body.find("\"" + id + "\"") !=
               std::string::npos;
    }

    /// At most how long after its client left the request was over, by the log. The client is gone
    /// `after` its request was seen in flight.
    static std::chrono::duration<double> time_to_end(const Service& service, const std::string& id,
                                                     Clock::duration after) {
        const LogLine line = wait_for_line(service, "request_id", id);
        EXPECT_EQ(line.number("http.response.status_code"), 499) << line.json();
        EXPECT_EQ(line.text("error.type"), "client_gone");
        return std::chrono::duration<double>(line.number("duration_s")) - after;
    }

    static void expect_nothing_left(const Service& service, std::size_t files) {
        EXPECT_TRUE(eventually([&] {
            return service.metric("http_server_active_requests") == 0 &&
                   service.metric("db_client_connection_pending_requests") == 0 &&
                   service.metric("db_client_connections",
                                  {{"db_client_connection_state", "used"}}) == 0 &&
                   service.open_files() <= files;
        })) << get(service.admin_url("/debug/requests")).body
            << service.open_files() << " files, and before there were " << files;
    }
};
INSTANTIATE_TEST_SUITE_P(one_and_two_workers, GoneClients, testing::Values(1, 2));

TEST_P(GoneClients, end_a_timer_within_a_tenth_of_a_second) {
    const Service service(database, arguments);
    ASSERT_EQ(get(service.url("/users")).status, 200);
    const std::size_t files = service.open_files();
    std::vector<std::chrono::duration<double>> times;
    int too_late = 0;
    for (int i = 0; times.size() < 11; ++i) {
        const std::string id = "timer-" + std::to_string(i);
        const auto sent = Clock::now();
        Clock::time_point seen;
        // The timer takes five seconds, before which a busy machine may not let this client leave.
        const auto late = [&] { return Clock::now() - sent > 4s; };
        {
            RawClient client(service.port());
            client.send(with_id("/slow-task", id));
            ASSERT_TRUE(eventually([&] { return is_in_flight(service, id) || late(); }));
            seen = Clock::now();
            if (i % 2 == 0) client.reset_on_close();
        }
        const auto left = Clock::now();
        if (late()) {
            ASSERT_LT(++too_late, 5) << "the machine is too slow to prove anything";
            continue;
        }
        times.push_back(time_to_end(service, id, left - seen));
    }
    std::sort(times.begin(), times.end());
    EXPECT_LT(times[times.size() / 2], 100ms) << "half of the times are longer";
    expect_nothing_left(service, files);
}

TEST_P(GoneClients, free_their_place_in_the_queue_for_the_database) {
    auto unshared = arguments;
    unshared.insert(unshared.end(),
                    {"--database-share-reads", "off", "--database-max-queue", "10"});
    const Service service(database, unshared);
    ASSERT_EQ(get(service.url("/users")).status, 200);
    const std::size_t files = service.open_files();
    std::optional<LockedUsers> lock(std::in_place, database);
    RawClient running(service.port());
    running.send(get_bytes("/users"));
    ASSERT_TRUE(eventually([&] { return reads_held_by_a_lock(database) == 1; }));
    const auto queued = [&] { return service.metric("db_client_connection_pending_requests"); };
    for (int round = 0; round < 3; ++round) {
        Clock::time_point seen;
        {
            std::deque<RawClient> waiting;
            for (int i = 0; i < 10; ++i) {
                waiting.emplace_back(service.port())
                    .send(with_id("/users",
                                  "queued-" + std::to_string(round) + "-" + std::to_string(i)));
            }
            ASSERT_TRUE(eventually([&] { return queued() == 10; })) << "the queue is full";
            seen = Clock::now();
        }
        const auto after = Clock::now() - seen;
        for (int i = 0; i < 10; ++i) {
            EXPECT_LT(
                time_to_end(service, "queued-" + std::to_string(round) + "-" + std::to_string(i),
                            after),
                4s);
        }
        EXPECT_EQ(queued(), 0) << "while the one before them still runs";
        EXPECT_EQ(reads_held_by_a_lock(database), 1);
    }
    lock.reset();
    EXPECT_EQ(status_of(running.read_response()), 200);
    EXPECT_EQ(get(service.url("/users")).status, 200);
    expect_nothing_left(service, files + 2);  // the connection that is still open
}

TEST_P(GoneClients, end_the_read_that_runs_for_them) {
    const Service service(database, arguments);
    ASSERT_EQ(get(service.url("/users")).status, 200);
    const std::size_t files = service.open_files();
    for (int i = 0; i < 3; ++i) {
        const std::string id = "running-" + std::to_string(i);
        const LockedUsers lock(database);
        Clock::time_point seen;
        {
            RawClient client(service.port());
            client.send(with_id("/users", id));
            ASSERT_TRUE(eventually([&] { return reads_held_by_a_lock(database) == 1; }));
            seen = Clock::now();
        }
        // The log tells while PostgreSQL still has the lock that the read waits for.
        EXPECT_LT(time_to_end(service, id, Clock::now() - seen), 4s);
        EXPECT_TRUE(eventually([&] { return reads_held_by_a_lock(database) == 0; }));
        expect_nothing_left(service, files);
    }
    EXPECT_EQ(get(service.url("/users")).status, 200);
}

TEST_P(GoneClients, by_the_hundred_leave_nothing_behind) {
    const Service service(database, arguments);
    ASSERT_EQ(get(service.url("/users")).status, 200);
    const std::size_t files = service.open_files();
    const LockedUsers lock(database);
    for (int round = 0; round < 3; ++round) {
        const auto began = Clock::now();
        {
            std::deque<RawClient> clients;
            for (int i = 0; i < 300; ++i) {
                clients.emplace_back(service.port())
                    .send(get_bytes(i % 3 == 0 ? "/users"
                                               : (i % 3 == 1 ? "/slow-task" : "/multiple-tasks")));
                if (i % 2 == 0) clients.back().reset_on_close();
            }
            ASSERT_TRUE(eventually([&] {
                return service.metric("http_server_active_requests") >= 300 ||
                       Clock::now() - began > 2s;  // a slow machine has answered some already
            }));
        }
        expect_nothing_left(service, files);
        EXPECT_TRUE(eventually([&] { return service.metric("signalbox_event_loop_tasks") == 0; }));
    }
}

}  // namespace
}  // namespace signalbox::test
