#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "config/config.hpp"

namespace spdlog {
class async_logger;
}
namespace spdlog::details {
class thread_pool;
}

namespace signalbox::observe {

using FieldValue = std::variant<std::string_view, std::int64_t, double, bool>;
using Field = std::pair<std::string_view, FieldValue>;
using Fields = std::vector<Field>;

/// The process's log: one line an event on standard output, as a JSON object (OpenTelemetry's log
/// data model) or as text for a terminal. A line is valid JSON whatever bytes are in it.
///
/// Any thread may write. Writing never blocks: a thread of its own empties the queue, and when
/// standard output does not take the lines, the oldest are dropped and counted.
class Log {
  public:
    Log(LogLevel level, LogFormat format);
    ~Log();  ///< closes
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;

    void write(LogLevel level, std::string_view body, const Fields& fields = {});

    /// Writes out what is queued; nothing may be written after. False when standard output does
    /// not take it within two seconds: then a thread still waits for it, and so would exit(3).
    bool close();

    bool enabled(LogLevel level) const;
    LogLevel level() const;
    void set_level(LogLevel level);
    std::size_t dropped() const;

  private:
    std::string json_line(LogLevel level, std::string_view body, const Fields& fields) const;
    std::string text_line(LogLevel level, std::string_view body, const Fields& fields) const;

    const LogFormat format_;
    const std::string resource_;  ///< the fields that every line ends with
    std::shared_ptr<spdlog::details::thread_pool> thread_;
    std::shared_ptr<spdlog::async_logger> logger_;
};

/// RFC 3339 with microseconds, in UTC: `2026-11-22T07:02:06.076478Z`.
std::string format_time(std::chrono::system_clock::time_point time);

}  // namespace signalbox::observe
