#include "signalbox/db/detail/socket_handle.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace signalbox::db {

SocketHandle::SocketHandle(int socket) noexcept
    : duplicate_(socket < 0 ? -1 : ::fcntl(socket, F_DUPFD_CLOEXEC, 0)) {}

SocketHandle::~SocketHandle() {
    if (duplicate_ >= 0) ::close(duplicate_);
}

void SocketHandle::shut_down() const noexcept {
    if (duplicate_ >= 0) ::shutdown(duplicate_, SHUT_RDWR);
}

}  // namespace signalbox::db
