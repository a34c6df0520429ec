#pragma once

#include <string>
#include <string_view>

#include "signalbox/http/response.hpp"

namespace signalbox::http {

/// The first header of this name, in any case of letters; null when there is none.
const std::string* find_header(const Headers& headers, std::string_view name);

/// In place of all of this name.
void set_header(Headers& headers, std::string_view name, std::string value);

/// Adds to Vary, in one line, unless it is there or everything is (RFC 9110, section 12.5.5).
void add_vary(Headers& headers, std::string_view name);

}  // namespace signalbox::http
