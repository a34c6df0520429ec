#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace signalbox::context {

/// What an application adds to the lines that the log has of one request, in the order in which it
/// was first set. Bounded, however often it is set.
///
/// Threads: the request's event loop.
class LogFields {
  public:
    /// A duration is written in seconds, with microseconds.
    using Value = std::variant<std::string, std::int64_t, double, bool, std::chrono::nanoseconds>;
    using Field = std::pair<std::string, Value>;

    static constexpr std::size_t most = 16;
    static constexpr std::size_t longest_name = 64;
    static constexpr std::size_t longest_text = 256;  ///< bytes; the rest is cut off

    /// In place of one of the same name. Of a name that a line of the library's has, one more
    /// underscore makes another (log_field_name). Beyond `most` a new one is left out.
    void set(std::string_view name, Value value);

    const std::vector<Field>& all() const noexcept { return fields_; }
    bool has(std::string_view name) const noexcept;
    /// How many times a new one was left out.
    std::size_t left_out() const noexcept { return left_out_; }

  private:
    std::vector<Field> fields_;
    std::size_t left_out_ = 0;
};

/// A name for which no line has to be escaped: what is no letter of ASCII, digit, `_`, `.` or `-`
/// in it becomes `_`.
std::string log_field_name(std::string_view name);

}  // namespace signalbox::context
