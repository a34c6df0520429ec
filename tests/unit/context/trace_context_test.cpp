#include "signalbox/context/trace_context.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>
#include <string_view>

#include "support/traceparent.hpp"

namespace signalbox::context {
namespace {

using test::is_traceparent;
using testing::MatchesRegex;

const std::string trace_id = "0af7651916cd43dd8448eb211c80319c";
const std::string span_id = "b7ad6b7169203331";
const std::string valid = "00-" + trace_id + "-" + span_id + "-01";

/// What the header says must be what comes out of it.
void expect_as_the_oracle_says(std::string_view header) {
    const auto context = TraceContext::continue_from(header);
    ASSERT_EQ(context.has_value(), is_traceparent(header)) << testing::PrintToString(header);
    if (!context) return;
    EXPECT_EQ(context->trace_id(), header.substr(3, 32));
    EXPECT_NE(context->span_id(), header.substr(36, 16));
    const bool sampled = std::string_view("13579bdf").find(header[54]) != std::string_view::npos;
    EXPECT_EQ(context->flags(), sampled ? "01" : "00") << header;
    EXPECT_FALSE(context->started_here());
    const auto next = TraceContext::continue_from(context->traceparent());
    ASSERT_TRUE(next) << context->traceparent();
    EXPECT_EQ(next->trace_id(), context->trace_id());
    EXPECT_EQ(next->flags(), context->flags());
}

TEST(TraceContext, is_nothing_until_it_is_started) {
    const TraceContext none;
    EXPECT_FALSE(none);
    EXPECT_FALSE(none.started_here());
    EXPECT_EQ(none.trace_id(), "");
    EXPECT_EQ(none.span_id(), "");
    EXPECT_EQ(none.flags(), "");
    EXPECT_EQ(none.traceparent(), "");
}

TEST(TraceContext, that_starts_here_is_a_new_trace_each_time_and_not_sampled) {
    std::set<std::string> traces, spans;
    for (int i = 0; i < 1000; ++i) {
        const auto context = TraceContext::start();
        EXPECT_TRUE(context);
        EXPECT_TRUE(context.started_here());
        EXPECT_EQ(context.flags(), "00");
        traces.emplace(context.trace_id());
        spans.emplace(context.span_id());
        EXPECT_TRUE(is_traceparent(context.traceparent())) << context.traceparent();
    }
    EXPECT_EQ(traces.size(), 1000U);
    EXPECT_EQ(spans.size(), 1000U);
}

TEST(TraceContext, goes_on_with_the_callers_trace_in_a_span_of_its_own) {
    const auto context = TraceContext::continue_from(valid);
    ASSERT_TRUE(context);
    EXPECT_TRUE(*context);
    EXPECT_FALSE(context->started_here());
    EXPECT_EQ(context->trace_id(), trace_id);
    EXPECT_THAT(std::string(context->span_id()), MatchesRegex("[0-9a-f]{16}"));
    EXPECT_NE(context->span_id(), span_id);
    EXPECT_NE(context->span_id(), TraceContext::continue_from(valid)->span_id());
    EXPECT_EQ(context->traceparent(),
              "00-" + trace_id + "-" + std::string(context->span_id()) + "-01");
}

TEST(TraceContext, has_a_span_of_its_own_for_each_call) {
    const auto trace =
        TraceContext::continue_from("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    ASSERT_TRUE(trace);
    const TraceContext child = trace->child();
    EXPECT_EQ(child.trace_id(), trace->trace_id());
    EXPECT_EQ(child.flags(), "01");
    EXPECT_NE(child.span_id(), trace->span_id());
    EXPECT_NE(child.span_id(), trace->child().span_id());
    EXPECT_FALSE(TraceContext().child());
}

TEST(TraceContext, keeps_of_the_flags_only_that_it_is_sampled) {
    const std::string before = valid.substr(0, 53);
    for (const char high : std::string("0123456789abcdef")) {
        for (const char low : std::string("0123456789abcdef")) {
            expect_as_the_oracle_says(before + high + low);
        }
    }
    EXPECT_EQ(TraceContext::continue_from(before + "ff")->flags(), "01");
    EXPECT_EQ(TraceContext::continue_from(before + "fe")->flags(), "00");
}

TEST(TraceContext, is_appended_to_what_is_there) {
    std::string text = "traceparent: ";
    const auto context = TraceContext::start();
    context.append_traceparent(text);
    EXPECT_EQ(text, "traceparent: " + context.traceparent());
}

TEST(TraceContext, starts_from_no_malformed_header) {
    const std::string zeros(32, '0');
    const std::string rest = "-" + trace_id + "-" + span_id + "-01";
    const std::string malformed[] = {
        "",
        "00",
        "ff" + rest,  // a version that there cannot be
        "ff" + rest + "-more",
        "0g" + rest,
        "0A" + rest,
        "0" + rest + "0",
        "00-" + zeros + "-" + span_id + "-01",              // no trace
        "00-" + trace_id + "-" + zeros.substr(16) + "-01",  // no span
        "00-0AF7651916CD43DD8448EB211C80319C-" + span_id + "-01",
        "00-" + trace_id + "-B7AD6B7169203331-01",
        "00-" + trace_id + "-" + span_id + "-0A",
        "00-" + trace_id + "-" + span_id,  // no flags
        "00-" + trace_id + "-" + span_id + "-",
        "00-" + trace_id + "-" + span_id + "-0",
        "00-" + trace_id + "-" + span_id + "-011",  // 00 ends there
        "00-" + trace_id + "-" + span_id + "-01-",
        "00-" + trace_id + "-" + span_id + "-01-more",
        "00-" + trace_id + "-" + span_id + "-01 ",
        " 00" + rest,
        "00_" + trace_id + "_" + span_id + "_01",
        "00" + trace_id + span_id + "01",
        "00-" + trace_id.substr(1) + "-" + span_id + "-010",
        "00-" + trace_id + "0-" + span_id.substr(1) + "-01",  // a separator in the wrong place
        "01" + rest + "more",                                 // goes on without a dash
        "01" + rest + "0",
        valid + "," + valid,
        valid + std::string(1, '\0'),
    };
    for (const auto& header : malformed) {
        EXPECT_FALSE(TraceContext::continue_from(header)) << header;
        EXPECT_FALSE(is_traceparent(header)) << header;
    }
}

TEST(TraceContext, reads_a_later_version_as_far_as_it_knows_it) {
    for (const std::string version : {"01", "0f", "cc", "fe"}) {
        const std::string header = version + valid.substr(2);
        for (const std::string& known :
             {header, header + "-", header + "-what-the-future-brings"}) {
            const auto context = TraceContext::continue_from(known);
            ASSERT_TRUE(context) << known;
            EXPECT_EQ(context->trace_id(), trace_id);
            EXPECT_EQ(context->traceparent().substr(0, 3), "00-");
        }
    }
}

TEST(TraceContext, judges_every_change_of_one_byte_as_the_specification_does) {
    for (const std::string& header :
         {valid, "01" + valid.substr(2), "01" + valid.substr(2) + "-x"}) {
        for (std::size_t place = 0; place < header.size(); ++place) {
            for (int value = 0; value < 256; ++value) {
                std::string changed = header;
                changed[place] = static_cast<char>(value);
                expect_as_the_oracle_says(changed);
            }
            expect_as_the_oracle_says(header.substr(0, place));
            expect_as_the_oracle_says(header.substr(0, place) + header.substr(place + 1));
            expect_as_the_oracle_says(header.substr(0, place) + "0" + header.substr(place));
        }
    }
}

TEST(TraceContext, judges_whatever_comes_as_the_specification_does) {
    std::mt19937 random(4711);
    const auto pick = [&](std::size_t count) { return random() % count; };
    const std::string likely = "0123456789abcdef-0f-fF g";
    int accepted = 0;
    for (int i = 0; i < 200'000; ++i) {
        std::string header;
        if (pick(4) == 0) {
            header.resize(pick(80));
            for (char& c : header)
                c = pick(3) == 0 ? static_cast<char>(pick(256)) : likely[pick(likely.size())];
        } else {
            header = valid;
            if (pick(2) == 0) header[1] = likely[pick(16)];
            if (pick(4) == 0) header.append("-").append(pick(10), 'z');
            for (std::size_t changes = pick(3); changes > 0; --changes) {
                header[pick(header.size())] =
                    pick(4) == 0 ? static_cast<char>(pick(256)) : likely[pick(likely.size())];
            }
            if (pick(8) == 0) header.resize(pick(header.size() + 1));
            if (pick(16) == 0 && header.size() > 34) header.replace(3, 32, std::string(32, '0'));
            if (pick(16) == 0 && header.size() > 52) header.replace(36, 16, std::string(16, '0'));
        }
        if (is_traceparent(header)) ++accepted;
        expect_as_the_oracle_says(header);
        if (HasFatalFailure()) return;
    }
    EXPECT_GT(accepted, 20'000) << "too few of the inputs were valid to prove much";
    EXPECT_LT(accepted, 180'000) << "too few of the inputs were malformed to prove much";
}

}  // namespace
}  // namespace signalbox::context
