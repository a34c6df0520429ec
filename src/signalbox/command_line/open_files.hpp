#pragma once

#include <cstddef>

namespace signalbox::command_line {

/// The open files a server with so many clients needs: one for each connection, and a reserve for
/// the admin listener, the database pool, each worker's epoll instances and wake-ups, listeners and
/// log.
std::size_t files_needed(std::size_t connections, std::size_t pool_size, std::size_t workers);

/// The other way round: the connections that `files` open files allow; 0 when not even one.
std::size_t connections_allowed(std::size_t files, std::size_t pool_size, std::size_t workers);

}  // namespace signalbox::command_line
