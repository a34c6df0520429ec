#include "signalbox/async/run.hpp"

#include <asio/system_error.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <thread>

#include "signalbox/async/sleep.hpp"

namespace signalbox::async {
namespace {

using namespace std::chrono_literals;

Task<> set(bool& done) {
    co_await sleep_for(1ms);
    done = EventLoop::current() != nullptr;
}

TEST(Run, waits_for_a_task_on_the_loop) {
    EventLoop loop("test");
    bool done_on_the_loop = false;
    run(loop, set(done_on_the_loop));
    EXPECT_TRUE(done_on_the_loop);
}

Task<std::unique_ptr<int>> make() {
    co_await sleep_for(1ms);
    co_return std::make_unique<int>(7);
}

TEST(Run, returns_what_the_task_returns) {
    EventLoop loop("test");
    EXPECT_EQ(*run(loop, make()), 7);
}

Task<> fail() {
    throw std::runtime_error("no");
    co_return;
}

TEST(Run, rethrows) {
    EventLoop loop("test");
    EXPECT_THROW(run(loop, fail()), std::runtime_error);
}

Task<> sleep_long(std::promise<void>& begun) {
    begun.set_value();
    co_await sleep_for(10min);
}

TEST(Run, is_cancelled_by_a_stop) {
    EventLoop loop("test");
    std::stop_source stop;
    std::promise<void> begun;
    const std::jthread stops([&] {
        begun.get_future().wait();
        stop.request_stop();
    });
    EXPECT_THROW(run(loop, sleep_long(begun), stop.get_token()), asio::system_error);
}

TEST(Run, is_cancelled_by_a_stop_that_came_before) {
    EventLoop loop("test");
    std::stop_source stop;
    stop.request_stop();
    std::promise<void> begun;
    EXPECT_THROW(run(loop, sleep_long(begun), stop.get_token()), asio::system_error);
}

}  // namespace
}  // namespace signalbox::async
