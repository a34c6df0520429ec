#include "signalbox/http/server/socket_calls.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

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

}  // namespace signalbox::http
