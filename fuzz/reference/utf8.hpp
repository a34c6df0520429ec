#pragma once

#include <string>
#include <string_view>

namespace signalbox::fuzz {

/// The UTF-8 decoder of the Encoding standard, section 8.1.1, as it stands there: a machine that
/// reads byte by byte, with a U+FFFD for each error. Encoded again.
std::string reference_utf8(std::string_view text);

}  // namespace signalbox::fuzz
