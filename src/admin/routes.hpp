#pragma once

#include <vector>

#include "admin/health.hpp"
#include "http/router.hpp"

namespace signalbox::admin {

/// The operators' routes. `health` must outlive the server that they are given to.
std::vector<http::Route> routes(const Health& health);

}  // namespace signalbox::admin
