#pragma once

#include <string>

#include "signalbox/config/settings.hpp"

namespace signalbox::command_line {

/// The settings as tables in Markdown, one for each group in the order of --help, with the columns
/// flag, environment, default and meaning. Empty when there are none.
std::string to_markdown(const config::Settings& settings);

}  // namespace signalbox::command_line
