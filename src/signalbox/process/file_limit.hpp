#pragma once

#include <cstddef>

namespace signalbox::process {

/// The most files (sockets included) this process can have open at once: the hard limit of
/// RLIMIT_NOFILE, which raise_file_limit() makes the effective one.
std::size_t file_limit();

/// Raises the soft limit, 1024 on most systems for the sake of select(2), to the hard one. Gives
/// the limit in force afterwards; never throws, since a low limit is still a limit to live with.
std::size_t raise_file_limit();

}  // namespace signalbox::process
