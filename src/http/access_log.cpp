#include "http/access_log.hpp"

#include <fmt/format.h>

#include "http/redact.hpp"

namespace signalbox::http {

namespace {

/// Lines are kept back for so long, or until there are so many bytes of them.
constexpr std::chrono::milliseconds longest_delay{10};
constexpr std::size_t enough = 32 * 1024;

std::string text_body(const FinishedRequest& finished,
                      std::chrono::steady_clock::duration duration) {
    const Request* const request = finished.request;
    return fmt::format("{} {} {} {:.1f} ms", request != nullptr ? request->method_name : "?",
                       request != nullptr ? std::string_view(request->path) : "-", finished.status,
                       std::chrono::duration<double, std::milli>(duration).count());
}

}  // namespace

AccessLogger::AccessLogger(asio::io_context& loop, observe::Log& log,
                           const std::atomic<AccessLog>& which)
    : log_(log), which_(which), flush_timer_(loop, [this] { flush(); }) {}

AccessLogger::~AccessLogger() {
    flush();
}

void AccessLogger::finished(const FinishedRequest& finished,
                            std::chrono::steady_clock::duration duration,
                            std::string_view error_type) {
    const AccessLog which = which_.load(std::memory_order_relaxed);
    if (which == AccessLog::off) return;
    if (which == AccessLog::errors && finished.status < 400) return;
    const LogLevel level = finished.status >= 500 ? LogLevel::error : LogLevel::info;
    if (!log_.enabled(level)) return;

    const Request* const request = finished.request;
    const observe::InFlightRequest& in_flight = finished.in_flight;
    const bool json = log_.format() == LogFormat::json;
    begin(level, json ? "request" : text_body(finished, duration));
    if (json) {
        add_identity(in_flight);
        if (request != nullptr) {
            add("http.request.method", request->method_name);
            add("http.route", in_flight.route);
            add("url.path", std::string_view(request->path));
        }
        add("http.response.status_code", std::int64_t{finished.status});
        add("duration_s", duration);
    }
    if (request != nullptr && !request->query.empty()) {
        add("url.query", std::string_view(redact_query(request->query)));
    }
    add("http.response.body.size", static_cast<std::int64_t>(finished.body_size));
    add("client.address", in_flight.client_address);
    add("in_flight", static_cast<std::int64_t>(in_flight.in_flight_at_start));
    if (in_flight.database_wait.count() != 0 || in_flight.database_use.count() != 0) {
        add("db.wait_s", in_flight.database_wait);
        add("db.use_s", in_flight.database_use);
        add("shared_read", in_flight.shared_read);
    }
    if (request != nullptr) {
        add("network.protocol.version",
            request->version_minor == 0 ? std::string_view("1.0") : "1.1");
        if (json) add("user_agent.original", request->header("user-agent").value_or(""));
    }
    if (!error_type.empty()) add("error.type", error_type);
    if (!in_flight.error_cause.empty()) {
        add("error.message", std::string_view(in_flight.error_cause));
    }
    if (!json) add("request_id", std::string_view(in_flight.request_id));
    end();
}

void AccessLogger::slow(const Request& request, const observe::InFlightRequest& in_flight) {
    if (!log_.enabled(LogLevel::warning)) return;
    const auto now = observe::InFlightRequest::Clock::now();
    begin(LogLevel::warning, "request is slow");
    add_identity(in_flight);
    add("http.request.method", request.method_name);
    add("http.route", in_flight.route);
    add("url.path", std::string_view(request.path));
    add("client.address", in_flight.client_address);
    add("duration_s", now - in_flight.started);
    add("waiting_for", to_string(in_flight.waiting()));
    add("waiting_s", now - in_flight.waiting_since());
    end();
}

void AccessLogger::blocked(const observe::InFlightRequest& in_flight,
                           std::chrono::steady_clock::duration taken) {
    if (!log_.enabled(LogLevel::warning)) return;
    begin(LogLevel::warning, "handler blocked the event loop");
    add_identity(in_flight);
    add("http.request.method", in_flight.method);
    add("http.route", in_flight.route);
    add("blocked_s", taken);
    end();
}

void AccessLogger::flush() {
    flush_timer_.clear();
    if (count_ == 0) return;
    log_.write_lines(lines_, count_);
    lines_.clear();
    count_ = 0;
}

void AccessLogger::begin(LogLevel level, std::string_view body) {
    log_.begin_line(lines_, level, body);
}

void AccessLogger::add(std::string_view name, const observe::FieldValue& value) {
    log_.add_field(lines_, name, value);
}

void AccessLogger::add_identity(const observe::InFlightRequest& in_flight) {
    if (in_flight.trace) {
        add("trace_id", in_flight.trace.trace_id());
        add("span_id", in_flight.trace.span_id());
        add("trace_flags", in_flight.trace.flags());
    }
    add("request_id", std::string_view(in_flight.request_id));
}

void AccessLogger::end() {
    log_.end_line(lines_);
    ++count_;
    if (lines_.size() >= enough) {
        flush();
    } else if (count_ == 1) {
        flush_timer_.set(async::DeadlineTimer::Clock::now() + longest_delay);
    }
}

}  // namespace signalbox::http
