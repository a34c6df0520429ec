#include "support/files.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <system_error>

namespace signalbox::test {

std::string read_file(const std::filesystem::path& file) {
    std::ifstream stream(file);
    std::ostringstream text;
    text << stream.rdbuf();
    return text.str();
}

std::filesystem::path new_folder(std::string_view name) {
    std::string path = std::filesystem::temp_directory_path() / "signalbox-";
    path.append(name).append("-XXXXXX");
    if (::mkdtemp(path.data()) == nullptr) {
        throw std::system_error(errno, std::system_category(), "mkdtemp " + path);
    }
    return path;
}

}  // namespace signalbox::test
