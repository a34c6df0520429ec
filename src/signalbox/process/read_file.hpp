#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include "signalbox/parsed.hpp"

namespace signalbox::process {

/// The whole file, bytes as they are; the reason names the file and what the system says. Never
/// waits for anybody to write: what is no regular file, as a FIFO or a device, is refused, and so
/// is one of more than `most` bytes. (std::ifstream loses errno, and throws when the path is a
/// folder.)
Parsed<std::string> read_file(const std::filesystem::path& file, std::size_t most = 64UL << 20);

}  // namespace signalbox::process
