#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

namespace signalbox::process {

/// Tells systemd where the process is in its life: `READY=1`, `STOPPING=1` (sd_notify(3), whose
/// protocol is stable and made to be spoken without the library). Does nothing when no service
/// manager asked for it by NOTIFY_SOCKET. Throws std::system_error when one did and cannot be told
/// within a second.
void notify_service_manager(std::string_view state);

/// A number of one of its variables: above 0, and nothing around it.
std::optional<std::int64_t> parse_positive(std::string_view text) noexcept;

/// What to tell it before a reload, with the time that it wants to know (sd_notify(3)).
std::string reloading_state();

/// For as long as it lives the service manager does not lose its patience with a start, a reload or
/// a stop (`EXTEND_TIMEOUT_USEC`, sd_notify(3)). Without a service manager it does nothing.
class TimeoutExtension {
  public:
    /// Tells it now and every `interval`, and each time to wait for three more of these. `on_error`
    /// is called, on a thread of its own, with why that cannot be told; once.
    explicit TimeoutExtension(std::function<void(std::string_view)> on_error,
                              std::chrono::milliseconds interval = std::chrono::seconds{10});

  private:
    std::jthread thread_;
};

}  // namespace signalbox::process
