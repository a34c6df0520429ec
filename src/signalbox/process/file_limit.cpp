#include "signalbox/process/file_limit.hpp"

#include <sys/resource.h>

#include <limits>

namespace signalbox::process {
namespace {

constexpr std::size_t files_per_connection = 2;

// A database connection has a descriptor and a duplicate of it, and while it is replaced there are
// two connections for a moment.
std::size_t reserved_files(std::size_t pool_size, std::size_t workers) {
    return 64 + files_per_connection * admin_connections + 4 * pool_size + 8 * workers;
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
    return files_per_connection * connections + reserved_files(pool_size, workers);
}

std::size_t connections_allowed(std::size_t files, std::size_t pool_size, std::size_t workers) {
    const std::size_t reserved = reserved_files(pool_size, workers);
    return files <= reserved ? 0 : (files - reserved) / files_per_connection;
}

}  // namespace signalbox::process
