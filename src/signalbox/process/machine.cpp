#include "signalbox/process/machine.hpp"

#include <unistd.h>

#include <system_error>

#include "signalbox/process/cpu_count.hpp"
#include "signalbox/process/file_limit.hpp"
#include "signalbox/process/memory_size.hpp"

namespace signalbox::process {

Machine this_machine() {
    std::error_code ignored;  // an empty folder then, and a message that names the migrations
    const auto binary = std::filesystem::read_symlink("/proc/self/exe", ignored);
    return {.cores = cpu_count(),
            .memory = memory_size(),
            .open_files = file_limit(),
            .stdout_is_terminal = ::isatty(STDOUT_FILENO) == 1,
            .migrations_dir = find_migrations(binary.parent_path())};
}

std::filesystem::path find_migrations(const std::filesystem::path& binary_folder) {
    auto installed = binary_folder.parent_path() / "share/signalbox/migrations";
    auto in_source = binary_folder.parent_path().parent_path() / "migrations";
    std::error_code ignored;
    if (std::filesystem::is_directory(installed, ignored)) return installed;
    return std::filesystem::is_directory(in_source, ignored) ? in_source : installed;
}

}  // namespace signalbox::process
