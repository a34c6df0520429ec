#include "signalbox/process/stderr_capture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <string>
#include <thread>
#include <vector>

namespace signalbox::process {
namespace {

using testing::ElementsAre;

struct Messages {
    std::vector<std::string> all;
    StderrCapture::Take take() {
        return [this](auto message) { all.emplace_back(message); };
    }
};

TEST(StderrCapture, takes_a_message_in_one_line) {
    Messages messages;
    FILE* const before = stderr;
    {
        const StderrCapture capture(messages.take());
        std::fprintf(stderr, "WARNING:  %s\nDETAIL:\t%d\n", "one", 2);
        std::fputs("\n", stderr);
        std::fputs("another", stderr);
    }
    EXPECT_THAT(messages.all, ElementsAre("WARNING:  one; DETAIL: 2", "another"));
    EXPECT_EQ(stderr, before);
}

TEST(StderrCapture, is_of_its_own_thread) {
    Messages outer;
    Messages inner;
    testing::internal::CaptureStderr();
    {
        const StderrCapture capture(outer.take());
        std::thread([&] {
            std::fputs("printed", stderr);
            const StderrCapture nested(inner.take());
            std::fputs("inner", stderr);
        }).join();
        std::fputs("outer", stderr);
    }
    std::fputs(" as ever", stderr);
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "printed as ever");
    EXPECT_THAT(outer.all, ElementsAre("outer"));
    EXPECT_THAT(inner.all, ElementsAre("inner"));
}

}  // namespace
}  // namespace signalbox::process
