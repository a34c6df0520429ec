#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

namespace signalbox::observe {
class Log;
}

namespace signalbox::api {

/// One field of a line: `{"order.id", id}`. A field that has the name of one of the line's own
/// (`timestamp`, `request_id`, …) is written with an underscore behind its name.
struct LogField {
    template <std::integral Number>
    LogField(std::string_view field, Number number)
        : name(field), value(static_cast<std::int64_t>(number)) {}
    LogField(std::string_view field, bool truth) : name(field), value(truth) {}
    LogField(std::string_view field, double number) : name(field), value(number) {}
    LogField(std::string_view field, const char* text)
        : name(field), value(std::string_view(text)) {}
    LogField(std::string_view field, std::string_view text) : name(field), value(text) {}
    LogField(std::string_view field, const std::string& text)
        : name(field), value(std::string_view(text)) {}
    /// In seconds, with microseconds.
    template <class Rep, class Period>
    LogField(std::string_view field, std::chrono::duration<Rep, Period> duration)
        : name(field), value(std::chrono::duration_cast<std::chrono::nanoseconds>(duration)) {}

    std::string_view name;
    std::variant<std::string_view, std::int64_t, double, bool, std::chrono::nanoseconds> value;
};

/// The log, for handlers and what they call. Each line names the request that it was written for
/// (`request_id`, `trace_id`, `span_id`, `http.route`), also after a `co_await` and in a spawned
/// task. The caller has to keep secrets out.
///
/// Threads: any. Does not block: what standard output does not take in time is dropped and counted
/// (`signalbox_log_messages_dropped_total`). Lifetime: the application's.
class Logger {
  public:
    using Fields = std::initializer_list<LogField>;

    explicit Logger(observe::Log& log) : log_(log) {}

    /// Adds a field to all further lines of the request that this is called for, the one that the
    /// server writes at its end included: `logger.field({"order.id", id})`. It replaces one of the
    /// same name; there can be sixteen, with texts of 256 bytes (context::LogFields). A line that
    /// has such a field of its own keeps that. For handlers, middleware and what they call; does
    /// nothing where no request is at work.
    void field(const LogField& field) const;

    void debug(std::string_view message, Fields fields = {}) const;
    void info(std::string_view message, Fields fields = {}) const;
    void warning(std::string_view message, Fields fields = {}) const;
    void error(std::string_view message, Fields fields = {}) const;

  private:
    observe::Log& log_;
};

}  // namespace signalbox::api
