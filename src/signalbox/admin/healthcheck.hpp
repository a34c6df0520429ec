#pragma once

#include <optional>
#include <string>

#include "signalbox/config/config.hpp"

namespace signalbox::admin {

/// The command `healthcheck` of a program: asks the admin listener of a running instance whether it
/// is ready, for a container that has no curl. A lost database does not make it unhealthy: a
/// restart would not bring it back, and would take away the routes that need none. Returns why it
/// is not, or nothing.
std::optional<std::string> run_healthcheck(const config::Config& config);

}  // namespace signalbox::admin
