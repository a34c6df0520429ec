#pragma once

#include <cstddef>
#include <string_view>

#include "signalbox/api/module.hpp"
#include "signalbox/config/settings.hpp"

namespace orders {

struct Settings {
    std::size_t list_limit = 100;  ///< rows of a list
};

/// Their flags and variables: `--orders-list-limit`.
signalbox::config::Settings flags(Settings& settings);

/// `/orders`: GET lists the newest, POST makes one.
/// `/orders/{id}`: GET says what one of them is.
/// What they take has to be provided by the application: Settings.
signalbox::api::Module endpoints();

/// Whether it is 32 hexadecimal digits, with dashes or without: an id (RFC 9562, section 4).
bool is_id(std::string_view text);

}  // namespace orders
