#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "signalbox/config/config.hpp"
#include "signalbox/config/settings.hpp"
#include "signalbox/process/machine.hpp"

namespace signalbox::command_line {

enum class Command { serve, migrate, migrate_status, healthcheck };

struct CommandLine {
    Command command = Command::serve;
    /// Complete for `serve`. `migrate` and `healthcheck` read the flags and variables they take,
    /// and leave the rest at its defaults.
    config::Config config;
    /// What works and should not stay so: names that are about to go, secrets that others may read.
    /// A line each, for the log.
    std::vector<std::string> warnings;
};

/// The process is to print this and end: help and version (status 0, standard output), or what is
/// wrong (status 2, one line on standard error).
struct EarlyExit {
    int status;
    std::string text;  ///< ends with a line feed
    /// How the log would be written: what is wrong belongs into it, where that is no terminal's.
    config::LogFormat log_format = config::LogFormat::text;
};

/// Name to value, as the process was started with.
using Environment = std::map<std::string, std::string, std::less<>>;
Environment process_environment();

/// Reads the library's settings into the result, and those of the program where they are bound to;
/// config::Settings says what counts before what. Prints nothing. Throws std::logic_error when a
/// name of the program's settings is taken.
std::variant<CommandLine, EarlyExit> parse(
    const config::Program& program, int argc, const char* const* argv,
    const Environment& environment, const process::Machine& machine = process::this_machine());

}  // namespace signalbox::command_line
