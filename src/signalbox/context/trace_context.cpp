#include "signalbox/context/trace_context.hpp"

#include <algorithm>

#include "signalbox/ascii.hpp"
#include "signalbox/fast/random.hpp"

namespace signalbox::context {

namespace {

// 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
constexpr std::size_t trace_id_at = 3;
constexpr std::size_t span_id_at = 36;
constexpr std::size_t flags_at = 53;
constexpr std::size_t size_of_00 = 55;

bool is_lower_hex(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
}

bool is_zero(std::string_view digits) {
    return digits.find_first_not_of('0') == std::string_view::npos;
}

}  // namespace

TraceContext TraceContext::start() {
    TraceContext context;
    // All zeros would be invalid; that it comes out by chance is as good as impossible, 1 in 2^64.
    fill_with_random_hex(context.trace_id_);
    fill_with_random_hex(context.span_id_);
    context.exists_ = context.started_here_ = true;
    return context;
}

std::optional<TraceContext> TraceContext::continue_from(std::string_view traceparent) {
    if (traceparent.size() < size_of_00) return std::nullopt;
    const auto version = traceparent.substr(0, 2);
    const auto trace_id = traceparent.substr(trace_id_at, 32);
    const auto span_id = traceparent.substr(span_id_at, 16);
    const auto flags = traceparent.substr(flags_at, 2);
    const bool longer = traceparent.size() > size_of_00;
    if (!is_lower_hex(version) || version == "ff" || (longer && version == "00") ||
        (longer && traceparent[size_of_00] != '-') || traceparent[trace_id_at - 1] != '-' ||
        traceparent[span_id_at - 1] != '-' || traceparent[flags_at - 1] != '-' ||
        !is_lower_hex(trace_id) || is_zero(trace_id) || !is_lower_hex(span_id) ||
        is_zero(span_id) || !is_lower_hex(flags)) {
        return std::nullopt;
    }
    TraceContext context;
    std::copy(trace_id.begin(), trace_id.end(), context.trace_id_.begin());
    fill_with_random_hex(context.span_id_);
    const char low = flags[1];
    context.sampled_ = (hex_value(low) & 1) != 0;
    context.exists_ = true;
    return context;
}

TraceContext TraceContext::child() const {
    TraceContext child = *this;
    if (exists_) fill_with_random_hex(child.span_id_);
    return child;
}

std::string TraceContext::traceparent() const {
    std::string header;
    append_traceparent(header);
    return header;
}

void TraceContext::append_traceparent(std::string& text) const {
    if (!exists_) return;
    char header[size_of_00] = {'0', '0'};
    header[trace_id_at - 1] = header[span_id_at - 1] = header[flags_at - 1] = '-';
    std::copy(trace_id_.begin(), trace_id_.end(), header + trace_id_at);
    std::copy(span_id_.begin(), span_id_.end(), header + span_id_at);
    header[flags_at] = '0';
    header[flags_at + 1] = sampled_ ? '1' : '0';
    text.append(header, sizeof header);
}

}  // namespace signalbox::context
