#include "signalbox/process/open_to_all.hpp"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <system_error>

namespace signalbox::process {

bool is_open_to_all(const std::filesystem::path& file) {
    std::error_code error;
    const auto path = std::filesystem::canonical(file, error);
    struct statfs system {};
    struct stat found {};
    if (error || ::statfs(path.c_str(), &system) != 0 || ::stat(path.c_str(), &found) != 0) {
        return false;
    }
    if (system.f_type == TMPFS_MAGIC || system.f_type == RAMFS_MAGIC) return false;
    if ((found.st_mode & S_IROTH) == 0) return false;
    for (auto folder = path.parent_path();; folder = folder.parent_path()) {
        if (::stat(folder.c_str(), &found) != 0 || (found.st_mode & S_IXOTH) == 0) return false;
        if (folder == folder.root_path()) return true;
    }
}

}  // namespace signalbox::process
