#include "observe/log.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/async.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <unistd.h>

#include <future>
#include <iterator>
#include <thread>

#include "json.hpp"
#include "version.hpp"

namespace signalbox::observe {

namespace {

constexpr std::size_t queue_size = 8192;
constexpr std::chrono::seconds last_flush{2};

spdlog::level::level_enum to_spdlog(LogLevel level) {
    switch (level) {
        case LogLevel::trace:
            return spdlog::level::trace;
        case LogLevel::debug:
            return spdlog::level::debug;
        case LogLevel::info:
            return spdlog::level::info;
        case LogLevel::warning:
            return spdlog::level::warn;
        case LogLevel::error:
            return spdlog::level::err;
        case LogLevel::critical:
            return spdlog::level::critical;
    }
    return spdlog::level::info;
}

LogLevel from_spdlog(spdlog::level::level_enum level) {
    for (const auto candidate :
         {LogLevel::trace, LogLevel::debug, LogLevel::info, LogLevel::warning, LogLevel::error}) {
        if (to_spdlog(candidate) == level) return candidate;
    }
    return LogLevel::critical;
}

struct Severity {
    std::string_view text;
    int number;
};

/// OpenTelemetry's names and numbers.
Severity severity(LogLevel level) {
    switch (level) {
        case LogLevel::trace:
            return {"TRACE", 1};
        case LogLevel::debug:
            return {"DEBUG", 5};
        case LogLevel::info:
            return {"INFO", 9};
        case LogLevel::warning:
            return {"WARN", 13};
        case LogLevel::error:
            return {"ERROR", 17};
        case LogLevel::critical:
            return {"FATAL", 21};
    }
    return {"INFO", 9};
}

std::string instance_id() {
    char host[256] = "localhost";
    ::gethostname(host, sizeof host - 1);
    return fmt::format("{}:{}", host, ::getpid());
}

void append_value(std::string& line, const FieldValue& value) {
    if (const auto* text = std::get_if<std::string_view>(&value)) {
        append_json_string(line, *text);
    } else if (const auto* number = std::get_if<std::int64_t>(&value)) {
        fmt::format_to(std::back_inserter(line), "{}", *number);
    } else if (const auto* real = std::get_if<double>(&value)) {
        fmt::format_to(std::back_inserter(line), "{:.6f}", *real);
    } else {
        line += std::get<bool>(value) ? "true" : "false";
    }
}

}  // namespace

std::string format_time(std::chrono::system_clock::time_point time) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
    const auto fraction = std::chrono::floor<std::chrono::microseconds>(time - seconds);
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z",
                       fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)),
                       fraction.count());
}

Log::Log(LogLevel level, LogFormat format)
    : format_(format),
      resource_(fmt::format(R"(,"service.name":"signalbox","service.version":"{}",)"
                            R"("service.instance.id":{}}})",
                            version, json_string(instance_id()))),
      thread_(std::make_shared<spdlog::details::thread_pool>(queue_size, 1)),
      logger_(std::make_shared<spdlog::async_logger>(
          "signalbox", std::make_shared<spdlog::sinks::stdout_sink_mt>(), thread_,
          spdlog::async_overflow_policy::overrun_oldest)) {
    logger_->set_pattern("%v");
    set_level(level);
}

Log::~Log() {
    close();
}

bool Log::close() {
    if (!thread_) return true;
    // spdlog waits for its thread, and that for standard output, which may be a pipe that nobody
    // reads. Whoever does not read his log has no say in when the process ends.
    std::promise<void> done;
    auto flushed = done.get_future();
    std::thread([thread = std::move(thread_), logger = std::move(logger_),
                 done = std::move(done)]() mutable {
        thread.reset();  // ends behind what is queued; the sink has no other user then
        logger.reset();
        done.set_value();
    }).detach();
    return flushed.wait_for(last_flush) == std::future_status::ready;
}

void Log::write(LogLevel level, std::string_view body, const Fields& fields) {
    if (!enabled(level)) return;
    const std::string line = format_ == LogFormat::json ? json_line(level, body, fields)
                                                        : text_line(level, body, fields);
    logger_->log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
}

bool Log::enabled(LogLevel level) const {
    return logger_->should_log(to_spdlog(level));
}

LogLevel Log::level() const {
    return from_spdlog(logger_->level());
}

void Log::set_level(LogLevel level) {
    logger_->set_level(to_spdlog(level));
}

std::size_t Log::dropped() const {
    return thread_->overrun_counter();
}

std::string Log::json_line(LogLevel level, std::string_view body, const Fields& fields) const {
    const auto [text, number] = severity(level);
    std::string line =
        fmt::format(R"({{"timestamp":"{}","severity_text":"{}","severity_number":{},"body":)",
                    format_time(std::chrono::system_clock::now()), text, number);
    append_json_string(line, body);
    for (const auto& [name, value] : fields) {
        line += ',';
        append_json_string(line, name);
        line += ':';
        append_value(line, value);
    }
    return line += resource_;
}

std::string Log::text_line(LogLevel level, std::string_view body, const Fields& fields) const {
    std::string line = fmt::format("{} {:<5} {}", format_time(std::chrono::system_clock::now()),
                                   severity(level).text, body);
    for (const auto& [name, value] : fields) {
        line.append("  ").append(name).append("=");
        append_value(line, value);
    }
    return line;
}

}  // namespace signalbox::observe
