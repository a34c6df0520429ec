#pragma once

#include <string>

#include "signalbox/observe/resource.hpp"

namespace signalbox::observe {

/// The members that each line ends with, as they stand behind others, and the line's bracket.
std::string resource_members(const Resource& resource);

}  // namespace signalbox::observe
