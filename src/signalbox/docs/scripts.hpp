#pragma once

#include <string_view>

namespace signalbox::docs {

/// What the pages run of our own: swagger_ui.js and redoc.js, which CMake puts into the program.
extern const std::string_view swagger_ui_script;
extern const std::string_view redoc_script;

}  // namespace signalbox::docs
