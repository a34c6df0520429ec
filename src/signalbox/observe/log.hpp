#pragma once

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "signalbox/config/config.hpp"
#include "signalbox/fast/json_writer.hpp"
#include "signalbox/observe/resource.hpp"

namespace spdlog {
class async_logger;
}
namespace spdlog::details {
class thread_pool;
}

namespace signalbox::observe {

using config::LogFormat;
using config::LogLevel;

/// A duration is written in seconds, with microseconds.
using FieldValue =
    std::variant<std::string_view, std::int64_t, double, bool, std::chrono::nanoseconds>;
using Field = std::pair<std::string_view, FieldValue>;
using Fields = std::initializer_list<Field>;

/// One line while it is being written, into a buffer that may hold others already. It does not get
/// longer than `longest` bytes: container runtimes tear lines of 16 KiB apart. Texts are cut, with
/// a mark that says of how many bytes, and members for which there is no room are left out, which
/// `log.incomplete` then tells.
class Line {
  public:
    static constexpr std::size_t longest = 8 * 1024;
    static constexpr std::size_t longest_text = 2 * 1024;

    template <JsonKey name, class Value>
    Line& add(Value value) {
        if (!has_room(name.json().size())) return *this;
        if (is_json_) {
            json_.key<name>();
        } else {
            buffer_.append("  ").append(name.name()).append(1, '=');
        }
        append(value);
        return *this;
    }
    Line& add(const Field& field);

  private:
    friend class Log;

    /// `end` is the size of the buffer that its members may fill.
    Line(std::string& buffer, LogFormat format, std::size_t end)
        : buffer_(buffer), json_(buffer), is_json_(format == LogFormat::json), end_(end) {}

    std::size_t room() const noexcept { return buffer_.size() < end_ ? end_ - buffer_.size() : 0; }
    bool has_room(std::size_t name_size);

    void append(const char*) = delete;  // it would pass for a bool
    void append(std::string_view text);
    void append(std::int64_t number);
    void append(double number);
    void append(bool truth);
    void append(std::chrono::nanoseconds duration);

    std::string& buffer_;
    JsonWriter json_;
    const bool is_json_;
    const std::size_t end_;
    bool incomplete_ = false;
};

/// The process's log: one line an event on standard output, as a JSON object (OpenTelemetry's log
/// data model) or as text for a terminal. A line is valid JSON whatever bytes are in it.
///
/// Any thread may write. Writing never blocks: a thread of its own empties the queue, and when
/// standard output does not take the lines and the queue is full, new ones are dropped and counted.
class Log {
  public:
    /// Every line names the resource. `descriptor` stays the caller's to close.
    Log(const Resource& resource, LogLevel level, LogFormat format, int descriptor = STDOUT_FILENO);
    ~Log();  ///< closes
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;

    void write(LogLevel level, std::string_view body, Fields fields = {});

    /// Why the process ends with an error: at whatever level, as one line, and for Kubernetes to
    /// show (process/termination_message.hpp).
    void write_fatal(std::string_view message);

    /// For who writes many: begins a line behind others, ends it, and writes all of them.
    Line begin_line(std::string& lines, LogLevel level, std::string_view body) const;
    void end_line(std::string& lines) const;
    void write_lines(std::string_view lines, std::size_t count);

    /// Writes out what is queued; nothing may be written after. False when standard output does
    /// not take it within two seconds: then a thread still waits for it, and so would exit(3).
    bool close();

    /// Whether another process writes to the same output, as during a reload: then lines are
    /// written in pieces that a pipe takes whole (pipe(7), PIPE_BUF), so that none gets into
    /// another. One that is longer than that may.
    void share_output(bool shared) noexcept;

    LogFormat format() const noexcept { return format_; }
    bool enabled(LogLevel level) const noexcept { return level >= level_; }

    /// Can be changed at any time.
    LogLevel level() const noexcept { return level_; }
    void set_level(LogLevel level) noexcept { level_ = level; }

    /// Lines that were not written, because the queue was full or standard output failed.
    std::uint64_t dropped() const noexcept;

  private:
    class Sink;
    struct Queue;

    const LogFormat format_;
    std::atomic<LogLevel> level_;
    const std::string resource_;  ///< the fields that every line ends with, and its end
    const std::shared_ptr<Queue> queue_;
    std::shared_ptr<spdlog::details::thread_pool> thread_;
    std::shared_ptr<spdlog::async_logger> logger_;
};

/// RFC 3339 with microseconds, in UTC: `2026-11-22T07:02:06.076478Z`.
std::string format_time(std::chrono::system_clock::time_point time);

}  // namespace signalbox::observe
