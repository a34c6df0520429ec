#include "signalbox/process/file_limit.hpp"

#include <sys/resource.h>

#include <limits>

namespace signalbox::process {
namespace {

// A database connection has a descriptor and a duplicate of it, and while it is replaced there are
// two connections for a moment. A worker's event loop has an epoll instance, an eventfd and a
// timerfd; its transport an epoll instance, a duplicate of that, and an eventfd. The 64 are for all
// that there is once, acceptors and the admin listener's worker included.
std::size_t reserved_files(std::size_t pool_size, std::size_t workers) {
    return 64 + admin_connections + 4 * pool_size + 8 * workers;
}

std::size_t to_count(rlim_t limit) {
    return limit == RLIM_INFINITY ? std::numeric_limits<std::size_t>::max()
                                  : static_cast<std::size_t>(limit);
}

}  // namespace

std::size_t file_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
    return to_count(limit.rlim_max);
}

std::size_t raise_file_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
    rlimit raised = limit;
    raised.rlim_cur = limit.rlim_max;
    return to_count(::setrlimit(RLIMIT_NOFILE, &raised) == 0 ? raised.rlim_cur : limit.rlim_cur);
}

std::size_t files_needed(std::size_t connections, std::size_t pool_size, std::size_t workers) {
    return connections + reserved_files(pool_size, workers);
}

std::size_t connections_allowed(std::size_t files, std::size_t pool_size, std::size_t workers) {
    const std::size_t reserved = reserved_files(pool_size, workers);
    return files <= reserved ? 0 : files - reserved;
}

}  // namespace signalbox::process
