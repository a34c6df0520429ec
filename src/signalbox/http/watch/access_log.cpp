#include "signalbox/http/watch/access_log.hpp"

#include <fmt/format.h>

#include "signalbox/http/server/error_answer.hpp"

namespace signalbox::http {

namespace {

/// Lines are kept back for so long, or until there are so many bytes of them.
constexpr std::chrono::milliseconds longest_delay{10};
constexpr std::size_t enough = 32 * 1024;

/// Decoded where it is one word: else a path could look like the fields behind it.
std::string_view text_path(const Request& request) {
    return request.path.find(' ') == std::string::npos ? request.path : request.raw_path;
}

std::string text_body(const FinishedRequest& finished,
                      std::chrono::steady_clock::duration duration) {
    const Request* const request = finished.request;
    return fmt::format("{} {} {} {:.1f} ms", request != nullptr ? request->method_name : "?",
                       request != nullptr ? text_path(*request) : "-", finished.status,
                       std::chrono::duration<double, std::milli>(duration).count());
}

/// A failure of the service. Of a method or version that it does not have the client is the cause.
bool is_failure(int status) {
    return status >= 500 && status != 501 && status != 505;
}

void add_identity(observe::Line& line, const context::RequestContext& in_flight) {
    if (in_flight.trace) {
        line.add<"trace_id">(in_flight.trace.trace_id());
        line.add<"span_id">(in_flight.trace.span_id());
        line.add<"trace_flags">(in_flight.trace.flags());
    }
    line.add<"request_id">(std::string_view(in_flight.request_id));
}

void add_request(observe::Line& line, const FinishedRequest& finished) {
    if (finished.request != nullptr) {
        const Request& request = *finished.request;
        line.add<"http.request.method">(request.method_name);
        line.add<"http.route">(finished.in_flight.route);
        line.add<"url.path">(std::string_view(request.path));
        line.add<"user_agent.original">(request.header("user-agent").value_or(""));
    }
    line.add<"http.response.status_code">(std::int64_t{finished.status});
}

void add_result(observe::Line& line, const FinishedRequest& finished, std::string_view error_type,
                const Redaction& redaction) {
    const context::RequestContext& in_flight = finished.in_flight;
    const Request* const request = finished.request;
    if (request != nullptr && !request->query.empty()) {
        line.add<"url.query">(std::string_view(redaction.query(request->query)));
    }
    line.add<"http.response.body.size">(static_cast<std::int64_t>(finished.body_size));
    line.add<"client.address">(in_flight.client_address);
    line.add<"in_flight">(static_cast<std::int64_t>(in_flight.in_flight_at_start));
    if (in_flight.database_wait.count() != 0 || in_flight.database_use.count() != 0) {
        line.add<"db.wait_s">(in_flight.database_wait);
        line.add<"db.use_s">(in_flight.database_use);
        line.add<"shared_read">(in_flight.shared_read);
    }
    if (request != nullptr) {
        line.add<"network.protocol.version">(request->version_minor == 0 ? std::string_view("1.0")
                                                                         : "1.1");
    }
    if (!error_type.empty()) line.add<"error.type">(error_type);
    if (!in_flight.error_cause().empty()) {
        line.add<"error.message">(in_flight.error_cause());
    }
}

}  // namespace

AccessLogger::AccessLogger(asio::io_context& loop, observe::Log& log,
                           const std::atomic<config::AccessLog>& which, const Redaction& redaction)
    : log_(log), which_(which), redaction_(redaction), flush_timer_(loop, [this] { flush(); }) {}

AccessLogger::~AccessLogger() {
    flush();
}

void AccessLogger::finished(const FinishedRequest& finished,
                            std::chrono::steady_clock::duration duration,
                            std::string_view error_type) {
    const config::AccessLog which = which_.load(std::memory_order_relaxed);
    if (which == config::AccessLog::off) return;
    if (which == config::AccessLog::errors && finished.status < 400) return;
    const config::LogLevel level =
        is_failure(finished.status) ? config::LogLevel::error : config::LogLevel::info;
    if (!log_.enabled(level)) return;

    const context::RequestContext& in_flight = finished.in_flight;
    if (log_.format() == config::LogFormat::json) {
        auto line = begin(level, "request");
        add_identity(line, in_flight);
        add_request(line, finished);
        line.add<"duration_s">(duration);
        add_result(line, finished, error_type, redaction_);
    } else {
        auto line = begin(level, text_body(finished, duration));
        add_result(line, finished, error_type, redaction_);
        add_identity(line, in_flight);
    }
    end();
}

void AccessLogger::slow(const Request& request, const context::RequestContext& in_flight) {
    if (!log_.enabled(config::LogLevel::warning)) return;
    const auto now = context::RequestContext::Clock::now();
    auto line = begin(config::LogLevel::warning, "request is slow");
    add_identity(line, in_flight);
    line.add<"http.request.method">(request.method_name);
    line.add<"http.route">(in_flight.route);
    line.add<"url.path">(std::string_view(request.path));
    line.add<"client.address">(in_flight.client_address);
    line.add<"duration_s">(now - in_flight.started);
    line.add<"waiting_for">(to_string(in_flight.waiting()));
    line.add<"waiting_s">(now - in_flight.waiting_since());
    end();
}

void AccessLogger::blocked(const context::RequestContext& in_flight,
                           std::chrono::steady_clock::duration taken) {
    if (!log_.enabled(config::LogLevel::warning)) return;
    auto line = begin(config::LogLevel::warning, "handler blocked the event loop");
    add_identity(line, in_flight);
    line.add<"http.request.method">(in_flight.method);
    line.add<"http.route">(in_flight.route);
    line.add<"blocked_s">(taken);
    end();
}

void AccessLogger::task_failed(const context::RequestContext* request,
                               const std::exception_ptr& error) {
    if (!log_.enabled(config::LogLevel::error)) return;
    auto line = begin(config::LogLevel::error, "a spawned task failed");
    if (request != nullptr) {
        add_identity(line, *request);
        line.add<"http.request.method">(request->method);
        line.add<"http.route">(request->route);
    }
    line.add<"error.message">(std::string_view(cause_of(error)));
    end();
}

void AccessLogger::failed(std::string_view cause) {
    log_.write(config::LogLevel::error, "a connection failed and was closed",
               {{"error.message", cause}});
}

void AccessLogger::flush() {
    flush_timer_.clear();
    if (count_ == 0) return;
    log_.write_lines(lines_, count_);
    lines_.clear();
    count_ = 0;
}

observe::Line AccessLogger::begin(config::LogLevel level, std::string_view body) {
    return log_.begin_line(lines_, level, body);
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
