#include "signalbox/http/watch/access_log.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "signalbox/context/error_types.hpp"
#include "signalbox/http/server/error_answer.hpp"
#include "signalbox/http/wire/uri.hpp"
#include "signalbox/observe/log_text.hpp"
#include "signalbox/observe/request_fields.hpp"
#include "signalbox/observe/request_metrics.hpp"

namespace signalbox::http {

namespace {

/// Lines are kept back for so long, or until there are so many bytes of them.
constexpr std::chrono::milliseconds longest_delay{10};
constexpr std::size_t enough = 32 * 1024;

/// Of a path or a query: what a line shows of it, and as much again for secrets that take less room
/// there. A client could have the loop do nothing but look through it.
constexpr std::size_t most_looked_at = 2 * observe::Line::longest_text;

std::size_t left_out(std::string_view text) {
    return text.size() - std::min(text.size(), most_looked_at);
}

/// When no other line comes that could say how many were left out.
constexpr std::chrono::seconds longest_silence{1};

/// What the service did to protect itself or could not take for a request. Many come at a time.
bool is_refusal(const FinishedRequest& finished) {
    return finished.in_flight.shed != context::Shed::no || !finished.malformed_reason.empty() ||
           finished.status == 503;
}

void add_identity(observe::Line& line, const context::RequestContext& in_flight) {
    if (in_flight.trace) {
        line.add<"trace_id">(in_flight.trace.trace_id());
        line.add<"span_id">(in_flight.trace.span_id());
        line.add<"trace_flags">(in_flight.trace.flags());
    }
    line.add<"request_id">(std::string_view(in_flight.request_id));
}

void add_result(observe::Line& line, const FinishedRequest& finished, std::string_view error_type,
                const Redaction& redaction) {
    const context::RequestContext& in_flight = finished.in_flight;
    const Request* const request = finished.request;
    if (request != nullptr && !request->query.empty()) {
        const std::size_t more = left_out(request->query);
        const std::string query =
            redaction.query(request->query.substr(0, most_looked_at), more > 0);
        std::string cut;
        line.add<"url.query">(observe::shortened(query, observe::Line::longest_text, cut, more));
    }
    line.add<"http.response.body.size">(static_cast<std::int64_t>(finished.body_size));
    line.add<"client.address">(in_flight.client_address);
    if (finished.streamed()) {
        line.add<"first_byte_s">(finished.first_byte - in_flight.started);
    }
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
    observe::add_fields_of(line, &in_flight);
}

}  // namespace

AccessLogger::AccessLogger(asio::io_context& loop, observe::Log& log,
                           const std::atomic<config::AccessLog>& which, const Redaction& redaction)
    : log_(log),
      which_(which),
      redaction_(redaction),
      flush_timer_(loop, [this] { flush(); }),
      left_out_timer_(loop, [this] { tell_left_out(); }) {}

AccessLogger::~AccessLogger() {
    tell_left_out();
    flush();
}

void AccessLogger::finished(const FinishedRequest& finished,
                            std::chrono::steady_clock::duration duration,
                            std::string_view error_type) {
    const config::AccessLog which = which_.load(std::memory_order_relaxed);
    if (which == config::AccessLog::off) return;
    const bool failed =
        observe::fault_of(finished.status, error_type, !finished.malformed_reason.empty()) ==
        observe::Fault::service;
    if (which == config::AccessLog::errors && finished.status < 400 && error_type.empty()) return;
    const config::LogLevel level = failed ? config::LogLevel::error : config::LogLevel::info;
    if (!log_.enabled(level)) return;
    if (is_refusal(finished) && !may_write()) return;

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

/// The path decoded where it is one word: else it could look like the fields behind it.
std::string AccessLogger::text_body(const FinishedRequest& finished,
                                    std::chrono::steady_clock::duration duration) {
    const Request* const request = finished.request;
    std::string_view path = "-";
    std::string kept;
    if (request != nullptr) {
        const std::string_view decoded = std::string_view(request->path).substr(0, most_looked_at);
        std::size_t more = left_out(request->path);
        path = redaction_.path(decoded, redacted_path_, more > 0);
        if (path.find(' ') != std::string_view::npos) {
            // What is secret may be found in the decoded one only.
            if (path != decoded) {
                spaceless_path_ = percent_encode(path, "/:=&?;,@%");
            } else {
                more = left_out(request->raw_path);
                spaceless_path_ = redaction_.path(request->raw_path.substr(0, most_looked_at),
                                                  redacted_path_, more > 0);
            }
            path = spaceless_path_;
        }
        path = observe::shortened(path, observe::Line::longest_text / 2, kept, more);
    }
    std::string kept_method;
    const std::string_view method =
        observe::shortened(request != nullptr ? request->method_name : "?", 64, kept_method);
    return fmt::format("{} {} {} {:.1f} ms", method, path, finished.status,
                       std::chrono::duration<double, std::milli>(duration).count());
}

std::string_view AccessLogger::path(const Request& request) {
    const std::size_t more = left_out(request.path);
    const std::string_view path = redaction_.path(
        std::string_view(request.path).substr(0, most_looked_at), redacted_path_, more > 0);
    return observe::shortened(path, observe::Line::longest_text, shortened_path_, more);
}

void AccessLogger::add_request(observe::Line& line, const FinishedRequest& finished) {
    if (finished.request != nullptr) {
        const Request& request = *finished.request;
        line.add<"http.request.method">(request.method_name);
        line.add<"http.route">(finished.in_flight.route);
        line.add<"url.path">(path(request));
        line.add<"user_agent.original">(request.header("user-agent").value_or(""));
    }
    line.add<"http.response.status_code">(std::int64_t{finished.status});
}

void AccessLogger::slow(const Request& request, const context::RequestContext& in_flight) {
    if (!log_.enabled(config::LogLevel::warning)) return;
    const auto now = context::RequestContext::Clock::now();
    auto line = begin(config::LogLevel::warning, "request is slow");
    add_identity(line, in_flight);
    line.add<"http.request.method">(request.method_name);
    line.add<"http.route">(in_flight.route);
    line.add<"url.path">(path(request));
    line.add<"client.address">(in_flight.client_address);
    line.add<"duration_s">(now - in_flight.started);
    line.add<"waiting_for">(to_string(in_flight.waiting()));
    line.add<"waiting_s">(now - in_flight.waiting_since());
    observe::add_fields_of(line, &in_flight);
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
    observe::add_fields_of(line, &in_flight);
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
    observe::add_fields_of(line, request);
    end();
}

void AccessLogger::failed(const std::exception_ptr& error) noexcept {
    try {
        if (!log_.enabled(config::LogLevel::error) || !may_write()) return;
        auto line = begin(config::LogLevel::error, "the code of a connection failed");
        line.add<"error.type">(context::error_types::connection_failed);
        line.add<"error.message">(std::string_view(cause_of(error)));
        end();
    } catch (const std::exception&) {  // no memory for the line; it is counted
    }
}

void AccessLogger::cut(std::string_view reason, std::size_t count) {
    log_.write(config::LogLevel::warning, "connections were ended",
               {{"error.type", reason}, {"count", static_cast<std::int64_t>(count)}});
}

void AccessLogger::flush() {
    flush_timer_.clear();
    flush_due_ = false;
    if (count_ == 0) return;
    lines_.resize(complete_);
    log_.write_lines(lines_, count_);
    lines_.clear();
    complete_ = count_ = 0;
}

observe::Line AccessLogger::begin(config::LogLevel level, std::string_view body) {
    lines_.resize(complete_);  // one may have failed in the middle, for want of memory
    auto line = log_.begin_line(lines_, level, body);
    if (sampler_.left_out() > 0) {
        line.add<"log.left_out">(static_cast<std::int64_t>(sampler_.take_left_out()));
        left_out_timer_.clear();
    }
    return line;
}

bool AccessLogger::may_write() {
    const auto now = LineSampler::Clock::now();
    if (sampler_.may_write(now)) return true;
    if (sampler_.left_out() == 1) left_out_timer_.set(now + longest_silence);
    return false;
}

void AccessLogger::tell_left_out() {
    if (sampler_.left_out() == 0) return;
    begin(config::LogLevel::warning, "lines of what was shed, refused or failed were left out");
    end();
}

void AccessLogger::end() {
    log_.end_line(lines_);
    complete_ = lines_.size();
    ++count_;
    if (lines_.size() >= enough) {
        flush();
    } else if (!flush_due_) {
        flush_timer_.set(async::DeadlineTimer::Clock::now() + longest_delay);
        flush_due_ = true;
    }
}

}  // namespace signalbox::http
