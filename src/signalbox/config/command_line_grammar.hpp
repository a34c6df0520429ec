#pragma once

#include <CLI/CLI.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "signalbox/config/command_line.hpp"
#include "signalbox/config/config_options.hpp"

namespace signalbox::config {

/// Bad usage: ends the parse. The text is the line after "signalbox: ".
struct UsageError {
    std::string line;
};

/// Whether a subcommand reads the options of a group.
bool takes(Command command, OptionGroup group);

/// What CLI11 is used for: to take the command line apart and to write the help. Values stay text
/// until the table in config_options.cpp reads them, as environment variables and defaults do.
class Grammar {
  public:
    Grammar();

    /// Without the program's name. Throws CLI::Success for --help and --version, CLI::ParseError or
    /// UsageError for bad usage.
    void parse(std::vector<std::string> arguments);

    /// All of these after parse(); help() also when it threw.
    std::string help() const;
    Command command() const;
    std::string_view command_name() const;
    /// The text given for a flag, after the subcommand or before it (which counts less).
    std::optional<std::string> value(const Option& option) const;

  private:
    CLI::App root_;
    CLI::App* serve_;
    CLI::App* migrate_;
    CLI::Option* status_;
    CLI::App* healthcheck_;
};

}  // namespace signalbox::config
