#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace signalbox::fuzz {

/// A JSON text (RFC 8259) without its white space, its escapes undone as far as they need not be:
/// written from the grammar, and by nothing that the library has. Nothing for what is no JSON.
struct ReferenceJson {
    std::string text;
    std::size_t depth = 0;      ///< of arrays and objects in each other
    bool large_number = false;  ///< one that no double holds, or with such an exponent
};
std::optional<ReferenceJson> reference_json(std::string_view text);

}  // namespace signalbox::fuzz
