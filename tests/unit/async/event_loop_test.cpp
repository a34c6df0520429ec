#include "signalbox/async/event_loop.hpp"

#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <gtest/gtest.h>
#include <pthread.h>

#include <atomic>
#include <chrono>
#include <exception>
#include <future>
#include <memory>
#include <new>
#include <string>
#include <thread>

namespace signalbox::async {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// More than anything here takes, however busy the machine is.
constexpr auto patience = 30s;

template <class Predicate>
bool comes_true(Predicate predicate) {
    const auto deadline = Clock::now() + patience;
    while (!predicate()) {
        if (Clock::now() > deadline) return false;
        std::this_thread::sleep_for(1ms);
    }
    return true;
}

TEST(EventLoop, runs_everything_on_its_one_thread_in_order) {
    EventLoop loop("loop");
    std::promise<std::thread::id> first;
    std::promise<std::string> second;
    int order = 0;
    asio::post(loop.executor(), [&] {
        ++order;
        first.set_value(std::this_thread::get_id());
    });
    asio::post(loop.context(), [&] {
        char name[16] = "";
        pthread_getname_np(pthread_self(), name, sizeof name);
        second.set_value(order == 1 ? name : "out of order");
    });
    EXPECT_NE(first.get_future().get(), std::this_thread::get_id());
    EXPECT_EQ(second.get_future().get(), "loop");
}

TEST(EventLoop, takes_a_name_that_is_too_long_for_the_kernel) {
    EventLoop loop("a-name-that-is-too-long");
    std::promise<std::string> told;
    asio::post(loop.executor(), [&] {
        char name[16] = "";
        pthread_getname_np(pthread_self(), name, sizeof name);
        told.set_value(name);
    });
    EXPECT_EQ(told.get_future().get(), "a-name-that-is-");
}

TEST(EventLoop, stops_after_the_handler_that_runs) {
    EventLoop loop("loop");
    std::promise<void> entered;
    std::atomic<bool> left = false, next = false;
    asio::post(loop.executor(), [&] {
        entered.set_value();
        std::this_thread::sleep_for(1s);  // until it is told to stop, on a busy machine too
        left = true;
    });
    entered.get_future().wait();
    asio::post(loop.executor(), [&] { next = true; });
    loop.stop();
    EXPECT_TRUE(left);
    EXPECT_FALSE(next);
}

TEST(EventLoop, may_be_stopped_twice_and_at_once) {
    EventLoop loop("loop");
    loop.stop();
    loop.stop();
}

TEST(EventLoop, destroys_what_it_did_not_run) {
    const auto owned = std::make_shared<int>(0);
    {
        EventLoop loop("loop");
        loop.stop();
        asio::post(loop.executor(), [owned] { ++*owned; });
        auto timer = std::make_shared<asio::steady_timer>(loop.context(), 10min);
        timer->async_wait([owned, timer](const std::error_code&) { ++*owned; });
        EXPECT_EQ(owned.use_count(), 3);
    }
    EXPECT_EQ(owned.use_count(), 1);
    EXPECT_EQ(*owned, 0);
}

TEST(EventLoop, turns_while_it_has_nothing_to_do) {
    EventLoop loop("loop");
    const auto begin = Clock::now();
    // A turn that ended after this one began makes the time since less than the time we waited.
    std::this_thread::sleep_for(300ms);
    EXPECT_TRUE(comes_true([&] { return loop.since_turn() < Clock::now() - begin - 100ms; }));
}

TEST(EventLoop, goes_on_behind_a_handler_that_throws) {
    EventLoop loop("loop");
    std::atomic<int> told = 0;
    loop.watch({.lag = [](auto) {},
                .blocked = [](const auto&, auto) {},
                .task_failed =
                    [&told](const context::RequestContext*, const std::exception_ptr&) {
                        ++told;
                        throw std::bad_alloc();  // nor is there memory to tell of it
                    }});
    for (int i = 0; i < 3; ++i)
        asio::post(loop.executor(), [] { throw std::bad_alloc(); });
    std::promise<void> reached;
    asio::post(loop.executor(), [&] { reached.set_value(); });
    ASSERT_EQ(reached.get_future().wait_for(patience), std::future_status::ready);
    EXPECT_EQ(told, 3);
    const auto begin = Clock::now();
    EXPECT_TRUE(comes_true([&] { return Clock::now() - loop.since_turn() > begin + 500ms; }))
        << "its heart beats on";
}

TEST(EventLoop, shows_that_a_handler_blocks_it) {
    EventLoop loop("loop");
    std::promise<void> entered, release;
    asio::post(loop.executor(), [&] {
        entered.set_value();
        release.get_future().wait();
    });
    entered.get_future().wait();
    const auto before = loop.since_turn();
    EXPECT_TRUE(comes_true([&] { return loop.since_turn() > before + 300ms; }));
    const auto blocked = loop.since_turn();
    release.set_value();
    EXPECT_TRUE(comes_true([&] { return loop.since_turn() < blocked; }));
}

}  // namespace
}  // namespace signalbox::async
