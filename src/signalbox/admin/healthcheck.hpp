#pragma once

#include <iosfwd>

#include "signalbox/config/config.hpp"

namespace signalbox::admin {

/// The command `healthcheck` of a program: asks the admin listener of a running instance whether it
/// is ready, for a container that has no curl. A lost database does not make it unhealthy: a
/// restart would not bring it back, and would take away the routes that need none. The exit status:
/// 0, or 1 with the reason on `errors`.
int run_healthcheck(const config::Config& config, std::ostream& errors);

}  // namespace signalbox::admin
