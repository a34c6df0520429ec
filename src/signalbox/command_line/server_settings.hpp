#pragma once

#include <string_view>

#include "signalbox/config/config.hpp"
#include "signalbox/config/settings.hpp"

namespace signalbox::command_line {

// Groups of --help that other commands than `serve` take, too.
inline constexpr std::string_view admin_group = "Admin listener";
inline constexpr std::string_view database_group = "Database";
inline constexpr std::string_view migrations_group = "Migrations";
inline constexpr std::string_view log_group = "Log";

/// What the library has for every service, bound to `config`.
config::Settings server_settings(config::Config& config);

}  // namespace signalbox::command_line
