#pragma once

#include <filesystem>

namespace signalbox::process {

/// Whether every user of the machine may read the file, by its mode and those of the folders that
/// lead to it. Not in memory (tmpfs), where orchestrators mount secrets with whatever mode for a
/// container that has one user. False when it cannot be told.
bool is_open_to_all(const std::filesystem::path& file);

}  // namespace signalbox::process
