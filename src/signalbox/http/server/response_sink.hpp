#pragma once

#include <cstddef>
#include <functional>

#include "signalbox/async/wakeup.hpp"
#include "signalbox/http/response.hpp"
#include "signalbox/http/server/active_request.hpp"
#include "signalbox/http/stream.hpp"

namespace signalbox::http {

/// Where the stream of a request's response writes to. It lives in the frame of the coroutine that
/// runs the stream, and is the request's meanwhile.
///
/// For the loop's thread.
class ResponseSink final : public Sink {
  public:
    /// All outlive it.
    ResponseSink(ActiveRequest& request, const Response& response, const async::Executor& executor);
    ~ResponseSink() override;
    ResponseSink(const ResponseSink&) = delete;
    ResponseSink& operator=(const ResponseSink&) = delete;

    async::Task<> write(Body piece) override;
    void hold(std::size_t bytes) override { request_.hold_for_stream(bytes); }
    bool ending() const noexcept override { return request_.ending(); }
    void on_ending(std::function<void()> call) override;

    /// Resumes when the socket has all that was written. Throws as write() does.
    async::Task<> flush();

    /// From the request: what was written is on its way.
    void piece_sent() noexcept;
    /// There is something else to know: it was cancelled, or its owner has gone.
    void wake() noexcept;
    /// The stream has to end.
    void end();

  private:
    void throw_if_broken() const;

    ActiveRequest& request_;
    const Response& response_;
    async::Wakeup wakeup_;
    std::function<void()> on_ending_;
    /// Of the piece that the socket has not taken. A write that is cancelled leaves it there.
    std::size_t unsent_ = 0;
    std::size_t since_pause_ = 0;  ///< bytes that the socket took at once
    bool writing_ = false;
    bool waiting_ = false;
    bool broken_ = false;  ///< a piece could not be handed over, or not all of it
};

}  // namespace signalbox::http
