#pragma once

#include <rapidjson/document.h>

#include <string_view>

#include "signalbox/parsed.hpp"

namespace signalbox {

/// Reads one JSON text (RFC 8259) that anybody may have sent, whole: UTF-8 without a byte order
/// mark, of any depth without using the stack for it. Whether a name may be there twice is for the
/// caller. Numbers are read exactly; what is too large for a double is refused.
[[nodiscard]] Parsed<rapidjson::Document> parse_json(std::string_view text);

}  // namespace signalbox
