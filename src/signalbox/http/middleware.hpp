#pragma once

#include <functional>

#include "signalbox/async/task.hpp"
#include "signalbox/http/request.hpp"
#include "signalbox/http/response.hpp"

namespace signalbox::http {

/// What a middleware stands in front of: the next one, or the endpoint. Once at most. It answers
/// whatever goes wrong in there; only a cancellation is thrown.
using Next = std::function<async::Task<Response>(Request&)>;

/// Stands around every request and its response, the server's own errors included. Runs on the
/// connection's event loop and must not block it.
using Middleware = std::function<async::Task<Response>(Request&, const Next& next)>;

}  // namespace signalbox::http
