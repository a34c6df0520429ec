#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <variant>

#include "signalbox/config/config.hpp"
#include "signalbox/process/machine.hpp"

namespace signalbox::config {

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

/// A flag counts before its environment variable, that before the default; of a flag given twice
/// the last one; an empty variable is as good as none. Changes nothing and prints nothing.
std::variant<CommandLine, EarlyExit> parse_command_line(
    int argc, const char* const* argv, const Environment& environment,
    const process::Machine& machine = process::this_machine());

}  // namespace signalbox::config
