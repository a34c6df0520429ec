#include "signalbox/process/cpu_count.hpp"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <thread>

namespace signalbox::process {
namespace {

std::size_t schedulable_cpus() {
    cpu_set_t cpus;
    // Fails with EINVAL on a machine with more than CPU_SETSIZE (1024) cores.
    if (::sched_getaffinity(0, sizeof cpus, &cpus) == 0) {
        return static_cast<std::size_t>(CPU_COUNT(&cpus));
    }
    return std::thread::hardware_concurrency();
}

}  // namespace

std::optional<double> parse_cpu_max(std::string_view cpu_max) {
    const std::string_view quota = next_field(cpu_max, ' ');
    return parse_cfs_quota(quota, cpu_max);
}

std::optional<double> parse_cfs_quota(std::string_view quota, std::string_view period) {
    const auto quota_us = positive_number(quota);
    const auto period_us = positive_number(period);
    if (!quota_us || !period_us) return std::nullopt;
    return *quota_us / *period_us;
}

const Controller& cpu_controller() {
    static const Controller controller{
        .name = "cpu",
        .version_2 =
            [](const auto& folder) { return parse_cpu_max(content_of(folder / "cpu.max")); },
        .version_1 =
            [](const auto& folder) {
                return parse_cfs_quota(content_of(folder / "cpu.cfs_quota_us"),
                                       content_of(folder / "cpu.cfs_period_us"));
            }};
    return controller;
}

std::size_t cpu_count() {
    std::size_t cores = std::max<std::size_t>(1, schedulable_cpus());
    const auto limit = tightest_limit(cpu_controller());
    // Rounded up: half a core more is better used by a thread too many than left idle.
    if (limit && *limit < static_cast<double>(cores)) {
        cores = std::max<std::size_t>(1, static_cast<std::size_t>(std::ceil(*limit)));
    }
    return cores;
}

}  // namespace signalbox::process
