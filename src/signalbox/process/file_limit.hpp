#pragma once

#include <cstddef>

namespace signalbox::process {

/// The most files (sockets included) this process can have open at once: the hard limit of
/// RLIMIT_NOFILE, which raise_file_limit() makes the effective one.
std::size_t file_limit();

/// Raises the soft limit, 1024 on most systems for the sake of select(2), to the hard one. Gives
/// the limit in force afterwards; never throws, since a low limit is still a limit to live with.
std::size_t raise_file_limit();

/// The clients that the admin listener serves at the same time: a few probes and operators.
inline constexpr std::size_t admin_connections = 64;

/// The open files a server with so many clients needs: one for each connection, and a reserve for
/// the admin listener, the database pool, each worker's epoll instances and wake-ups, listeners and
/// log.
std::size_t files_needed(std::size_t connections, std::size_t pool_size, std::size_t workers);

/// The other way round: the connections that `files` open files allow; 0 when not even one.
std::size_t connections_allowed(std::size_t files, std::size_t pool_size, std::size_t workers);

}  // namespace signalbox::process
