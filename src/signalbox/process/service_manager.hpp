#pragma once

#include <string>
#include <string_view>

namespace signalbox::process {

/// Tells systemd where the process is in its life: `READY=1`, `STOPPING=1` (sd_notify(3), whose
/// protocol is stable and made to be spoken without the library). Does nothing when no service
/// manager asked for it by NOTIFY_SOCKET. Throws std::system_error when one did and cannot be told
/// within a second.
void notify_service_manager(std::string_view state);

/// What to tell it before a reload, with the time that it wants to know (sd_notify(3)).
std::string reloading_state();

}  // namespace signalbox::process
