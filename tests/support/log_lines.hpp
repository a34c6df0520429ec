#pragma once

#include <rapidjson/document.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace signalbox::test {

/// A line of the log in JSON.
class LogLine {
  public:
    /// Throws std::runtime_error unless the text is one JSON object in valid UTF-8 whose members
    /// all have names of their own.
    explicit LogLine(std::string_view text);

    bool has(std::string_view name) const;
    /// A member's value; throws std::runtime_error when it is missing or of another type.
    std::string text(std::string_view name) const;
    double number(std::string_view name) const;
    bool boolean(std::string_view name) const;

    /// Of its members, in order.
    std::vector<std::string> names() const;
    /// As it was written.
    const std::string& json() const { return json_; }

  private:
    const rapidjson::Value& member(std::string_view name) const;

    std::string json_;
    std::shared_ptr<const rapidjson::Document> document_;
};

/// All complete lines. Throws std::runtime_error when one is not as LogLine wants it.
std::vector<LogLine> log_lines(std::string_view output);

/// Those whose member of this name is this text.
std::vector<LogLine> log_lines_with(std::string_view output, std::string_view name,
                                    std::string_view value);

class Process;

/// Waits for the first line of a process's log whose member of this name is this text. Throws
/// std::runtime_error with the log when it does not come.
LogLine wait_for_line(const Process& process, std::string_view name, std::string_view value);

/// A file in memory to log to, which can be read at any time.
class LogFile {
  public:
    LogFile();
    ~LogFile();
    LogFile(const LogFile&) = delete;
    LogFile& operator=(const LogFile&) = delete;

    int descriptor() const { return descriptor_; }
    std::string text() const;

  private:
    const int descriptor_;
};

}  // namespace signalbox::test
