#pragma once

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
    static constexpr std::chrono::seconds timeout{1};
    static constexpr std::size_t most_bytes = 4 * 1024 * 1024;

    /// Ends the sending side of the socket.
    void begin(int socket, Clock::time_point now);
    Clock::time_point deadline() const noexcept { return deadline_; }

    enum class Progress { done, waiting, again };
    /// Reads and drops; `again` when there may be more than one turn should read.
    Progress drain(Transport& transport, int socket);

  private:
    Clock::time_point deadline_ = Clock::time_point::max();  ///< until it has begun
    std::size_t dropped_ = 0;
};

}  // namespace signalbox::http
