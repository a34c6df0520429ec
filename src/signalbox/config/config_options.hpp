#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "signalbox/config/config.hpp"

namespace signalbox::config {

/// Where --help lists an option, and which subcommands take it.
enum class OptionGroup { listening, admin, database, migrations, time_limits, limits, log };

/// One flag of the command line: a row of the table in config_options.cpp.
struct Option {
    /// Puts the text's value into the config, or says why the text is none.
    using Set = std::function<std::optional<Invalid>(Config&, std::string_view text)>;

    OptionGroup group;
    std::string_view flag;                      ///< "--port"
    std::string_view value_name;                ///< "PORT"; empty: a switch, which stands alone
    std::vector<std::string_view> environment;  ///< the first one that is set counts
    /// As a user would write it, and read by the same parser. Empty: computed from the machine, the
    /// help text says how.
    std::string_view default_text;
    std::string_view help;
    Set set;
};

/// All options, in the order of --help.
const std::vector<Option>& config_options();

}  // namespace signalbox::config
