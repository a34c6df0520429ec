#pragma once

#include "http/router.hpp"

#include <vector>

namespace signalbox::app {

/// Every route of the API.
std::vector<http::Route> routes();

}  // namespace signalbox::app
