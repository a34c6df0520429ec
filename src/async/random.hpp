#pragma once

#include <cstdint>
#include <string>

namespace signalbox::async {

/// Fast random numbers for identifiers and jitter, not for secrets. Any thread.
std::uint64_t random_number();

/// 32 lowercase hexadecimal digits.
std::string random_hex_128();

}  // namespace signalbox::async
