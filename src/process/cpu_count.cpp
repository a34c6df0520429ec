#include "process/cpu_count.hpp"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>
#include <thread>

#include "process/read_file.hpp"

namespace signalbox::process {
namespace {

namespace fs = std::filesystem;

/// Empty when there is no such file, as for a controller that is not there.
std::string content_of(const fs::path& file) {
    const auto content = read_file(file);
    return content ? *content : std::string{};
}

/// The text up to the next separator, which is removed from `rest` together with it.
std::string_view next_field(std::string_view& rest, char separator) {
    const auto end = std::min(rest.find(separator), rest.size());
    const std::string_view field = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return field;
}

std::optional<double> positive_number(std::string_view text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == ' '))
        text.remove_suffix(1);
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value <= 0) return std::nullopt;
    return static_cast<double>(value);
}

std::optional<double> tighter(std::optional<double> a, std::optional<double> b) {
    return a && b ? std::min(*a, *b) : (a ? a : b);
}

/// Calls `limit_of(directory)` for the group and each one above it. A limit set on any of them
/// holds, and inside a container the group's path may name a directory of the host, so that only
/// the root is there.
template <typename LimitOf>
std::optional<double> tightest_on_the_way_up(const fs::path& mount, std::string_view group,
                                             LimitOf limit_of) {
    std::optional<double> limit = limit_of(mount);
    fs::path directory = mount;
    for (const fs::path& part : fs::path{group}.relative_path()) {
        directory /= part;
        limit = tighter(limit, limit_of(directory));
    }
    return limit;
}

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

std::optional<double> cgroup_cpu_limit(std::string_view membership, const fs::path& root) {
    std::optional<double> limit;
    // One line a hierarchy: "0::/group" is v2, "4:cpu,cpuacct:/group" is v1.
    while (!membership.empty()) {
        std::string_view line = next_field(membership, '\n');
        next_field(line, ':');
        std::string_view controllers = next_field(line, ':');
        const std::string_view group = line;
        if (controllers.empty()) {
            limit = tighter(limit, tightest_on_the_way_up(root, group, [](const fs::path& dir) {
                                return parse_cpu_max(content_of(dir / "cpu.max"));
                            }));
        }
        while (!controllers.empty()) {
            if (next_field(controllers, ',') != "cpu") continue;
            limit =
                tighter(limit, tightest_on_the_way_up(root / "cpu", group, [](const fs::path& dir) {
                            return parse_cfs_quota(content_of(dir / "cpu.cfs_quota_us"),
                                                   content_of(dir / "cpu.cfs_period_us"));
                        }));
        }
    }
    return limit;
}

std::size_t cpu_count() {
    std::size_t cores = std::max<std::size_t>(1, schedulable_cpus());
    const auto limit = cgroup_cpu_limit(content_of("/proc/self/cgroup"), "/sys/fs/cgroup");
    // Rounded up: half a core more is better used by a thread too many than left idle.
    if (limit && *limit < static_cast<double>(cores)) {
        cores = std::max<std::size_t>(1, static_cast<std::size_t>(std::ceil(*limit)));
    }
    return cores;
}

}  // namespace signalbox::process
