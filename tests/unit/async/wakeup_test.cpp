#include "signalbox/async/wakeup.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/system_error.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <exception>
#include <functional>
#include <string>

namespace signalbox::async {
namespace {

using namespace std::chrono_literals;

struct WakeupTest : testing::Test {
    asio::io_context loop;
    const Executor executor{loop.get_executor(), nullptr};
    Wakeup wakeup{executor};
    std::string happened;

    void start(const std::function<Task<>()>& body) {
        asio::co_spawn(executor, body, asio::detached);
    }
    Task<> wait(Wakeup::Clock::time_point deadline = Wakeup::Clock::time_point::max()) {
        happened += "waits ";
        const bool notified = co_await wakeup.wait_until(deadline);
        happened += notified ? "notified " : "late ";
    }
};

TEST_F(WakeupTest, resumes_who_waits_in_a_later_turn) {
    start([this] { return wait(); });
    loop.poll();
    EXPECT_EQ(happened, "waits ");
    wakeup.notify();
    EXPECT_EQ(happened, "waits ");
    loop.poll();
    EXPECT_EQ(happened, "waits notified ");
}

TEST_F(WakeupTest, remembers_one_that_came_before) {
    wakeup.notify();
    wakeup.notify();
    start([this]() -> Task<> {
        co_await wait();
        co_await wait(Wakeup::Clock::now());
    });
    loop.run();
    EXPECT_EQ(happened, "waits notified waits late ");
}

TEST_F(WakeupTest, resumes_at_its_deadline) {
    const auto deadline = Wakeup::Clock::now() + 20ms;
    start([this, deadline] { return wait(deadline); });
    loop.run();
    EXPECT_EQ(happened, "waits late ");
    EXPECT_GE(Wakeup::Clock::now(), deadline);
}

TEST_F(WakeupTest, with_a_deadline_that_has_passed_lets_others_have_their_turn) {
    start([this]() -> Task<> {
        asio::post(loop, [this] { happened += "other "; });
        co_await wait(Wakeup::Clock::time_point::min());
    });
    loop.run();
    EXPECT_EQ(happened, "waits other late ");
}

TEST_F(WakeupTest, throws_when_the_coroutine_is_cancelled) {
    asio::cancellation_signal signal;
    std::exception_ptr error;
    asio::co_spawn(executor, wait(),
                   asio::bind_cancellation_slot(
                       signal.slot(), [&](const std::exception_ptr& thrown) { error = thrown; }));
    loop.poll();
    signal.emit(asio::cancellation_type::terminal);
    loop.restart();
    loop.run();
    EXPECT_EQ(happened, "waits ");
    ASSERT_TRUE(error);
    try {
        std::rethrow_exception(error);
    } catch (const asio::system_error& aborted) {
        EXPECT_EQ(aborted.code(), asio::error::operation_aborted);
    }
}

}  // namespace
}  // namespace signalbox::async
