#pragma once

#include <string_view>

namespace signalbox::process {

/// Where Kubernetes reads why a container ended (`terminationMessagePath`), and mounts a file for
/// it.
inline constexpr auto termination_log = "/dev/termination-log";

/// Writes why the process ends there, in place of what it has; where there is no such file,
/// nothing. Kubernetes shows the first 4096 bytes. Any thread; allocates nothing, so also a signal
/// handler.
void write_termination_message(std::string_view why, const char* file = termination_log) noexcept;

/// From here on a crash writes there what it was: an exception that nobody caught, or a signal as
/// SIGSEGV or SIGABRT, unless something was written before that says more. What handles such a
/// signal already, as a sanitizer, goes on to. `file` has to live as long as the process.
void report_crashes(const char* file = termination_log) noexcept;

}  // namespace signalbox::process
