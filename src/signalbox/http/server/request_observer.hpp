#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <string_view>

#include "signalbox/async/event_loop.hpp"
#include "signalbox/context/request_context.hpp"
#include "signalbox/http/request.hpp"

namespace signalbox::http {

/// A request that has been answered, or whose client is gone.
struct FinishedRequest {
    const Request* request;  ///< null when what came has no head that is in order
    context::RequestContext& in_flight;
    std::string_view malformed_reason;  ///< of a bounded set; empty for a request that was taken
    int status;                         ///< 499 when the client went away first
    std::size_t body_size;
    context::RequestContext::Clock::time_point ended;
    /// When its stream began; the clock's epoch when its response was none, or had not begun.
    context::RequestContext::Clock::time_point first_byte{};

    bool streamed() const noexcept {
        return first_byte != context::RequestContext::Clock::time_point();
    }
};

/// What one event loop tells of its requests, on the loop's thread, which it must not block. This
/// one does not care.
class RequestObserver {
  public:
    virtual ~RequestObserver() = default;

    /// The trace that a request belongs to; none when nobody traces. The request is null when what
    /// came was no request.
    virtual context::TraceContext trace(const Request*) { return {}; }
    virtual void started(context::RequestContext&) {}
    /// Once for a request that is still in flight after --slow-request-log.
    virtual void slow(const Request&, const context::RequestContext&) {}
    virtual void finished(const FinishedRequest&) {}
    /// A connection's own code failed, as for want of memory, and the connection was closed for it;
    /// or finished() did, and the connection goes on.
    virtual void failed(const std::exception_ptr& /*error*/) noexcept {}
    /// Connections were ended for this reason, so many since it was last told, which it is once a
    /// second at most. Those of requests that were not answered to their end are among them.
    virtual void cut(std::string_view /*reason*/, std::size_t /*count*/) {}
    /// The server has drained: what is kept back is to be told now.
    virtual void flush() {}
};

/// Makes the observer of an event loop, which is destroyed before the loop is.
using MakeRequestObserver = std::function<std::unique_ptr<RequestObserver>(async::EventLoop&)>;

inline std::unique_ptr<RequestObserver> observe_nothing(async::EventLoop&) {
    return std::make_unique<RequestObserver>();
}

}  // namespace signalbox::http
