#pragma once

#include <string>
#include <string_view>

namespace signalbox {

/// Appends `text` as a JSON string with its quotes. The result is valid JSON and valid UTF-8
/// whatever the bytes: what is not UTF-8 becomes U+FFFD, one for each broken sequence as browsers
/// and Python do it. Throws nothing but std::bad_alloc.
void append_json_string(std::string& json, std::string_view text);

/// `text` as a JSON string with its quotes; see append_json_string.
[[nodiscard]] std::string json_string(std::string_view text);

/// Appends `text` as it is, but for what is not UTF-8: see append_json_string.
void append_utf8(std::string& output, std::string_view text);

}  // namespace signalbox
