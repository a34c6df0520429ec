#pragma once

#include <filesystem>
#include <string>

#include "signalbox/parsed.hpp"

namespace signalbox::process {

/// The whole file, bytes as they are; the reason names the file and what the system says. Meant for
/// small files. (std::ifstream loses errno, and throws when the path is a folder.)
Parsed<std::string> read_file(const std::filesystem::path& file);

}  // namespace signalbox::process
