#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <string>

#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/metrics.hpp"
#include "support/prometheus.hpp"
#include "support/raw_message.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

using testing::AllOf;
using testing::Ge;
using testing::HasSubstr;
using testing::Le;
using testing::StartsWith;

double max_open_files(pid_t pid) {
    std::ifstream limits("/proc/" + std::to_string(pid) + "/limits");
    const std::string name = "Max open files";
    for (std::string line; std::getline(limits, line);) {
        if (line.starts_with(name)) return std::stod(line.substr(name.size()));
    }
    return 0;
}

TEST(ProcessMetrics, agree_with_the_kernel) {
    const auto wall_clock = [] {
        return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch())
            .count();
    };
    const double before_start = wall_clock();
    const Service service(database_with_users(1), {"--database-pool-size", "2"});
    const double after_start = wall_clock();
    ASSERT_TRUE(is_counted(service, "db_client_connections", {}, 2));

    // On a connection that stays, so that there is no file more or less when it is compared.
    RawClient admin(service.admin_port());
    const auto scrape_on_it = [&admin] {
        admin.send(get_bytes("/metrics"));
        const std::string response = admin.read_response();
        return parse_metrics(response.substr(response.find("\r\n\r\n") + 4));
    };
    const auto value = [](const Samples& samples, const char* name) {
        EXPECT_EQ(std::count_if(samples.begin(), samples.end(),
                                [name](const Sample& sample) { return sample.name == name; }),
                  1)
            << name;
        return total(samples, name);
    };
    EXPECT_TRUE(eventually([&] {
        return value(scrape_on_it(), "process_open_fds") ==
               static_cast<double>(service.open_files());
    }));
    const double rest = value(scrape_on_it(), "process_open_fds");
    const auto seconds = [](auto duration) {
        return std::chrono::duration<double>(duration).count();
    };
    for (int i = 0; i < 2000; ++i)
        get(service.url("/fast-task"));  // processor time worth comparing
    const double cpu_before = seconds(service.cpu_time());
    const Samples samples = scrape_on_it();
    const double cpu_after = seconds(service.cpu_time());
    EXPECT_GT(cpu_before, 0);
    EXPECT_THAT(value(samples, "process_cpu_seconds_total"), AllOf(Ge(cpu_before), Le(cpu_after)));
    EXPECT_EQ(value(samples, "process_threads"), static_cast<double>(service.threads()));
    EXPECT_EQ(value(samples, "process_max_fds"), max_open_files(service.pid()));
    const double resident = value(samples, "process_resident_memory_bytes");
    EXPECT_GT(resident, 1 << 20);
    EXPECT_LT(resident, value(samples, "process_virtual_memory_bytes"));
    // The kernel tells when it was booted in whole seconds.
    const double started = value(samples, "process_start_time_seconds");
    EXPECT_THAT(started, AllOf(Ge(before_start - 2), Le(after_start + 2)));
    EXPECT_EQ(value(scrape_on_it(), "process_start_time_seconds"), started);

    // A file more is one more, when those of all the others are closed.
    EXPECT_TRUE(eventually([&] {
        const Samples now = scrape_on_it();
        return total(now, "signalbox_connections") == 0 && value(now, "process_open_fds") <= rest;
    }));
    const double open = value(scrape_on_it(), "process_open_fds");
    RawClient client(service.port());
    client.send(get_bytes("/fast-task"));
    client.read_response();
    EXPECT_EQ(value(scrape_on_it(), "process_open_fds"), open + 1) << "a socket";
}

TEST(ProcessMetrics, name_the_version_that_the_binary_names) {
    const Service service(database_with_users(0));
    const Samples samples = service.metrics();
    const auto info = std::find_if(samples.begin(), samples.end(), [](const Sample& sample) {
        return sample.name == "signalbox_build_info";
    });
    ASSERT_NE(info, samples.end());
    EXPECT_EQ(info->value, 1);
    const Exit version = run_signalbox({"--version"});
    EXPECT_THAT(version.output, HasSubstr(info->labels.at("version")));
    EXPECT_THAT(version.output, HasSubstr(info->labels.at("revision")));
    EXPECT_THAT(info->labels.at("compiler"), StartsWith("g++ "));
    EXPECT_EQ(info->labels.at("service"), "signalbox");
    const std::string in_json = "{\"service\":\"signalbox\",\"version\":\"" +
                                info->labels.at("version") + "\",\"revision\":\"" +
                                info->labels.at("revision") + "\"}";
    EXPECT_EQ(get(service.admin_url("/version")).body, in_json);
}

}  // namespace
}  // namespace signalbox::test
