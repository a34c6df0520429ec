#pragma once

#include <vector>

#include "admin/health.hpp"
#include "http/router.hpp"
#include "http/telemetry.hpp"
#include "observe/log.hpp"
#include "observe/metrics.hpp"

namespace signalbox::admin {

/// What the operators' routes look at and change. All of it outlives the server of the routes.
struct Instance {
    const Health& health;
    const observe::Metrics& metrics;
    http::Telemetry& telemetry;
    observe::Log& log;
};

/// Who may see the panel and `/debug`, which tell of single requests.
enum class DebugAccess { everyone, loopback };

/// The operators' routes.
std::vector<http::Route> routes(Instance instance, DebugAccess access);

}  // namespace signalbox::admin
