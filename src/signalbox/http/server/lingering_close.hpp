#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

#include "signalbox/http/server/transport.hpp"

namespace signalbox::http {

/// The end of a connection whose last response is sent: it says that nothing more comes, and reads
/// on without looking until the client closes, too. An immediate close would be a reset where input
/// is unread, and the client might lose the response (RFC 9112, section 9.6).
///
/// For the loop's thread.
class LingeringClose {
  public:
    using Clock = std::chrono::steady_clock;

    /// For how long, and how much of what the client still sends is read.
    struct Bounds {
        std::chrono::seconds silence;  ///< so long nothing has come
        std::chrono::seconds whole;
        std::size_t bytes;
    };
    /// All of its requests are answered: it only has to close.
    static constexpr Bounds after_the_last{
        .silence = std::chrono::seconds(1), .whole = std::chrono::seconds(1), .bytes = 4U << 20U};
    /// It is in the middle of a message that was refused, as a body that is too large, and many
    /// look for the answer only when they have sent all of it.
    static constexpr Bounds within_a_message{
        .silence = std::chrono::seconds(5), .whole = std::chrono::seconds(30), .bytes = 64U << 20U};

    /// Ends the sending side of the socket.
    void begin(int socket, Clock::time_point now, const Bounds& bounds);
    Clock::time_point deadline() const noexcept { return std::min(silent_at_, ends_at_); }

    enum class Progress { done, waiting, again };
    /// Reads and drops; `again` when there may be more than one turn should read.
    Progress drain(Transport& transport, int socket);

  private:
    Bounds bounds_ = after_the_last;
    Clock::time_point silent_at_ = Clock::time_point::max();  ///< until it has begun
    Clock::time_point ends_at_ = Clock::time_point::max();
    std::size_t dropped_ = 0;
};

}  // namespace signalbox::http
