#pragma once

#include <functional>

#include "signalbox/async/task.hpp"
#include "signalbox/http/request.hpp"
#include "signalbox/http/response.hpp"

namespace signalbox::http {

/// What a middleware stands in front of: the next one, the endpoint, or the server's own answer. To
/// be called once at most, with the request that came. It answers whatever goes wrong in there, so
/// it does not throw: a 500 is a response like others, and so are the 503 and 504 of a request that
/// was cancelled, and the 499 of one whose client has left, which nobody gets. Only when the
/// request is cancelled already, awaiting it throws as awaiting anything does.
using Next = std::function<async::Task<Response>(Request&)>;

/// Stands around each request and its response: of endpoints, and of the server itself, such as
/// 404, 405, 422, a 503 when it has too much to do, or the 413 to a body that is too large, whose
/// request then has no body. Whatever is in the request, its route has been found by then.
///
/// A stream runs when its response has passed through. When it throws before it has written
/// anything, the answer to that passes through as well, as a second response to the same request,
/// unless the request was cancelled.
///
/// It returns the response, `next`'s or another one. What it throws is answered as if a handler had
/// thrown it. When the request is cancelled, whatever it awaits throws from then on; what is left
/// to be done without awaiting, such as adding a header, is done.
///
/// Threads: called on the event loop of each connection, several at a time, so what it shares has
/// to be safe for that; it must not block. Lifetime: outlives all requests.
using Middleware = std::function<async::Task<Response>(Request&, const Next& next)>;

}  // namespace signalbox::http
