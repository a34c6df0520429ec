#include "signalbox/http/watch/line_sampler.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace signalbox::http {
namespace {

using namespace std::chrono_literals;

TEST(LineSampler, lets_so_many_through_in_each_second_and_counts_the_others) {
    LineSampler sampler;
    const auto begin = LineSampler::Clock::now();
    const auto written_at = [&](auto now) {
        std::uint32_t written = 0;
        for (int i = 0; i < 1000; ++i)
            written += sampler.may_write(now) ? 1 : 0;
        return written;
    };
    EXPECT_EQ(written_at(begin), LineSampler::most_in_a_second);
    EXPECT_EQ(written_at(begin + 999ms), 0U);
    EXPECT_EQ(sampler.left_out(), 2000 - LineSampler::most_in_a_second);
    EXPECT_EQ(sampler.take_left_out(), 2000 - LineSampler::most_in_a_second);
    EXPECT_EQ(sampler.take_left_out(), 0U) << "it is told once";
    EXPECT_EQ(written_at(begin + 1s), LineSampler::most_in_a_second);
    EXPECT_EQ(written_at(begin + 1h), LineSampler::most_in_a_second);
}

}  // namespace
}  // namespace signalbox::http
