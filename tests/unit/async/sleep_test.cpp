#include "signalbox/async/sleep.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/system_error.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <exception>
#include <optional>
#include <system_error>
#include <thread>

#include "signalbox/context/request_context.hpp"

namespace signalbox::async {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// A task on a loop of its own, with what came of it.
struct Running {
    explicit Running(Task<> task, context::RequestContext* request = nullptr) {
        asio::co_spawn(
            Executor(loop.get_executor(), request), std::move(task),
            asio::bind_cancellation_slot(cancellation.slot(), [this](std::exception_ptr thrown) {
                done = true;
                error = thrown;
            }));
    }

    asio::io_context loop{1};
    asio::cancellation_signal cancellation;
    bool done = false;
    std::exception_ptr error;
};

std::optional<std::error_code> code_of(const std::exception_ptr& error) {
    try {
        if (error) std::rethrow_exception(error);
    } catch (const std::system_error& thrown) {
        return thrown.code();
    }
    return std::nullopt;
}

TEST(SleepFor, lasts_at_least_as_long_as_asked) {
    const auto begin = Clock::now();
    Running sleeping(sleep_for(30ms));
    sleeping.loop.run();
    EXPECT_TRUE(sleeping.done);
    EXPECT_FALSE(sleeping.error);
    EXPECT_GE(Clock::now() - begin, 30ms);
}

TEST(SleepFor, of_no_time_ends_by_itself) {
    for (const auto duration : {0ms, -5ms}) {
        Running sleeping(sleep_for(duration));
        sleeping.loop.run();
        EXPECT_TRUE(sleeping.done);
        EXPECT_FALSE(sleeping.error);
    }
}

TEST(SleepFor, holds_no_thread) {
    Running sleeping(sleep_for(10min));
    bool ran = false;
    asio::post(sleeping.loop, [&] { ran = true; });
    sleeping.loop.poll();
    EXPECT_TRUE(ran);
    EXPECT_FALSE(sleeping.done);
}

TEST(SleepFor, resumes_on_its_loop) {
    std::thread::id resumed_on;
    const auto note_thread = [](std::thread::id& where) -> Task<> {
        co_await sleep_for(1ms);
        where = std::this_thread::get_id();
    };
    Running sleeping(note_thread(resumed_on));
    std::thread loop([&] { sleeping.loop.run(); });
    const auto loop_id = loop.get_id();
    loop.join();
    EXPECT_EQ(resumed_on, loop_id);
}

TEST(SleepFor, ends_when_it_is_cancelled) {
    Running sleeping(sleep_for(10min));
    sleeping.loop.poll();
    sleeping.cancellation.emit(asio::cancellation_type::terminal);
    EXPECT_FALSE(sleeping.done) << "a cancelled coroutine is resumed by its loop";
    sleeping.loop.run();
    EXPECT_TRUE(sleeping.done);
    EXPECT_EQ(code_of(sleeping.error), asio::error::operation_aborted);
}

TEST(SleepFor, that_has_ended_is_not_cancelled) {
    Running sleeping(sleep_for(1ms));
    sleeping.loop.run();
    sleeping.cancellation.emit(asio::cancellation_type::terminal);
    EXPECT_FALSE(sleeping.error);
}

TEST(SleepFor, cannot_be_begun_after_a_cancellation) {
    const auto sleep_on = []() -> Task<> {
        try {
            co_await sleep_for(10min);
        } catch (const asio::system_error&) {
        }
        co_await sleep_for(10min);
    };
    Running sleeping(sleep_on());
    sleeping.loop.poll();
    sleeping.cancellation.emit(asio::cancellation_type::terminal);
    sleeping.loop.run();
    EXPECT_EQ(code_of(sleeping.error), asio::error::operation_aborted);
}

TEST(SleepFor, shows_what_its_request_waits_for) {
    context::RequestContext request;
    Running sleeping(sleep_for(10min), &request);
    EXPECT_EQ(request.waiting(), context::Waiting::handler);
    const auto before = Clock::now();
    sleeping.loop.poll();
    EXPECT_EQ(request.waiting(), context::Waiting::timer);
    EXPECT_GE(request.waiting_since(), before);
    sleeping.cancellation.emit(asio::cancellation_type::terminal);
    sleeping.loop.run();
    EXPECT_EQ(request.waiting(), context::Waiting::handler);
}

}  // namespace
}  // namespace signalbox::async
