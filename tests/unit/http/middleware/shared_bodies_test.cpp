#include "signalbox/http/middleware/shared_bodies.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/post.hpp>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <future>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "signalbox/async/event_loop.hpp"
#include "signalbox/async/run.hpp"

namespace signalbox::http {
namespace {

using namespace std::chrono_literals;

/// Makes something of a body when it is let to, and counts.
struct Factory {
    std::mutex mutex;
    std::condition_variable changed;
    bool open = true;
    int begun = 0;
    std::atomic<int> made = 0;
    std::thread::id thread;

    JsonText make(std::string_view body) {
        std::unique_lock lock(mutex);
        thread = std::this_thread::get_id();
        ++begun;
        changed.notify_all();
        changed.wait(lock, [this] { return open; });
        ++made;
        if (body == "fails") throw std::runtime_error("no oil");
        return body == "no better" ? JsonText() : JsonText("<" + std::string(body) + ">");
    }
    void set_open(bool is_open) {
        const std::lock_guard lock(mutex);
        open = is_open;
        changed.notify_all();
    }
    void wait_until_begun() {
        std::unique_lock lock(mutex);
        ASSERT_TRUE(changed.wait_for(lock, 20s, [this] { return begun > 0; }));
    }
    SharedBodies::Make function() {
        return [this](std::string_view body) { return make(body); };
    }
};

struct SharedBodiesTest : testing::Test {
    Factory factory;
    SharedBodies bodies{factory.function()};
    async::EventLoop loop{"one"};
    async::EventLoop other{"other"};

    /// A caller on a loop, that can be cancelled.
    struct Caller {
        asio::cancellation_signal signal;
        std::promise<std::string> promise;
        std::future<std::string> result = promise.get_future();
    };
    void call(Caller& caller, async::EventLoop& its_loop, const JsonText& body) {
        std::promise<void> begun;
        asio::post(its_loop.context(), [&] {
            asio::co_spawn(async::Executor(its_loop.executor(), nullptr), bodies.get_off_loop(body),
                           asio::bind_cancellation_slot(
                               caller.signal.slot(),
                               [&caller](const std::exception_ptr& error, const JsonText& form) {
                                   if (error) {
                                       caller.promise.set_exception(error);
                                   } else {
                                       caller.promise.set_value(std::string(form.text()));
                                   }
                               }));
            begun.set_value();
        });
        begun.get_future().wait();
    }
    static void cancel(Caller& caller, async::EventLoop& its_loop) {
        asio::post(its_loop.context(),
                   [&caller] { caller.signal.emit(asio::cancellation_type::terminal); });
    }
};

TEST_F(SharedBodiesTest, are_made_once_while_somebody_has_them) {
    JsonText body(std::string("a"));
    const JsonText copy = body;
    EXPECT_EQ(bodies.get(body).text(), "<a>");
    EXPECT_EQ(bodies.get(copy).text().data(), bodies.get(body).text().data());
    EXPECT_EQ(async::run(loop, bodies.get_off_loop(copy)).text(), "<a>");
    EXPECT_EQ(factory.made, 1);
    EXPECT_EQ(bodies.get(JsonText(std::string("a"))).text(), "<a>") << "another one";
    EXPECT_EQ(factory.made, 2);
    EXPECT_EQ(bodies.size(), 2U);
    EXPECT_EQ(bodies.get(JsonText(std::string("no better"))).text(), "");
    EXPECT_EQ(bodies.size(), 2U) << "the other one went";
    EXPECT_EQ(bodies.get(copy).text(), "<a>");
    EXPECT_EQ(factory.made, 3);
}

TEST_F(SharedBodiesTest, are_made_once_for_all_loops_and_on_none) {
    factory.set_open(false);
    const JsonText body(std::string("a"));
    std::vector<Caller> callers(64);
    for (std::size_t i = 0; i < callers.size(); ++i)
        call(callers[i], i % 2 == 0 ? loop : other, body);
    factory.wait_until_begun();
    // Both loops turn meanwhile.
    async::run(loop, []() -> async::Task<> { co_return; }());
    async::run(other, []() -> async::Task<> { co_return; }());
    factory.set_open(true);
    for (Caller& caller : callers) {
        ASSERT_EQ(caller.result.wait_for(20s), std::future_status::ready);
        EXPECT_EQ(caller.result.get(), "<a>");
    }
    EXPECT_EQ(factory.made, 1);
    const auto thread_of = [](async::EventLoop& its) {
        return async::run(
            its, []() -> async::Task<std::thread::id> { co_return std::this_thread::get_id(); }());
    };
    EXPECT_NE(factory.thread, thread_of(loop));
    EXPECT_NE(factory.thread, thread_of(other));
}

TEST_F(SharedBodiesTest, are_made_for_the_others_when_the_first_is_cancelled) {
    factory.set_open(false);
    const JsonText body(std::string("a"));
    Caller first, second, third;
    call(first, loop, body);
    factory.wait_until_begun();
    call(second, loop, body);
    cancel(first, loop);
    ASSERT_EQ(first.result.wait_for(20s), std::future_status::ready) << "it does not wait";
    EXPECT_THROW(first.result.get(), std::system_error);
    call(third, loop, body);
    factory.set_open(true);
    EXPECT_EQ(second.result.get(), "<a>");
    EXPECT_EQ(third.result.get(), "<a>");
    EXPECT_EQ(factory.made, 1);
}

TEST_F(SharedBodiesTest, tell_what_went_wrong_and_are_tried_again) {
    const JsonText body(std::string("fails"));
    EXPECT_THROW(async::run(loop, bodies.get_off_loop(body)), std::runtime_error);
    EXPECT_THROW(async::run(loop, bodies.get_off_loop(body)), std::runtime_error);
    EXPECT_EQ(factory.made, 2);
}

/// What waits is destroyed with its loop, which waits for what is being made.
TEST(SharedBodies, can_be_waited_for_when_the_loop_ends) {
    Factory factory;
    SharedBodies bodies(factory.function());
    factory.set_open(false);
    auto loop = std::make_unique<async::EventLoop>("one");
    asio::post(loop->context(), [&] {
        asio::co_spawn(async::Executor(loop->executor(), nullptr),
                       bodies.get_off_loop(JsonText(std::string("a"))),
                       [](const std::exception_ptr&, const JsonText&) {});
    });
    factory.wait_until_begun();
    std::thread opens([&] {
        std::this_thread::yield();
        factory.set_open(true);
    });
    loop.reset();
    opens.join();
    EXPECT_EQ(factory.made, 1);
}

}  // namespace
}  // namespace signalbox::http
