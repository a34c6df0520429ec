#include "signalbox/http/server/socket_calls.hpp"

#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

namespace signalbox::http {

namespace {

template <class... Arguments>
ssize_t call(long number, Arguments... arguments) noexcept {
    while (true) {
        const long result = ::syscall(number, arguments...);
        if (result >= 0 || errno != EINTR) return static_cast<ssize_t>(result);
    }
}

}  // namespace

ssize_t receive(int socket, char* buffer, std::size_t size, int flags) noexcept {
    return call(SYS_recvfrom, socket, buffer, size, flags, nullptr, nullptr);
}

ssize_t send_message(int socket, const msghdr& message, int flags) noexcept {
    return call(SYS_sendmsg, socket, &message, flags);
}

bool no_memory(int error) noexcept {
    return error == ENOBUFS || error == ENOMEM;
}

KernelMemory kernel_memory(int socket) noexcept {
    std::uint32_t memory[SK_MEMINFO_VARS] = {};
    socklen_t size = sizeof memory;
    if (::getsockopt(socket, SOL_SOCKET, SO_MEMINFO, memory, &size) != 0) return {};
    KernelMemory found{
        .received = memory[SK_MEMINFO_RMEM_ALLOC] + memory[SK_MEMINFO_BACKLOG],
        // TCP's queue, and a Unix socket's, which counts otherwise.
        .unsent = std::max(memory[SK_MEMINFO_WMEM_QUEUED], memory[SK_MEMINFO_WMEM_ALLOC])};
    // What is set aside for more is the queue's that grows.
    const auto ahead = static_cast<std::int32_t>(memory[SK_MEMINFO_FWD_ALLOC]);
    if (ahead > 0 && (found.received > 0 || found.unsent > 0)) {
        (found.unsent > 0 ? found.unsent : found.received) += static_cast<std::size_t>(ahead);
    }
    return found;
}

std::size_t unacknowledged(int socket) noexcept {
    int bytes = 0;
    return ::ioctl(socket, SIOCOUTQ, &bytes) == 0 ? static_cast<std::size_t>(bytes) : 0;
}

void limit_receive_buffer(int socket, std::size_t size) noexcept {
    const int half = static_cast<int>(size / 2);  // the kernel doubles it (socket(7))
    ::setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &half, sizeof half);
}

void reset_on_close(int socket) noexcept {
    const ::linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

}  // namespace signalbox::http
