#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace signalbox::model {

/// RFC 4648, section 4: with padding, and nothing else in between. Nothing when it is not so.
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text);

/// Texts of pieces whose sizes are multiples of three are the text of the whole.
void append_base64(std::string& text, std::string_view bytes);

}  // namespace signalbox::model
