#include "signalbox/async/off_loop.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <latch>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "signalbox/async/all.hpp"
#include "signalbox/async/event_loop.hpp"
#include "signalbox/async/run.hpp"
#include "signalbox/async/sleep.hpp"

namespace signalbox::async {
namespace {

using namespace std::chrono_literals;

Task<std::string> says_where(std::thread::id* inside) {
    const auto here = std::this_thread::get_id();
    const auto say = [inside] {
        *inside = std::this_thread::get_id();
        return std::string("done");
    };
    Task<std::string> saying = off_loop(say);
    std::string said = co_await std::move(saying);
    EXPECT_EQ(std::this_thread::get_id(), here) << "its caller is on its loop again";
    co_return said;
}

TEST(OffLoop, calls_on_another_thread_and_resumes_on_the_loop) {
    EventLoop loop("test");
    std::thread::id inside;
    EXPECT_EQ(run(loop, says_where(&inside)), "done");
    EXPECT_NE(inside, std::thread::id());
    EXPECT_NE(inside, std::this_thread::get_id());
}

Task<> fails() {
    const auto fail = [] { throw std::runtime_error("broken"); };
    Task<> failing = off_loop(fail);
    co_await std::move(failing);
}

TEST(OffLoop, throws_what_the_function_throws) {
    EventLoop loop("test");
    EXPECT_THROW(run(loop, fails()), std::runtime_error);
}

Task<> waits_for(std::latch& arrived, std::shared_future<void> go) {
    const auto wait = [&arrived, go] {
        arrived.count_down();
        go.wait();
    };
    Task<> waiting = off_loop(wait);
    co_await std::move(waiting);
}

Task<> fails_later(std::latch& arrived) {
    const auto wait = [&arrived] { arrived.wait(); };
    Task<> waiting = off_loop(wait);
    co_await std::move(waiting);
    throw std::runtime_error("the others are cancelled");
}

Task<> two(std::latch& arrived, std::shared_future<void> go) {
    std::vector<Task<>> tasks;
    tasks.push_back(waits_for(arrived, go));
    tasks.push_back(fails_later(arrived));
    Task<> both = all(std::move(tasks));
    co_await std::move(both);
}

TEST(OffLoop, lets_a_cancelled_caller_go_at_once) {
    std::latch arrived(1);
    std::promise<void> go;
    {
        EventLoop loop("test");
        EXPECT_THROW(run(loop, two(arrived, go.get_future().share())), std::runtime_error)
            << "although the function still runs";
        go.set_value();
    }  // the loop waits for it
}

Task<> many(std::latch& arrived, std::shared_future<void> go, std::size_t count) {
    std::vector<Task<>> tasks;
    for (std::size_t i = 0; i < count; ++i)
        tasks.push_back(waits_for(arrived, go));
    Task<> running = all(std::move(tasks));
    co_await std::move(running);
}

TEST(OffLoop, runs_some_at_a_time_and_the_others_behind_them) {
    constexpr std::size_t count = 3 * OffLoopThreads::most_threads;
    EventLoop loop("test");
    std::latch first(OffLoopThreads::most_threads);
    std::promise<void> go;
    const auto released = go.get_future().share();
    std::latch rest(count - OffLoopThreads::most_threads);
    auto running = std::async(std::launch::async, [&] {
        run(loop, many(first, released, OffLoopThreads::most_threads));
    });
    first.wait();  // as many run at once
    auto behind = std::async(std::launch::async, [&] {
        run(loop, many(rest, released, count - OffLoopThreads::most_threads));
    });
    EXPECT_FALSE(rest.try_wait());
    go.set_value();
    running.get();
    behind.get();
    EXPECT_TRUE(rest.try_wait());
}

Task<> uses(std::shared_ptr<int> value, std::atomic<bool>& called) {
    const auto use = [value = std::move(value), &called] { called = true; };
    Task<> waiting = off_loop(use);
    co_await std::move(waiting);
}

Task<> gives_up_what_it_waits_for(std::weak_ptr<int>& kept, std::atomic<bool>& called) {
    auto value = std::make_shared<int>(1);
    kept = value;
    std::vector<Task<>> tasks;
    tasks.push_back(uses(std::move(value), called));
    tasks.push_back([]() -> Task<> {
        co_await sleep_for(1ms);
        throw std::runtime_error("the others are cancelled");
    }());
    Task<> both = all(std::move(tasks));
    co_await std::move(both);
}

TEST(OffLoop, drops_what_a_cancelled_caller_wanted_when_it_has_not_begun) {
    EventLoop loop("test");
    std::latch arrived(OffLoopThreads::most_threads);
    std::promise<void> go;
    auto running = std::async(std::launch::async, [&] {
        run(loop, many(arrived, go.get_future().share(), OffLoopThreads::most_threads));
    });
    arrived.wait();
    std::weak_ptr<int> kept;
    std::atomic<bool> called = false;
    EXPECT_THROW(run(loop, gives_up_what_it_waits_for(kept, called)), std::runtime_error);
    EXPECT_TRUE(kept.expired()) << "while all threads are busy";
    go.set_value();
    running.get();
    bool behind = false;
    const auto last = [&behind] { behind = true; };
    run(loop, off_loop(last));
    EXPECT_TRUE(behind);
    EXPECT_FALSE(called);
}

TEST(OffLoop, ends_with_its_loop) {
    std::latch arrived(1);
    std::promise<void> go;
    std::atomic<bool> ended = false;
    {
        EventLoop loop("test");
        class Work final : public OffLoopWork {
          public:
            Work(std::latch& arrived, std::shared_future<void> go, std::atomic<bool>& ended)
                : arrived_(arrived), go_(std::move(go)), ended_(ended) {}
            void run() noexcept override {
                arrived_.count_down();
                go_.wait();
                ended_ = true;
            }
            void done() override { ADD_FAILURE() << "its loop has ended"; }

          private:
            std::latch& arrived_;
            const std::shared_future<void> go_;
            std::atomic<bool>& ended_;
        };
        OffLoopThreads::of(loop.context())
            .run(std::make_shared<Work>(arrived, go.get_future().share(), ended));
        arrived.wait();
        loop.stop();
        go.set_value();
    }
    EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace signalbox::async
