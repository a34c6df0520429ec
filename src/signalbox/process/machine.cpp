#include "signalbox/process/machine.hpp"

#include <unistd.h>

#include <system_error>

#include "signalbox/process/cpu_count.hpp"
#include "signalbox/process/file_limit.hpp"
#include "signalbox/process/memory_size.hpp"

namespace signalbox::process {

Machine this_machine() {
    std::error_code ignored;  // an empty folder then
    const auto binary = std::filesystem::read_symlink("/proc/self/exe", ignored);
    return {.cores = cpu_count(),
            .memory = memory_size(),
            .open_files = file_limit(),
            .stdout_is_terminal = ::isatty(STDOUT_FILENO) == 1,
            .binary_folder = binary.parent_path()};
}

}  // namespace signalbox::process
