// What 200 clients may cost that stop reading in the middle of a large response, and for how long.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/large_users.hpp"
#include "support/locked_users.hpp"
#include "support/log_lines.hpp"
#include "support/prometheus.hpp"
#include "support/sanitized.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t mebibyte = 1024 * 1024;

std::string get_users(const std::string& id) {
    return "GET /users HTTP/1.1\r\nHost: test\r\nConnection: close\r\nX-Request-ID: " + id +
           "\r\n\r\n";
}

TEST(TwoHundredSlowReaders, hold_little_memory_and_no_processor) {
    constexpr std::size_t count = 200;
    const std::string database = database_with_large_users();
    const Service service(database, {"--workers", "2", "--timeout-write", "5m"});
    const std::size_t size = get(service.url("/users")).body.size();
    ASSERT_GT(size, 2 * mebibyte);
    ASSERT_LT(count * size, 512 * mebibyte) << "beyond the cap some would be cut";
    const double memory = service.metric("process_resident_memory_bytes");

    std::vector<RawClient> clients;
    {
        // All but the first gather behind it meanwhile, and share one execution.
        const LockedUsers lock(database);
        for (std::size_t i = 0; i < count; ++i) {
            clients.emplace_back(service.port(), 4096);
            clients.back().send(get_users("slow-" + std::to_string(i)));
        }
        ASSERT_TRUE(
            eventually([&] { return service.metric("http_server_active_requests") == count; }));
    }
    for (RawClient& client : clients)
        client.read_until("\r\n\r\n");
    ASSERT_TRUE(eventually([&] { return service.waiting("client") == 200; }))
        << service.waiting("client");

    // If each had a body of its own it would be 400 MiB.
    if (!sanitized) {
        EXPECT_LT(service.metric("process_resident_memory_bytes") - memory, 64 * mebibyte);
    }
    const auto before = service.cpu_time();
    std::this_thread::sleep_for(2s);  // the stretch of time that is measured, not waited for
    EXPECT_LT(service.cpu_time() - before, 300ms) << "a loop that spins takes what it gets";
    EXPECT_EQ(get(service.url("/fast-task")).status, 200);
    EXPECT_EQ(service.waiting("client"), 200u) << "all of them are still there";
    EXPECT_EQ(clients.back().read_to_end().size(), size);
}

TEST(TimeoutWrite, ends_a_response_whose_client_takes_nothing_but_no_slow_one) {
    // Some 15 MB, far more than the buffers of both sockets hold.
    const std::string database = database_with_users(150'000);
    const Service service(database, {"--timeout-write", "2s", "--database-pool-size", "1",
                                     "--database-query-timeout", "1m", "--timeout-request", "2m"});
    ASSERT_EQ(get(service.url("/fast-task")).status, 200);
    const std::size_t open_files = service.open_files();

    RawClient stalled(service.port(), 4096);
    stalled.send(get_users("stalled"));
    stalled.read_until("\r\n\r\n");
    auto slow = std::async(std::launch::async, [&] {
        RawClient client(service.port(), 128 * 1024);
        client.send(get_users("slow"));
        std::size_t taken = 0;
        while (true) {
            const std::size_t more = client.read_some().size();
            if (more == 0) return taken;
            taken += more;
            std::this_thread::sleep_for(15ms);  // this is what makes it slow
        }
    });

    const LogLine cut = wait_for_line(service, "request_id", "stalled");
    EXPECT_EQ(cut.number("http.response.status_code"), 200) << "499 is who left by himself";
    EXPECT_EQ(cut.text("error.type"), "write_timeout");
    EXPECT_EQ(cut.text("severity_text"), "INFO") << "no fault of ours";
    EXPECT_GE(cut.number("duration_s"), 2);
    // What the kernel still has of it is dropped, and not left to it until the client takes it.
    EXPECT_THROW(stalled.read_to_end(), std::system_error);
    const std::size_t taken = slow.get();
    const LogLine served = wait_for_line(service, "request_id", "slow");
    EXPECT_EQ(served.number("http.response.status_code"), 200);
    EXPECT_GT(served.number("duration_s"), 2.5) << "it was not slow enough to prove anything";
    EXPECT_GT(taken, served.number("http.response.body.size"));
    EXPECT_TRUE(eventually([&] { return service.open_files() <= open_files; }));
}

}  // namespace
}  // namespace signalbox::test
