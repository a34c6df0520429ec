#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <variant>

#include "config.hpp"

namespace signalbox {

enum class Command { serve, migrate, migrate_status, healthcheck };

struct CommandLine {
    Command command = Command::serve;
    /// Complete for `serve`. `migrate` and `healthcheck` read the flags and variables they take,
    /// and leave the rest at its defaults.
    Config config;
};

/// The process is to print this and end: help and version (status 0, standard output), or what is
/// wrong (status 2, one line on standard error).
struct EarlyExit {
    int status;
    std::string text;  ///< ends with a line feed
};

/// Name to value, as the process was started with.
using Environment = std::map<std::string, std::string, std::less<>>;
Environment process_environment();

/// What the defaults depend on.
struct Machine {
    std::size_t cores;
    std::size_t open_files;  ///< as high as it can be raised
    bool stdout_is_terminal;
    std::filesystem::path migrations_dir;  ///< as installed
};
Machine this_machine();

/// A flag counts before its environment variable, that before the default; of a flag given twice
/// the last one; an empty variable is as good as none. Changes nothing and prints nothing.
std::variant<CommandLine, EarlyExit> parse_command_line(int argc, const char* const* argv,
                                                        const Environment& environment,
                                                        const Machine& machine = this_machine());

/// The migrations that belong to a binary in this folder: ../share/signalbox/migrations when
/// installed, ../../migrations in a build tree (build/release/signalbox). The first where neither
/// exists, so that the message about it names the place.
std::filesystem::path find_migrations(const std::filesystem::path& binary_folder);

}  // namespace signalbox
