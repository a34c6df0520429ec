#include "http/access_log.hpp"

namespace signalbox::http {

namespace {

double seconds(observe::InFlightRequest::Clock::duration duration) {
    return std::chrono::duration<double>(duration).count();
}

void write_access_line(observe::Log& log, AccessLog which, const FinishedRequest& finished) {
    if (which == AccessLog::off) return;
    if (which == AccessLog::errors && finished.status < 400) return;
    const LogLevel level = finished.status >= 500 ? LogLevel::error : LogLevel::info;
    if (!log.enabled(level)) return;

    const Request* const request = finished.request;
    const observe::InFlightRequest& in_flight = finished.in_flight;
    const auto duration = observe::InFlightRequest::Clock::now() - in_flight.started;
    observe::Fields fields{{"request_id", std::string_view(in_flight.request_id)}};
    fields.reserve(18);
    if (request != nullptr) {
        const Route* const route = request->match.route;
        fields.emplace_back("http.request.method", request->method_name);
        fields.emplace_back("http.route", route != nullptr ? route->path : std::string_view());
        fields.emplace_back("url.path", std::string_view(request->path));
        if (!request->query.empty()) {
            fields.emplace_back("url.query", std::string_view(request->query));
        }
        fields.emplace_back("network.protocol.version",
                            request->version_minor == 0 ? std::string_view("1.0") : "1.1");
        fields.emplace_back("user_agent.original", request->header("user-agent").value_or(""));
    }
    fields.emplace_back("http.response.status_code", std::int64_t{finished.status});
    fields.emplace_back("http.response.body.size", static_cast<std::int64_t>(finished.body_size));
    fields.emplace_back("client.address", finished.client_address);
    fields.emplace_back("duration_s", seconds(duration));
    fields.emplace_back("in_flight", static_cast<std::int64_t>(in_flight.in_flight_at_start));
    if (in_flight.database_wait.count() != 0 || in_flight.database_use.count() != 0) {
        fields.emplace_back("db.wait_s", seconds(in_flight.database_wait));
        fields.emplace_back("db.use_s", seconds(in_flight.database_use));
        fields.emplace_back("shared_read", in_flight.shared_read);
    }
    if (!finished.malformed_reason.empty()) {
        fields.emplace_back("error.type", finished.malformed_reason);
    }
    if (!in_flight.error_cause.empty()) {
        fields.emplace_back("error.message", std::string_view(in_flight.error_cause));
    }
    log.write(level, "request", fields);
}

void write_slow_line(observe::Log& log, const Request& request,
                     const observe::InFlightRequest& in_flight) {
    const auto now = observe::InFlightRequest::Clock::now();
    log.write(LogLevel::warning, "request is slow",
              {{"request_id", std::string_view(in_flight.request_id)},
               {"http.request.method", request.method_name},
               {"http.route", request.match.route->path},
               {"url.path", std::string_view(request.path)},
               {"client.address", std::string_view(request.client_address)},
               {"duration_s", seconds(now - in_flight.started)},
               {"waiting_for", to_string(in_flight.waiting())},
               {"waiting_s", seconds(now - in_flight.waiting_since())}});
}

}  // namespace

Observer access_log(observe::Log& log, AccessLog which) {
    return {.finished =
                [&log, which](const FinishedRequest& finished) {
                    write_access_line(log, which, finished);
                },
            .slow =
                [&log](const Request& request, const observe::InFlightRequest& in_flight) {
                    write_slow_line(log, request, in_flight);
                }};
}

}  // namespace signalbox::http
