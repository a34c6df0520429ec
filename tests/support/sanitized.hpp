#pragma once

namespace signalbox::test {

/// Whether this is a sanitizer's build, which is many times slower and keeps memory back.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif

}  // namespace signalbox::test
