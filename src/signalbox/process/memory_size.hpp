#pragma once

#include <cstddef>
#include <optional>

#include "signalbox/process/control_group.hpp"

namespace signalbox::process {

/// The memory this process may have, in bytes: the machine's, or less where its control group
/// limits it (a container with `--memory 256m`), which ends it when it takes more, or where its
/// address space is limited (RLIMIT_AS), beyond which allocations fail.
std::size_t memory_size();

/// RLIMIT_AS in bytes; nothing where there is none.
std::optional<double> address_space_limit();

/// Limits in bytes.
const Controller& memory_controller();

}  // namespace signalbox::process
