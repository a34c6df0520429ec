#pragma once

#include <cstddef>

#include "signalbox/process/control_group.hpp"

namespace signalbox::process {

/// The memory this process may have, in bytes: the machine's, or less where its control group
/// limits it (a container with `--memory 256m`), which ends it when it takes more.
std::size_t memory_size();

/// Limits in bytes.
const Controller& memory_controller();

}  // namespace signalbox::process
