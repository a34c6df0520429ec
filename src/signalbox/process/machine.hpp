#pragma once

#include <cstddef>
#include <filesystem>

namespace signalbox::process {

/// What the defaults depend on.
struct Machine {
    std::size_t cores;
    std::size_t memory;      ///< bytes
    std::size_t open_files;  ///< as high as it can be raised
    bool stdout_is_terminal;
    std::filesystem::path migrations_dir;  ///< as installed
};
Machine this_machine();

/// The migrations that belong to a binary in this folder: ../share/signalbox/migrations when
/// installed, ../../migrations in a build tree (build/release/signalbox). The first where neither
/// exists, so that the message about it names the place.
std::filesystem::path find_migrations(const std::filesystem::path& binary_folder);

}  // namespace signalbox::process
