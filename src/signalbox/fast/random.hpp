#pragma once

#include <cstdint>
#include <span>

namespace signalbox {

/// Fast random numbers for identifiers and jitter, not for secrets. Any thread.
std::uint64_t random_number();

/// Fills `digits` with random lowercase hexadecimal digits.
void fill_with_random_hex(std::span<char> digits);

}  // namespace signalbox
