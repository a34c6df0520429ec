#pragma once

#include <string>

#include "signalbox/async/task.hpp"
#include "signalbox/http/request.hpp"
#include "signalbox/http/response.hpp"
#include "signalbox/http/watch/telemetry.hpp"
#include "signalbox/observe/in_flight_registry.hpp"
#include "signalbox/observe/log.hpp"

namespace signalbox::admin {

/// `GET /debug/requests?limit=N`: the requests in flight, the oldest first, what each waits for,
/// and how many there are of each kind.
async::Task<http::Response> get_requests(http::Request& request, const http::Telemetry& telemetry);

/// `GET /debug/log-level`: `{"level":"info","access_log":"all"}`.
async::Task<http::Response> get_log_level(http::Request& request, const observe::Log& log,
                                          const http::Telemetry& telemetry);

/// `PUT /debug/log-level` with such an object; what it does not name stays as it is. Answers with
/// what is set from now on. 422 when something in it makes no sense, and then nothing is changed.
async::Task<http::Response> put_log_level(http::Request& request, observe::Log& log,
                                          http::Telemetry& telemetry);

std::string to_json(const observe::InFlightSnapshot& snapshot);

}  // namespace signalbox::admin
