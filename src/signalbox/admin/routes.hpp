#pragma once

#include <vector>

#include "signalbox/admin/allowed_hosts.hpp"
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

/// Who may see the panel, `/metrics` and `/debug`: on the API's port only the machine itself.
enum class DebugAccess { everyone, loopback };

/// The operators' routes. Each refuses with 403 what AllowedHosts refuses, and says so in the log.
std::vector<http::Route> routes(Instance instance, DebugAccess access,
                                const AllowedHosts& allowed_hosts = {});

}  // namespace signalbox::admin
