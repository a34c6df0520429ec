// Connections cost open files, and there are only so many of both.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "signalbox/command_line/open_files.hpp"
#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/prometheus.hpp"
#include "support/raw_message.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::StartsWith;

/// What all test services here have, so that none opens a file for another reason than a client.
const std::vector<std::string> one_of_each{"--workers", "1", "--database-pool-size", "1"};

std::vector<std::string> with(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), one_of_each.begin(), one_of_each.end());
    return arguments;
}

/// Changes the soft limit of a running process, as somebody else.
class FileLimit {
  public:
    FileLimit(pid_t pid, rlim_t soft) : pid_(pid) {
        change(nullptr, &before_);
        const rlimit lowered{.rlim_cur = soft, .rlim_max = before_.rlim_max};
        change(&lowered, nullptr);
    }
    ~FileLimit() { ::prlimit(pid_, RLIMIT_NOFILE, &before_, nullptr); }
    FileLimit(const FileLimit&) = delete;
    FileLimit& operator=(const FileLimit&) = delete;

  private:
    void change(const rlimit* now, rlimit* before) const {
        if (::prlimit(pid_, RLIMIT_NOFILE, now, before) != 0) {
            throw std::system_error(errno, std::generic_category(), "prlimit");
        }
    }

    const pid_t pid_;
    rlimit before_{};
};

/// The number that the next file gets that the process opens.
rlim_t lowest_free_descriptor(pid_t pid) {
    const std::filesystem::path folder = "/proc/" + std::to_string(pid) + "/fd";
    rlim_t number = 0;
    while (std::filesystem::is_symlink(folder / std::to_string(number)))
        ++number;
    return number;
}

std::string soft_file_limit(pid_t pid) {
    std::ifstream limits("/proc/" + std::to_string(pid) + "/limits");
    std::string line;
    while (std::getline(limits, line)) {
        if (!line.starts_with("Max open files")) continue;
        const std::size_t begin = line.find_first_of("0123456789");
        return line.substr(begin, line.find(' ', begin) - begin);
    }
    return {};
}

void expect_turned_away(const std::string& answer) {
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 Service Unavailable\r\n"));
    EXPECT_GE(std::stoi(header_of(answer, "Retry-After").value_or("0")), 1);
    EXPECT_EQ(header_of(answer, "Connection"), "close");
    EXPECT_EQ(header_of(answer, "Content-Type"), "application/json");
    EXPECT_EQ(body_of(answer), R"({"detail":"Service Unavailable"})") << "and then it closes";
}

void expect_served(RawClient& client) {
    client.send(get_bytes("/fast-task"));
    EXPECT_THAT(client.read_response(), HasSubstr("This was quick!"));
}

#ifdef __SANITIZE_ADDRESS__
/// UndefinedBehaviorSanitizer tries memory by a pipe before it looks at an object's type
/// (IsAccessibleMemoryRange in compiler-rt's sanitizer_posix_libcdep.cpp). Without a descriptor it
/// takes each object for a broken one, and ends the process.
constexpr bool sanitizer_needs_descriptors = true;
#else
constexpr bool sanitizer_needs_descriptors = false;
#endif

struct Descriptors : testing::Test {
    const std::string database = database_with_users(0);

    /// An idle connection would give way to a new one after a second.
    static void begin_another_request(RawClient& client) {
        client.send("GET /fast-task HTTP/1.1\r\nHost: a\r\n");
    }
    static void expect_it_served(RawClient& client) {
        client.send("\r\n");
        EXPECT_EQ(status_of(client.read_response()), 200);
    }
};

TEST_F(Descriptors, are_as_many_as_the_hard_limit_allows) {
    const Service service(database, with({}), {},
                          {.open_files = rlimit{.rlim_cur = 256, .rlim_max = 4096}});
    EXPECT_EQ(soft_file_limit(service.pid()), "4096");
    std::deque<RawClient> clients;
    for (int i = 0; i < 300; ++i)
        expect_served(clients.emplace_back(service.port()));
}

TEST_F(Descriptors, that_are_too_few_for_what_is_asked_are_a_reason_not_to_start) {
    const Limits few{.open_files = rlimit{.rlim_cur = 400, .rlim_max = 400}};
    const auto serve = [&](std::vector<std::string> more, std::vector<std::string> environment) {
        auto arguments = with({"--port", "0", "--admin-port", "0", "--database-url", database});
        arguments.insert(arguments.end(), more.begin(), more.end());
        return run_signalbox(arguments, environment, few);
    };
    const Exit flag = serve({"--limit-connections", "300"}, {});
    EXPECT_EQ(flag.status, 2);
    EXPECT_THAT(flag.output, HasSubstr("--limit-connections: 300 needs "));
    EXPECT_THAT(flag.output, HasSubstr("400"));
    EXPECT_EQ(std::count(flag.output.begin(), flag.output.end(), '\n'), 1) << flag.output;

    const Exit variable = serve({}, {"SIGNALBOX_LIMIT_CONNECTIONS=300"});
    EXPECT_EQ(variable.status, 2);
    EXPECT_THAT(variable.output, HasSubstr("SIGNALBOX_LIMIT_CONNECTIONS: 300 needs "));
    EXPECT_EQ(std::count(variable.output.begin(), variable.output.end(), '\n'), 1);
}

