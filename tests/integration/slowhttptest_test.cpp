// slowhttptest, the tool that is made to find servers whom slow clients can keep from others.

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "signalbox/process/file_limit.hpp"
#include "signalbox/testing/spawn.hpp"
#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/prometheus.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

using namespace std::chrono_literals;

constexpr auto program = "/usr/bin/slowhttptest";  // Debian's package of this name

struct Mode {
    std::string name, path;
    std::vector<std::string> options;
};

std::ostream& operator<<(std::ostream& stream, const Mode& mode) {
    return stream << mode.name;
}

struct SlowHttpTest : testing::TestWithParam<Mode> {
    static constexpr std::size_t connections = 1000;

    const std::string database = database_with_users(1000);
    const Service service{
        database,
        {"--timeout-request-head", "8s", "--timeout-request-body", "8s", "--timeout-write", "8s"}};
    const std::filesystem::path output =
        std::filesystem::temp_directory_path() / ("slowhttptest-" + std::to_string(::getpid()));

    void SetUp() override {
        ASSERT_TRUE(std::filesystem::exists(program)) << "scripts/setup slowhttptest installs it";
        ASSERT_GT(process::raise_file_limit(), 2 * connections);  // the tool has ours
    }
    void TearDown() override { std::filesystem::remove(output); }

    pid_t attack() const {
        SpawnOptions options;
        options.arguments = {
            program, "-c", std::to_string(connections), "-r", "500", "-i", "1", "-l",
            "12",    "-u", service.url(GetParam().path)};
        options.arguments.insert(options.arguments.end(), GetParam().options.begin(),
                                 GetParam().options.end());
        options.output = output;
        options.dies_with_caller = true;
        return spawn(options);
    }

    double open_connections() const { return service.metric("signalbox_connections"); }

    std::string said() const {
        std::ifstream file(output);
        return {std::istreambuf_iterator<char>(file), {}};
    }
};
INSTANTIATE_TEST_SUITE_P(
    modes, SlowHttpTest,
    testing::Values(Mode{"slow_heads", "/fast-task", {"-H"}},
                    Mode{"slow_bodies", "/users", {"-B", "-s", "8192", "-x", "10"}},
                    // Ten answers of 100 KB each, taken by a handful of bytes.
                    Mode{"slow_reads",
                         "/users",
                         {"-X", "-k", "10", "-w", "512", "-y", "1024", "-n", "2", "-z", "32"}}),
    [](const auto& info) { return info.param.name; });

TEST_P(SlowHttpTest, leaves_other_clients_served) {
    const pid_t tool = attack();
    double most_connections = 0;
    int served = 0;
    std::chrono::duration<double> slowest{};
    std::optional<int> status;
    while (!(status = wait_for_exit(tool, 0ms))) {
        for (const char* path : {"/fast-task", "/users"}) {
            const auto response = get(service.url(path));  // throws when there is no answer
            ASSERT_EQ(response.status, 200);
            slowest = std::max(slowest, response.duration);
            ++served;
        }
        most_connections = std::max(most_connections, open_connections());
    }
    EXPECT_EQ(*status, 0) << said();
    EXPECT_GE(most_connections, 0.9 * connections) << "it was no attack\n" << said();
    EXPECT_LT(slowest.count(), 5.0);
    std::cout << served << " requests served beside " << most_connections
              << " slow connections, the slowest in " << slowest.count() * 1000 << " ms\n";
    EXPECT_TRUE(eventually([&] { return open_connections() == 0; })) << open_connections();
}

}  // namespace
}  // namespace signalbox::test
