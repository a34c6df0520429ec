#include "signalbox/process/control_group.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "signalbox/process/read_file.hpp"

namespace signalbox::process {
namespace {

namespace fs = std::filesystem;

std::optional<double> tighter(std::optional<double> a, std::optional<double> b) {
    return a && b ? std::min(*a, *b) : (a ? a : b);
}

/// Of the group and each one above it. A limit set on any of them holds, and inside a container
/// the group's path may name a directory of the host, so that only the root is there.
std::optional<double> tightest_on_the_way_up(const fs::path& mount, std::string_view group,
                                             const Controller::Limit& limit_of) {
    std::optional<double> limit = limit_of(mount);
    fs::path directory = mount;
    for (const fs::path& part : fs::path{group}.relative_path()) {
        directory /= part;
        limit = tighter(limit, limit_of(directory));
    }
    return limit;
}

}  // namespace

std::optional<double> tightest_limit(const Controller& controller, std::string_view membership,
                                     const fs::path& root) {
    std::optional<double> limit;
    // One line a hierarchy: "0::/group" is v2, "4:cpu,cpuacct:/group" is v1.
    while (!membership.empty()) {
        std::string_view line = next_field(membership, '\n');
        next_field(line, ':');
        std::string_view controllers = next_field(line, ':');
        const std::string_view group = line;
        if (controllers.empty()) {
            limit = tighter(limit, tightest_on_the_way_up(root, group, controller.version_2));
        }
        while (!controllers.empty()) {
            if (next_field(controllers, ',') != controller.name) continue;
            limit = tighter(
                limit, tightest_on_the_way_up(root / controller.name, group, controller.version_1));
        }
    }
    return limit;
}

std::optional<double> tightest_limit(const Controller& controller) {
    return tightest_limit(controller, content_of("/proc/self/cgroup"), "/sys/fs/cgroup");
}

std::string content_of(const fs::path& file) {
    const auto content = read_file(file);
    return content ? *content : std::string{};
}

std::optional<double> positive_number(std::string_view text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == ' '))
        text.remove_suffix(1);
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value <= 0) return std::nullopt;
    return static_cast<double>(value);
}

std::string_view next_field(std::string_view& rest, char separator) {
    const auto end = std::min(rest.find(separator), rest.size());
    const std::string_view field = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return field;
}

}  // namespace signalbox::process
