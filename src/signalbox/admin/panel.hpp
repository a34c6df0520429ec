#pragma once

#include <string_view>

namespace signalbox::admin {

/// The live panel, or a list of links when it is not built in (SIGNALBOX_PANEL): panel.cmake puts
/// it together. "@NONCE@" stands for the number that its Content-Security-Policy names.
extern const std::string_view panel_html;

}  // namespace signalbox::admin
