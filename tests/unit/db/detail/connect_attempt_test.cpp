#include "signalbox/db/detail/connect_attempt.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <stop_token>

#include "signalbox/process/unjoined_call.hpp"
#include "support/eventually.hpp"

namespace signalbox::db {
namespace {

using Clock = std::chrono::steady_clock;
using process::UnjoinedCall;
using namespace std::chrono_literals;

TEST(ConnectInTime, has_no_thread_any_more_when_it_has_the_connection) {
    const auto connection = connect_in_time(
        [] { return ConnectionHandle{PQconnectStart("host=/nowhere")}; }, Clock::now() + 1min, {});
    EXPECT_NE(connection, nullptr);
    EXPECT_FALSE(UnjoinedCall::any());
}

TEST(ConnectInTime, leaves_one_behind_which_the_process_knows_of) {
    std::promise<void> answer;
    std::stop_source stop;
    stop.request_stop();
    const auto connect = [answered = answer.get_future().share()] {
        answered.wait();
        return ConnectionHandle{};
    };
    EXPECT_EQ(connect_in_time(connect, Clock::now() + 1min, stop.get_token()), nullptr);
    EXPECT_EQ(connect_in_time(connect, Clock::now(), {}), nullptr);
    EXPECT_TRUE(UnjoinedCall::any());
    answer.set_value();
    EXPECT_TRUE(test::eventually([] { return !UnjoinedCall::any(); }));
}

}  // namespace
}  // namespace signalbox::db
