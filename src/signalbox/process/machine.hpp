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
    std::filesystem::path binary_folder;  ///< of this program; empty where /proc is not mounted
};
Machine this_machine();

}  // namespace signalbox::process
