#pragma once

#include <cstddef>

namespace signalbox::admin {

/// The clients that the admin listener serves at the same time: a few probes and operators.
inline constexpr std::size_t max_connections = 64;

}  // namespace signalbox::admin
