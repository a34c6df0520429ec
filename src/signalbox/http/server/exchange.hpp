#pragma once

#include <chrono>
#include <exception>
#include <string>
#include <string_view>

#include "signalbox/http/request.hpp"
#include "signalbox/http/response.hpp"
#include "signalbox/observe/in_flight.hpp"
#include "signalbox/observe/trace_context.hpp"
#include "signalbox/parsed.hpp"

namespace signalbox::http {

/// The client's X-Request-ID when it is one to 128 characters that are safe in any log or URL.
/// Else a new one: the trace's where the trace is this request's own, else random.
std::string choose_request_id(const Request& request, const observe::TraceContext& trace = {});

/// How long the client is willing to wait, of at most `longest`: a Request-Timeout header says it
/// in seconds, `0.25` or `2`. Invalid when it says something else.
Parsed<std::chrono::milliseconds> timeout_of(const Request& request,
                                             std::chrono::milliseconds longest);

/// The answer to a request that no route handles: 404, 405 with Allow, 307 to the path without
/// its trailing slash, or 204 to `OPTIONS *`.
Response answer_without_route(const Request& request);

/// The answer to what a handler threw, or to its cancellation. This is the one table from errors
/// to HTTP; a new kind of error gets its line here. The cause is left in `in_flight` for the log:
/// the client of a 500 learns nothing of it.
Response answer_to_error(const std::exception_ptr& thrown, observe::InFlightRequest& in_flight);

/// 503 that asks the client to come back in a moment; jittered, so that all do not come at once.
Response service_unavailable();

/// Status line and headers, ready to send.
std::string serialize_head(const Response& response, std::string_view request_id,
                           const observe::TraceContext& trace, bool keep_alive, int version_minor);

}  // namespace signalbox::http
