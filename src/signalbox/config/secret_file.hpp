#pragma once

#include <filesystem>
#include <string>

#include "signalbox/parsed.hpp"

namespace signalbox::config {

/// A mounted secret: the file's content without the white space around it. A reason names the file
/// and nothing of what is in it; an empty file has one, too, and what is no regular file or has
/// more than 64 KiB.
Parsed<std::string> read_secret(const std::filesystem::path& file);

}  // namespace signalbox::config
