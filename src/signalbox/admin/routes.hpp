#pragma once

#include <vector>

#include "signalbox/admin/health.hpp"
#include "signalbox/http/router.hpp"
#include "signalbox/http/watch/telemetry.hpp"
#include "signalbox/observe/log.hpp"
#include "signalbox/observe/metrics.hpp"
#include "signalbox/observe/resource.hpp"

namespace signalbox::admin {

/// What the operators' routes look at and change. All of it outlives the server of the routes.
struct Instance {
    const observe::Resource& service;
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
