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

/// Whether they failed for want of the kernel's memory, and not because of the other side.
bool no_memory(int error) noexcept;

/// What the kernel has for a socket, in bytes of its memory, which are more than were received or
/// sent (SO_MEMINFO). Nothing when it cannot be asked.
struct KernelMemory {
    std::size_t received = 0;  ///< and not read
    std::size_t unsent = 0;    ///< and not taken by the other side

    friend bool operator==(const KernelMemory&, const KernelMemory&) = default;
};
KernelMemory kernel_memory(int socket) noexcept;
/// Bytes that were sent and that the other side has not acknowledged (SIOCOUTQ).
std::size_t unacknowledged(int socket) noexcept;

/// How much the kernel takes for a socket that is not read, in bytes of its memory, with what it
/// needs besides the data (SO_RCVBUF). What is beyond it has to be sent again. A listening socket's
/// is that of those it accepts.
void limit_receive_buffer(int socket, std::size_t size) noexcept;

/// Has the next close end the connection at once and throw away what the kernel has for it
/// (SO_LINGER). After a goodbye what waits for the client would stay, and so would the kernel's
/// shut window for what it still sends.
void reset_on_close(int socket) noexcept;

}  // namespace signalbox::http
