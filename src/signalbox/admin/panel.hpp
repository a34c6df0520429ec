#pragma once

#include <string_view>

namespace signalbox::admin {

/// The live panel: panel.html, which CMake puts into the program.
extern const std::string_view panel_html;

}  // namespace signalbox::admin
