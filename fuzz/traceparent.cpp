// A traceparent header is accepted exactly when the W3C's specification accepts it, and what is
// sent along says the same but for the span, which is a new one.
#include "support/traceparent.hpp"

#include <string>

#include "signalbox/context/trace_context.hpp"
#include "target.hpp"

namespace signalbox::fuzz {
namespace {

void check(std::string_view header) {
    const auto context = context::TraceContext::continue_from(header);
    require(context.has_value() == test::is_traceparent(header), "the specification agrees");
    if (!context) return;

    const std::string sent = context->traceparent();
    require(test::is_traceparent(sent), "what is sent along is a traceparent");
    require(sent.size() == 55 && sent.starts_with("00-"), "what is sent along has version 00");
    require(!context->started_here(), "a continued trace was not started here");
    const std::string_view span = header.substr(36, 16);
    require(context->span_id() != span, "the span is a new one");
    require_same(sent.substr(36, 16), context->span_id(), "the new span is sent along");

    // But for the new span and the flags that are not defined, it is the header of version 00.
    const std::string_view odd_digits = "13579bdf";
    const bool sampled = odd_digits.find(header[54]) != std::string_view::npos;
    std::string expected(header);
    expected.replace(0, 2, "00").replace(36, 16, context->span_id());
    expected.resize(53);
    expected += sampled ? "01" : "00";
    require_same(sent, expected, "trace and sampling are kept");

    const auto next = context::TraceContext::continue_from(sent);
    require(next.has_value(), "the next service accepts it");
    require_same(next->trace_id(), context->trace_id(), "the next service is in the same trace");
    require_same(next->flags(), context->flags(), "the next service sees the same flags");
}

}  // namespace
}  // namespace signalbox::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    signalbox::fuzz::check(signalbox::fuzz::as_text(data, size));
    return 0;
}
