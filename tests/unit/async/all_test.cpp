#include "signalbox/async/all.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/system_error.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "signalbox/async/sleep.hpp"

namespace signalbox::async {
namespace {

using namespace std::chrono_literals;
using Log = std::vector<std::string>;
using Clock = std::chrono::steady_clock;

/// Long enough that nothing but a cancellation can end a wait for it in time.
constexpr auto very_long = 10min;

/// Runs a task to its end on an event loop of its own; rethrows what it throws.
void run(Task<> task) {
    asio::io_context loop;
    std::exception_ptr error;
    bool done = false;
    asio::co_spawn(Executor(loop.get_executor(), nullptr), std::move(task),
                   [&](std::exception_ptr thrown) {
                       error = thrown;
                       done = true;
                   });
    loop.run();
    EXPECT_TRUE(done);
    if (error) std::rethrow_exception(error);
}

Task<> note_after(Log& log, std::string name, std::chrono::milliseconds delay) {
    log.push_back("begin " + name);
    co_await sleep_for(delay);
    log.push_back("end " + name);
}

Task<> fail_after(std::chrono::milliseconds delay, std::string what) {
    if (delay > 0ms) co_await sleep_for(delay);
    throw std::runtime_error(what);
}

Task<> wait_until_cancelled(Log& log, std::string name) {
    try {
        co_await sleep_for(very_long);
        log.push_back(name + " was not cancelled");
    } catch (const asio::system_error& error) {
        log.push_back(name +
                      (error.code() == asio::error::operation_aborted ? " cancelled" : " failed"));
        throw;
    }
}

std::string message_of(Task<> task) {
    try {
        run(std::move(task));
    } catch (const std::exception& error) {
        return error.what();
    }
    return "no error";
}

TEST(All, runs_its_tasks_at_the_same_time) {
    Log log;
    // Far apart: between the beginnings of two a busy machine may let them wait.
    run(all(note_after(log, "a", 600ms), note_after(log, "b", 300ms), note_after(log, "c", 0ms)));
    EXPECT_EQ(log, (Log{"begin a", "begin b", "begin c", "end c", "end b", "end a"}));
}

TEST(All, takes_as_long_as_the_longest_task) {
    Log log;
    const auto begin = Clock::now();
    run(all(note_after(log, "a", 150ms), note_after(log, "b", 100ms), note_after(log, "c", 50ms)));
    EXPECT_GE(Clock::now() - begin, 150ms);
}

TEST(All, ends_when_tasks_end_without_waiting) {
    const auto at_once = []() -> Task<> { co_return; };
    run(all(at_once()));
    run(all(at_once(), at_once()));
    Log log;
    run(all(at_once(), note_after(log, "a", 1ms), at_once()));
    EXPECT_EQ(log, (Log{"begin a", "end a"}));
}

TEST(All, resumes_its_caller_only_when_every_task_has_ended) {
    Log log;
    const auto caller = [](Log& notes) -> Task<> {
        co_await all(note_after(notes, "a", 30ms), note_after(notes, "b", 1ms));
        notes.push_back("caller");
    };
    run(caller(log));
    EXPECT_EQ(log.back(), "caller");
    EXPECT_EQ(log.size(), 5U);
}

TEST(All, rethrows_the_error_and_cancels_the_other_tasks) {
    Log log;
    EXPECT_EQ(message_of(all(wait_until_cancelled(log, "a"), fail_after(5ms, "b failed"),
                             wait_until_cancelled(log, "c"))),
              "b failed");
    std::sort(log.begin(), log.end());
    EXPECT_EQ(log, (Log{"a cancelled", "c cancelled"}));
}

TEST(All, rethrows_an_error_that_comes_before_any_wait) {
    Log log;
    EXPECT_EQ(message_of(all(fail_after(0ms, "at once"), wait_until_cancelled(log, "b"))),
              "at once");
    EXPECT_EQ(message_of(all(wait_until_cancelled(log, "a"), fail_after(0ms, "at once"))),
              "at once");
}

TEST(All, rethrows_the_first_error_that_happened_and_not_the_first_in_the_list) {
    EXPECT_EQ(message_of(all(fail_after(very_long, "late"), fail_after(5ms, "early"))), "early");
    // The error of a task that takes its cancellation badly comes later as well.
    const auto fails_when_cancelled = []() -> Task<> {
        try {
            co_await sleep_for(very_long);
        } catch (const asio::system_error&) {
        }
        throw std::runtime_error("a consequence");
    };
    EXPECT_EQ(message_of(all(fails_when_cancelled(), fail_after(5ms, "the cause"))), "the cause");
}

TEST(All, waits_for_a_cancelled_task_to_end) {
    Log log;
    const auto cleans_up = [](Log& notes) -> Task<> {
        try {
            co_await sleep_for(very_long);
        } catch (const asio::system_error&) {
        }
        // Its own clean-up may wait, once it says that the cancellation is dealt with.
        co_await asio::this_coro::reset_cancellation_state();
        co_await sleep_for(20ms);
        notes.push_back("clean");
    };
    EXPECT_EQ(message_of(all(cleans_up(log), fail_after(1ms, "failed"))), "failed");
    EXPECT_EQ(log, Log{"clean"});
}

TEST(All, can_be_nested) {
    Log log;
    run(all(all(note_after(log, "a", 600ms), note_after(log, "b", 1ms)),
            note_after(log, "c", 300ms)));
    EXPECT_EQ(log, (Log{"begin a", "begin b", "begin c", "end b", "end c", "end a"}));
    log.clear();
    EXPECT_EQ(message_of(all(all(wait_until_cancelled(log, "a"), wait_until_cancelled(log, "b")),
                             fail_after(5ms, "outer"))),
              "outer");
    EXPECT_EQ(log.size(), 2U);
    log.clear();
    EXPECT_EQ(message_of(all(wait_until_cancelled(log, "a"),
                             all(fail_after(5ms, "inner"), wait_until_cancelled(log, "b")))),
              "inner");
    EXPECT_EQ(log.size(), 2U);
}

TEST(All, of_many_tasks_in_a_vector) {
    Log log;
    std::vector<Task<>> tasks;
    for (int i = 0; i < 100; ++i)
        tasks.push_back(note_after(log, "a task", 1ms));
    run(all(std::move(tasks)));
    EXPECT_EQ(std::count(log.begin(), log.end(), "end a task"), 100);
    run(all(std::vector<Task<>>{}));
}

TEST(All, keeps_a_callable_until_its_task_has_ended) {
    Log log;
    const auto task = [&log]() -> Task<> {
        const auto note = [&log, text = std::string("long enough to be elsewhere")]() -> Task<> {
            co_await sleep_for(5ms);
            log.push_back(text);
        };
        return all(
            note, [&log] { return note_after(log, "b", 20ms); }, sleep_for(1ms));
    };
    run(task());
    EXPECT_EQ(log, (Log{"begin b", "long enough to be elsewhere", "end b"}));
}

/// Neither empty nor copied.
struct Count {
    explicit Count(int its_number) : number(its_number) {}
    Count(Count&&) = default;
    Count& operator=(Count&&) = default;
    int number;
};

Task<Count> count_after(std::chrono::milliseconds delay, int number) {
    co_await sleep_for(delay);
    co_return Count(number);
}

TEST(All, returns_what_its_tasks_return_in_their_order) {
    const auto work = []() -> Task<> {
        const auto text = [](std::string_view part) -> Task<std::string> {
            co_await sleep_for(1ms);
            co_return std::string(part) + " of all";
        };
        const auto [count, all_text] = co_await all(count_after(20ms, 7), text("text"));
        EXPECT_EQ(count.number, 7);
        EXPECT_EQ(all_text, "text of all");
    };
    run(work());
}

TEST(All, returns_what_callables_return_and_nothing_for_nothing) {
    const auto work = []() -> Task<> {
        int done = 0;
        const auto first = [&]() -> Task<bool> {
            co_await sleep_for(1ms);
            co_return ++done == 1;
        };
        const auto second = [&]() -> Task<> {
            co_await sleep_for(20ms);
            ++done;
        };
        const std::tuple<bool, std::monostate> results = co_await all(first, second);
        EXPECT_TRUE(std::get<0>(results));
        EXPECT_EQ(done, 2);
    };
    run(work());
}

TEST(All, returns_a_vector_for_a_vector) {
    const auto work = []() -> Task<> {
        std::vector<Task<Count>> tasks;
        for (int i = 0; i < 5; ++i)
            tasks.push_back(count_after(std::chrono::milliseconds(20 - 4 * i), i));
        const std::vector<Count> counts = co_await all(std::move(tasks));
        std::vector<int> numbers;
        for (const Count& count : counts)
            numbers.push_back(count.number);
        EXPECT_EQ(numbers, (std::vector<int>{0, 1, 2, 3, 4}));
        std::vector<Task<Count>> none;
        const std::vector<Count> no_counts = co_await all(std::move(none));
        EXPECT_TRUE(no_counts.empty());
    };
    run(work());
}

TEST(All, of_tasks_with_results_rethrows_and_cancels_the_others) {
    Log log;
    const auto work = [&]() -> Task<> {
        const auto waits = [&]() -> Task<int> {
            co_await wait_until_cancelled(log, "other");
            co_return 1;
        };
        const auto fails = []() -> Task<int> {
            co_await fail_after(1ms, "no number");
            co_return 2;
        };
        co_await all(waits, fails);
    };
    EXPECT_THROW(run(work()), std::runtime_error);
    EXPECT_EQ(log, Log{"other cancelled"});
}

TEST(All, passes_its_own_cancellation_on) {
    asio::io_context loop;
    asio::cancellation_signal cancellation;
    Log log;
    std::exception_ptr error;
    asio::co_spawn(Executor(loop.get_executor(), nullptr),
                   all(wait_until_cancelled(log, "a"), wait_until_cancelled(log, "b")),
                   asio::bind_cancellation_slot(
                       cancellation.slot(), [&](std::exception_ptr thrown) { error = thrown; }));
    asio::post(loop, [&] { cancellation.emit(asio::cancellation_type::terminal); });
    loop.run();
    EXPECT_EQ(log, (Log{"a cancelled", "b cancelled"}));
    ASSERT_TRUE(error);
    EXPECT_THROW(std::rethrow_exception(error), asio::system_error);
}

TEST(All, that_is_never_finished_is_destroyed_with_its_loop) {
    struct Guard {
        bool& destroyed;
        ~Guard() { destroyed = true; }
    };
    bool destroyed = false;
    const auto hold = [](bool& flag) -> Task<> {
        const Guard guard{flag};
        co_await sleep_for(very_long);
    };
    {
        asio::io_context loop;
        asio::co_spawn(Executor(loop.get_executor(), nullptr),
                       all(hold(destroyed), sleep_for(very_long)), asio::detached);
        loop.poll();
        EXPECT_FALSE(destroyed);
    }
    EXPECT_TRUE(destroyed);
}

}  // namespace
}  // namespace signalbox::async
