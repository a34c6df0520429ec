#include "signalbox/process/file_limit.hpp"

#include <sys/resource.h>

#include <limits>

namespace signalbox::process {
namespace {

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

}  // namespace signalbox::process