TEST_F(Descriptors, limit_the_connections_when_nobody_else_does) {
    constexpr std::size_t files = 400;
    const Service service(database, with({"--timeout-request-head", "5m"}), {},
                          {.open_files = rlimit{.rlim_cur = files, .rlim_max = files}});
    const std::size_t allowed = command_line::connections_allowed(files, 1, 1);
    ASSERT_GT(allowed, 10U);
    std::deque<RawClient> inside;
    while (inside.size() < allowed)
        expect_served(inside.emplace_back(service.port()));
    for (RawClient& client : inside)
        begin_another_request(client);
    for (int i = 0; i < 20; ++i)
        expect_turned_away(RawClient(service.port()).read_to_end());
    for (RawClient& client : inside)
        expect_it_served(client);
    EXPECT_EQ(get(service.admin_url("/readyz")).status, 200) << "operators have files of their own";
}

TEST_F(Descriptors, of_clients_that_left_are_for_others) {
    const Service service(database,
                          with({"--limit-connections", "2", "--timeout-request-head", "5m"}));
    RawClient first(service.port());
    expect_served(first);
    for (int i = 0; i < 20; ++i) {
        {
            RawClient second(service.port());
            expect_served(second);
            begin_another_request(first);
            begin_another_request(second);
            expect_turned_away(RawClient(service.port()).read_to_end());
            expect_it_served(first);
            expect_it_served(second);
        }
        // Whatever they do: the second may still be at work when it is the first that is idle.
        ASSERT_TRUE(eventually([&] { return service.metric("signalbox_connections") == 1; }));
    }
}

TEST_F(Descriptors, are_refused_so_that_every_client_understands) {
    const Service service(database, with({"--limit-connections", "5"}));
    int turned_away = 0;
    for (int round = 0; round < 10; ++round) {
        const std::vector<HttpRequest> crowd(
            50, {.url = service.url("/slow-task"), .headers = {"Request-Timeout: 0.1"}});
        for (const auto& response : send_all(crowd)) {  // throws when one has no answer
            turned_away += response.status == 503 ? 1 : 0;
            EXPECT_TRUE(response.status == 503 || response.status == 504) << response.status;
        }
    }
    EXPECT_GT(turned_away, 0);
}

TEST_F(Descriptors, that_run_out_cost_no_processor_time_and_disturb_nobody_inside) {
    if (sanitizer_needs_descriptors) GTEST_SKIP() << "UBSan cannot do without descriptors";
    const Service service(database, with({}));
    RawClient inside(service.port());
    RawClient operator_inside(service.admin_port());
    expect_served(inside);
    operator_inside.send(get_bytes("/livez"));
    EXPECT_EQ(status_of(operator_inside.read_response()), 200);
    std::deque<RawClient> outside;
    {
        const FileLimit none(service.pid(), lowest_free_descriptor(service.pid()));
        // The kernel accepts them; both listeners have somebody to accept all the time.
        for (int i = 0; i < 50; ++i) {
            outside.emplace_back(service.port()).send(get_bytes("/fast-task"));
            outside.emplace_back(service.admin_port()).send(get_bytes("/livez"));
        }
        const auto before = service.cpu_time();
        for (int i = 0; i < 100; ++i)
            expect_served(inside);
        operator_inside.send(get_bytes("/livez"));
        EXPECT_EQ(status_of(operator_inside.read_response()), 200);
        std::this_thread::sleep_for(3s);  // the stretch of time that is measured, not waited for
        EXPECT_LT(service.cpu_time() - before, 600ms) << "accepting spins";
        expect_served(inside);
    }
    for (RawClient& client : outside)
        EXPECT_EQ(status_of(client.read_response()), 200) << "once there are files again";
    expect_served(inside);
}

TEST_F(Descriptors, are_used_to_the_last_one) {
    if (sanitizer_needs_descriptors) GTEST_SKIP() << "UBSan cannot do without descriptors";
    const Service service(database, with({}));
    RawClient inside(service.port());
    expect_served(inside);
    const FileLimit one(service.pid(), lowest_free_descriptor(service.pid()) + 1);
    for (int i = 0; i < 20; ++i) {
        RawClient last(service.port());
        expect_served(last);
        expect_served(inside);
    }
}

TEST_F(Descriptors, that_the_kernel_cannot_watch_are_turned_away_and_disturb_nobody_inside) {
    constexpr unsigned watched = 200;
    const Service service(database, with({}), {}, {.watched_below = watched});
    RawClient operator_inside(service.admin_port());
    operator_inside.send(get_bytes("/livez"));
    EXPECT_EQ(status_of(operator_inside.read_response()), 200);
    const std::size_t files = service.open_files();
    {
        std::deque<RawClient> inside;
        while (lowest_free_descriptor(service.pid()) < watched)
            expect_served(inside.emplace_back(service.port()));
        ASSERT_GT(inside.size(), 20U);
        const std::size_t full = service.open_files();
        constexpr std::size_t more = 50;
        for (std::size_t i = 0; i < more; ++i) {
            expect_turned_away(RawClient(service.port()).read_to_end());
            expect_served(inside[i % inside.size()]);
        }
        EXPECT_TRUE(eventually([&] { return service.open_files() <= full; }));
        operator_inside.send(get_bytes("/metrics"));
        EXPECT_EQ(total(parse_metrics(body_of(operator_inside.read_response())),
                        "signalbox_connections_rejected_total"),
                  more);
    }
    EXPECT_TRUE(eventually([&] { return service.open_files() <= files; }));
    RawClient next(service.port());
    expect_served(next);
}

}  // namespace
}  // namespace signalbox::test
