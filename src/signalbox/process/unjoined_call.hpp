#pragma once

#include <atomic>
#include <cstddef>

namespace signalbox::process {

/// A call into a library that blocks for as long as that likes, on a thread which nobody waits for.
/// While there is one the process ends by _exit() only: exit() destroys what libraries work with,
/// and that call goes on meanwhile. Make it before the thread, which has a copy, so that it is
/// never missed. Any thread.
class UnjoinedCall {
  public:
    UnjoinedCall() noexcept { ++running; }
    ~UnjoinedCall() { --running; }
    UnjoinedCall(const UnjoinedCall&) noexcept : UnjoinedCall() {}
    UnjoinedCall& operator=(const UnjoinedCall&) noexcept = default;

    static bool any() noexcept { return running != 0; }

  private:
    static inline std::atomic<std::size_t> running{0};
};

}  // namespace signalbox::process
