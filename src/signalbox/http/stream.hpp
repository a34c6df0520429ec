#pragma once

#include <functional>
#include <string>

#include "signalbox/async/task.hpp"

namespace signalbox::http {

/// Where the pieces of a streamed response go.
///
/// Threads: the request's event loop's. Lifetime: until the stream that writes to it has ended.
class Sink {
  public:
    virtual ~Sink() = default;

    /// Sends a piece of the body, with status and headers in front of the first. Resumes when there
    /// is room for the next one, so a stream is as fast as its client and holds no more than a
    /// piece. One write at a time. Throws asio::system_error (operation_aborted) when the client
    /// has left, or the stream has to end.
    virtual async::Task<> write(std::string piece) = 0;
};

/// The body of a streamed response. It is called once, when the handler has returned.
using Stream = std::function<async::Task<>(Sink&)>;

}  // namespace signalbox::http
