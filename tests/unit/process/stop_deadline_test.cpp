#include "signalbox/process/stop_deadline.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <stop_token>
#include <thread>

namespace signalbox::process {
namespace {

using namespace std::chrono_literals;

TEST(StopDeadline, ends_a_process_that_hears_nothing) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(
        {
            std::stop_source stop;
            const StopDeadline deadline(stop.get_token(), 50ms, [] {
                static_cast<void>(std::fputs("last words", stderr));
            });
            stop.request_stop();
            for (;;)
                ::pause();
        },
        testing::ExitedWithCode(1), "last words");
}

TEST(StopDeadline, leaves_one_that_ends_by_itself_alone) {
    std::stop_source stop;
    {
        const StopDeadline deadline(stop.get_token(), 50ms, [] { ADD_FAILURE(); });
        stop.request_stop();
    }
    {
        const StopDeadline stopped_before(stop.get_token(), 1h, [] { ADD_FAILURE(); });
    }
    {
        const std::stop_source never;
        const StopDeadline deadline(never.get_token(), 0ms, [] { ADD_FAILURE(); });
        std::this_thread::sleep_for(20ms);
    }
    std::this_thread::sleep_for(100ms);
}

}  // namespace
}  // namespace signalbox::process
