#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace signalbox::test {

/// As much as there is: of a process that ends meanwhile, whose file this is.
std::string read_file(const std::filesystem::path& file);

/// In the folder for temporary files: `signalbox-` and the name, and what nobody else has. Whoever
/// asks for it removes it. Throws std::system_error.
std::filesystem::path new_folder(std::string_view name);

}  // namespace signalbox::test
