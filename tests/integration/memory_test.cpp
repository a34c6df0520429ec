// What the service does when there is no memory to be had, and what it says when it must end.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <deque>
#include <fstream>
#include <string>
#include <system_error>

#include "signalbox/testing/postgres.hpp"
#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/log_lines.hpp"
#include "support/prometheus.hpp"
#include "support/raw_message.hpp"
#include "support/sanitized.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

std::size_t address_space(pid_t pid) {
    std::ifstream statm("/proc/" + std::to_string(pid) + "/statm");
    std::size_t pages = 0;
    statm >> pages;
    return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

/// Lets the process have so much more than it has now.
void limit_address_space(pid_t pid, std::size_t more) {
    const rlimit limit{.rlim_cur = address_space(pid) + more, .rlim_max = RLIM_INFINITY};
    if (::prlimit(pid, RLIMIT_AS, &limit, nullptr) != 0) {
        throw std::system_error(errno, std::generic_category(), "prlimit");
    }
}

struct WithoutMemory : testing::TestWithParam<int> {
    Service service{database_with_users(1000),
                    {"--workers", std::to_string(GetParam()), "--timeout-request-body", "600s",
                     "--database-pool-size", "10"}};

    void SetUp() override {
        if (sanitized) GTEST_SKIP() << "sanitizers take address space by the terabyte";
        ASSERT_EQ(get(service.url("/users")).status, 200);
        // The allocator's arenas have some that is counted already.
        limit_address_space(service.pid(), 16 << 20);
    }

    double ended() const {
        return service.metric("signalbox_connections_cut_total", {{"reason", "connection_failed"}});
    }
    double held() const {
        return service.metric("signalbox_buffered_bytes", {{"what", "requests"}});
    }

    void expect_that_it_serves() const {
        EXPECT_TRUE(eventually([&] {
            return !service.has_ended() && get(service.url("/fast-task")).status == 200 &&
                   get(service.url("/users")).status == 200;
        })) << service.output();
    }
};
INSTANTIATE_TEST_SUITE_P(one_and_two_workers, WithoutMemory, testing::Values(1, 2));

TEST_P(WithoutMemory, uploads_end_with_503_and_the_service_lives) {
    const std::string part =
        "POST /fast-task HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" +
        std::string(900'000, 'x');
    std::deque<RawClient> clients;
    const auto send_part = [&] {
        clients.emplace_back(service.port());
        try {
            clients.back().send(part);
        } catch (const std::system_error&) {  // it is closed already
        }
        ASSERT_FALSE(service.has_ended()) << service.output();
    };
    // One after the other, until there is no memory for one: it is that one which ends.
    for (int i = 0; i < 400 && ended() == 0; ++i) {
        const double before = held();
        ASSERT_NO_FATAL_FAILURE(send_part());
        ASSERT_TRUE(eventually([&] { return ended() > 0 || held() > before + 880'000; }));
    }
    EXPECT_EQ(ended(), 1);
    const std::string told = clients.back().read_to_end();
    EXPECT_THAT(told, StartsWith("HTTP/1.1 503 "));
    EXPECT_TRUE(header_of(told, "Retry-After"));
    const LogLine line = wait_for_line(service, "body", "the code of a connection failed");
    EXPECT_EQ(line.text("error.type"), "connection_failed");
    EXPECT_EQ(line.text("error.message"), "std::bad_alloc");
    for (int i = 0; i < 50; ++i)
        ASSERT_NO_FATAL_FAILURE(send_part());
    EXPECT_EQ(get(service.admin_url("/livez")).status, 200);
    clients.clear();
    expect_that_it_serves();
}

TEST_P(WithoutMemory, answers_that_nobody_takes_do_not_end_the_service) {
    std::deque<RawClient> clients;
    for (int i = 0; i < 1000; ++i) {
        try {
            clients.emplace_back(service.port(), 4096)
                .send("GET /users HTTP/1.1\r\nHost: a\r\nX-A: " + std::string(i, 'a') + "\r\n\r\n");
        } catch (const std::system_error&) {
        }
        ASSERT_FALSE(service.has_ended()) << service.output();
    }
    EXPECT_EQ(get(service.admin_url("/livez")).status, 200);
    clients.clear();
    expect_that_it_serves();
}

TEST(LastWords, are_the_last_line_of_the_log) {
    if (sanitized) GTEST_SKIP() << "the sanitizers tell of signals";
    for (const int signal : {SIGABRT, SIGSEGV}) {
        Service service(database_with_users(0));
        service.signal(signal);
        const auto exit = service.wait_for_exit();
        ASSERT_TRUE(exit);
        EXPECT_EQ(exit->status, -1) << "it ends by the signal";
        const std::size_t last = exit->output.rfind('\n', exit->output.size() - 2) + 1;
        EXPECT_THAT(exit->output.substr(last),
                    AllOf(StartsWith("{\"timestamp\":"),
                          HasSubstr("\"severity_text\":\"FATAL\",\"severity_number\":21,"),
                          HasSubstr("\"error.type\":\"signal\",\"error.message\":\"SIG")));
    }
}

}  // namespace
}  // namespace signalbox::test
