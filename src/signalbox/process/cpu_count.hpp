#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "signalbox/process/control_group.hpp"

namespace signalbox::process {

/// The cores this process may use: those it may be scheduled on, or fewer where its control group
/// limits its CPU time (a container with `--cpus 1.5` has two). At least 1. std::thread's
/// hardware_concurrency() knows nothing of the group and counts the whole machine.
std::size_t cpu_count();

/// Limits in cores.
const Controller& cpu_controller();

/// Control groups v2: the content of cpu.max, "150000 100000" for one and a half cores. Nothing
/// where there is no limit ("max 100000") or the text is not understood.
std::optional<double> parse_cpu_max(std::string_view cpu_max);

/// Control groups v1: the contents of cpu.cfs_quota_us (-1: no limit) and cpu.cfs_period_us.
std::optional<double> parse_cfs_quota(std::string_view quota, std::string_view period);

}  // namespace signalbox::process
