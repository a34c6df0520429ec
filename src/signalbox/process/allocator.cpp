#include "signalbox/process/allocator.hpp"

#include <cstdlib>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "signalbox/process/memory_size.hpp"

namespace signalbox::process {

void give_freed_memory_back() {
#ifdef __GLIBC__
    constexpr std::size_t plenty = std::size_t{1} << 30;
    if (memory_size() >= plenty) return;
    constexpr int large = 128 * 1024;  // as it begins, but fixed
    ::mallopt(M_MMAP_THRESHOLD, large);
    ::mallopt(M_TRIM_THRESHOLD, large);
#endif
}

}  // namespace signalbox::process
