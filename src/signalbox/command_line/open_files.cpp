#include "signalbox/command_line/open_files.hpp"

#include "signalbox/admin/connections.hpp"

namespace signalbox::command_line {
namespace {

// A database connection has a descriptor and a duplicate of it, and while it is replaced there are
// two connections for a moment. A worker's event loop has an epoll instance, an eventfd and a
// timerfd; its transport an epoll instance, a duplicate of that, and an eventfd. The admin listener
// may hold as many again as it serves, which wait for room, and the API 64. Another 64 are for all
// that there is once, acceptors and the admin listener's worker included.
std::size_t reserved_files(std::size_t pool_size, std::size_t workers) {
    return 64 + 64 + 2 * admin::max_connections + 4 * pool_size + 8 * workers;
}

}  // namespace

std::size_t files_needed(std::size_t connections, std::size_t pool_size, std::size_t workers) {
    return connections + reserved_files(pool_size, workers);
}

std::size_t connections_allowed(std::size_t files, std::size_t pool_size, std::size_t workers) {
    const std::size_t reserved = reserved_files(pool_size, workers);
    return files <= reserved ? 0 : files - reserved;
}

}  // namespace signalbox::command_line
