#pragma once

#include <cstddef>
#include <functional>
#include <utility>

#include "signalbox/async/callable.hpp"
#include "signalbox/async/task.hpp"
#include "signalbox/http/body.hpp"

namespace signalbox::http {

/// Where the pieces of a streamed response go.
///
/// Threads: the request's event loop's. Lifetime: until the stream that writes to it has ended, so
/// what a stream has spawned must not use it.
class Sink {
  public:
    virtual ~Sink() = default;

    /// Sends a piece of the body, with status and headers in front of the first; nothing when it is
    /// empty. Resumes when the socket has taken all of it, so a stream is as fast as its client and
    /// holds no more than a piece. One write at a time, or it throws std::logic_error.
    ///
    /// Throws asio::system_error (operation_aborted) when the client has left or takes nothing for
    /// --timeout-write, when memory is short (--limit-buffered), or when the stream did not end in
    /// time for a shutdown.
    virtual async::Task<> write(Body piece) = 0;

    /// From now on the stream holds so many bytes of memory more than what it writes, until it
    /// ends: they count in --limit-buffered. When there is no room for them, the next write throws.
    virtual void hold([[maybe_unused]] std::size_t bytes) {}

    /// Whether the stream is to come to its end: the server drains, or another process serves on
    /// (reload). Who writes for ever has to look at it; see run_until_ending() as well.
    virtual bool ending() const noexcept = 0;
    /// Has this called when that begins, once; at once when it has begun. It must not throw.
    /// Nothing is called any more after on_ending({}), or when another has been given.
    virtual void on_ending(std::function<void()> call) = 0;
};

/// The body of a streamed response. It is called once, when the handler has returned, and runs as a
/// part of its request. It has to capture what it needs, by value unless it is the request or a
/// service. It is kept until its task has ended, and so are its captures.
///
/// Until it has written something, what it throws is answered as if the handler had thrown it, and
/// the request's deadline holds. From then on there is no deadline, and an error ends the response
/// in the middle, so that the client sees that it is not complete; it counts as the service's.
using Stream = std::function<async::Task<>(Sink&)>;

/// Runs a part of a stream that may wait for long, be it a task or a callable that returns one, and
/// cancels it when the stream has to end. Returns whether it has come to its end by itself:
///
///     while (co_await http::run_until_ending(out, wait_for_news)) co_await out.write(news());
///
/// What it throws by itself it throws. Uses on_ending().
async::Task<bool> run_until_ending(Sink& out, async::Task<> work);
template <class Work>
async::Task<bool> run_until_ending(Sink& out, Work&& work) {
    return run_until_ending(out, async::detail::task_of(std::forward<Work>(work)));
}

}  // namespace signalbox::http
