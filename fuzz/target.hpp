#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

/// What each target defines. libFuzzer calls it with what it makes up, replay.cpp with files.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace signalbox::fuzz {

inline std::string_view as_text(const std::uint8_t* data, std::size_t size) {
    // The standard lets any object be looked at as characters.
    return {reinterpret_cast<const char*>(data), size};
}

/// Ends the process when `holds` is false, which is how a target reports a finding.
inline void require(bool holds, std::string_view what) {
    if (holds) return;
    std::fprintf(stderr, "violated: %.*s\n", static_cast<int>(what.size()), what.data());
    std::abort();
}

/// The same for two values that must be the same text, and shows both.
inline void require_same(std::string_view found, std::string_view expected, std::string_view what) {
    if (found == expected) return;
    const auto show = [](std::string_view name, std::string_view text) {
        std::fprintf(stderr, "%.*s: ", static_cast<int>(name.size()), name.data());
        for (const char c : text) {
            const auto byte = static_cast<unsigned char>(c);
            const bool plain = byte >= 0x20 && byte < 0x7f && c != '\\';
            std::fprintf(stderr, plain ? "%c" : "\\x%02x", byte);
        }
        std::fprintf(stderr, "\n");
    };
    show("found", found);
    show("expected", expected);
    require(false, what);
}

}  // namespace signalbox::fuzz
