#pragma once

#include <utility>

namespace signalbox::db {

/// A duplicate of a connection's descriptor, by which another thread can cut it off: libpq closes
/// its own when it likes, and the number may be somebody else's by then.
class SocketHandle {
  public:
    /// Refers to nothing.
    SocketHandle() noexcept = default;
    /// Of this descriptor; to nothing when that is none, or when there are no more to be had.
    explicit SocketHandle(int socket) noexcept;
    ~SocketHandle();
    SocketHandle(SocketHandle&& other) noexcept : duplicate_(std::exchange(other.duplicate_, -1)) {}
    SocketHandle& operator=(SocketHandle other) noexcept {
        std::swap(duplicate_, other.duplicate_);
        return *this;
    }

    /// Ends the connection, for everybody who reads from it, too.
    void shut_down() const noexcept;

  private:
    int duplicate_ = -1;
};

}  // namespace signalbox::db
