#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace signalbox::test {

/// Two sockets that are connected with each other: one as the server has it, non-blocking, and its
/// client's. What one side has sent the kernel has received for the other by the time send returns.
class SocketPair {
  public:
    enum class Kind {
        local,  ///< of AF_UNIX
        tcp,    ///< over loopback, for what only TCP has, such as a reset
    };
    explicit SocketPair(Kind kind = Kind::local);
    ~SocketPair();
    SocketPair(SocketPair&& other) noexcept;
    SocketPair& operator=(SocketPair&&) = delete;

    int server() const noexcept { return server_; }
    /// The server's socket, from now on the caller's to close.
    int release_server() noexcept;
    void close_server();

    /// The client's side. `send` makes room in the kernel for all of it.
    void send(std::string_view bytes);
    void close_sending_side() const;
    void close();
    /// Closes by a reset; only of TCP.
    void reset();
    /// What is there, at most `most` bytes of it; nothing when the server has closed.
    std::optional<std::string> receive(std::size_t most = 1 << 20);
    /// All until the server closes, which it has to have done.
    std::string receive_to_end();
    /// Whether the server has closed by a reset, as far as was received.
    bool was_reset() const noexcept { return was_reset_; }

    /// Bytes that wait to be read by the server.
    std::size_t unread_by_server() const;
    /// Sends from the server's side until the kernel takes no more. Returns how much that was.
    std::size_t fill() const;

  private:
    int server_ = -1;
    int client_ = -1;
    bool was_reset_ = false;
};

/// How many descriptors this process has open.
std::size_t open_descriptors();

}  // namespace signalbox::test
