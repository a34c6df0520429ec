#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace signalbox::context {

/// A request's place in a distributed trace, as the `traceparent` header carries it (W3C Trace
/// Context, section 3.2). Every request is a new span, in its caller's trace when the caller sent a
/// valid header, otherwise in a new trace.
class TraceContext {
  public:
    /// In no trace at all: every text is empty.
    TraceContext() = default;

    /// The first span of a new trace, not sampled: nothing here records spans.
    static TraceContext start();

    /// A new span in the trace of the caller who sent this header; nothing when it is malformed.
    /// Keeps only the flag `sampled`, as the specification wants it for flags that it does not
    /// define. Reads a later version than 00 as far as 00 goes.
    static std::optional<TraceContext> continue_from(std::string_view traceparent);

    /// A new span of the same trace, for a call to another service; none of none.
    TraceContext child() const;

    explicit operator bool() const noexcept { return exists_; }
    bool started_here() const noexcept { return started_here_; }

    /// 32, 16 and 2 lowercase hexadecimal digits; valid as long as this object.
    std::string_view trace_id() const noexcept { return text(trace_id_); }
    std::string_view span_id() const noexcept { return text(span_id_); }
    std::string_view flags() const noexcept {
        return !exists_ ? std::string_view() : sampled_ ? "01" : "00";
    }

    /// The header to send along: `00-<trace id>-<span id>-<flags>`.
    std::string traceparent() const;
    void append_traceparent(std::string& text) const;

  private:
    template <std::size_t size>
    std::string_view text(const std::array<char, size>& digits) const noexcept {
        return exists_ ? std::string_view(digits.data(), size) : std::string_view();
    }

    std::array<char, 32> trace_id_{};
    std::array<char, 16> span_id_{};
    bool sampled_ = false;
    bool exists_ = false;
    bool started_here_ = false;
};

}  // namespace signalbox::context
