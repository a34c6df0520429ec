#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <cstddef>

namespace signalbox::http {

/// recv(2) and sendmsg(2) as the kernel has them, without what libc does around them so that a
/// thread may be cancelled meanwhile, which none of ours ever is: four atomic operations for each
/// request. They set errno, and try again when a signal interrupts them.
ssize_t receive(int socket, char* buffer, std::size_t size, int flags) noexcept;
ssize_t send_message(int socket, const msghdr& message, int flags) noexcept;

}  // namespace signalbox::http
