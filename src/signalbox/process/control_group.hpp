#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace signalbox::process {

/// How a resource is limited by control groups: what the files in one group's folder say, or
/// nothing where there is no limit.
struct Controller {
    using Limit = std::function<std::optional<double>(const std::filesystem::path& folder)>;

    std::string_view name;  ///< of version 1: the folder below /sys/fs/cgroup
    Limit version_2;
    Limit version_1;
};

/// The tightest limit on the way from the process's group up to the root. `membership` is the
/// content of /proc/self/cgroup, `root` where the file system is mounted, normally /sys/fs/cgroup.
/// (Linux: Documentation/admin-guide/cgroup-v2.rst and cgroup-v1.)
std::optional<double> tightest_limit(const Controller& controller, std::string_view membership,
                                     const std::filesystem::path& root);

/// The same for this process.
std::optional<double> tightest_limit(const Controller& controller);

/// A file's content; empty when there is none, as where a controller is not in use.
std::string content_of(const std::filesystem::path& file);

/// A whole number above 0, blanks and newlines behind it left aside. Nothing for anything else,
/// such as "max" and "-1", which mean that there is no limit.
std::optional<double> positive_number(std::string_view text);

/// The text up to the next separator, which is removed from `rest` together with it.
std::string_view next_field(std::string_view& rest, char separator);

}  // namespace signalbox::process
