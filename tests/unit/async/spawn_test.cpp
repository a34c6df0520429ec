#include "signalbox/async/spawn.hpp"

#include <asio/co_spawn.hpp>
#include <asio/post.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "signalbox/async/all.hpp"
#include "signalbox/async/event_loop.hpp"
#include "signalbox/async/sleep.hpp"
#include "unit/async/counted_request.hpp"

namespace signalbox::async {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using Clock = std::chrono::steady_clock;
using Owner = SpawnedTasks::Owner;

/// Long enough that nothing but a cancellation can end a wait for it in time.
constexpr auto far_away = 10min;
constexpr auto longest_wait = 30s;

class Spawn : public testing::Test {
  protected:
    Spawn() {
        loop.watch({.task_failed = [this](const context::RequestContext* request,
                                          const std::exception_ptr& error) {
            try {
                std::rethrow_exception(error);
            } catch (const std::exception& exception) {
                failures.push_back(
                    (request != nullptr ? std::string(request->request_id) : "nobody") + ": " +
                    exception.what());
            }
        }});
    }

    /// On the loop, for a request or for nobody.
    template <class Function>
    void run(Function function, context::RequestContext* request = nullptr) {
        std::promise<void> done;
        asio::post(loop.context(), [&] {
            Executor(loop.executor(), request).execute(std::move(function));
            done.set_value();
        });
        done.get_future().get();
    }

    void wait_for_all() {
        for (const Owner whose : {Owner::request, Owner::service})
            ASSERT_TRUE(loop.spawned().wait_until_ended(whose, Clock::now() + longest_wait));
        run([] {});  // the turn that it ended in is over
    }

    std::vector<std::string> failures;  ///< the loop's
    std::vector<std::string> log;       ///< the loop's
    EventLoop loop{"loop"};
};

TEST_F(Spawn, runs_after_the_code_that_spawned_it) {
    run([this] {
        spawn([this]() -> Task<> {
            log.emplace_back("spawned");
            co_return;
        });
        log.emplace_back("caller");
    });
    wait_for_all();
    EXPECT_THAT(log, ElementsAre("caller", "spawned"));
}

TEST_F(Spawn, keeps_what_a_lambda_has_captured_until_its_coroutine_ends) {
    auto text = std::make_shared<std::string>("still there");
    const std::weak_ptr<std::string> watched = text;
    bool kept = false;
    run([&, text = std::move(text)]() mutable {
        spawn([&, mine = std::move(text)]() -> Task<> {
            co_await sleep_for(20ms);
            kept = !watched.expired() && *mine == "still there";
        });
    });
    wait_for_all();
    EXPECT_TRUE(kept);
    EXPECT_TRUE(watched.expired());
}

TEST_F(Spawn, takes_what_can_only_be_moved_and_leaves_an_lvalue_as_it_is) {
    auto number = std::make_unique<int>(1);
    int sum = 0;
    run([&] {
        spawn([&sum, one = std::move(number)]() -> Task<> {
            sum += *one;
            co_return;
        });
        const auto work = [&sum, text = std::string("two")]() -> Task<> {
            sum += static_cast<int>(text.size());
            co_return;
        };
        spawn(work);
        spawn(work);
    });
    wait_for_all();
    EXPECT_EQ(sum, 7);
}

TEST_F(Spawn, keeps_the_request_of_the_code_that_spawned_it) {
    bool gone = false;
    std::string id;
    run([&] {
        context::Reference<context::RequestContext> request(new CountedRequest(gone));
        Executor(loop.executor(), request).execute([&] {
            spawn([&]() -> Task<> {
                co_await sleep_for(20ms);
                const Executor executor = co_await asio::this_coro::executor;
                id = executor.request() != nullptr ? executor.request()->request_id : "none";
                EXPECT_FALSE(gone);
            });
        });
        request = nullptr;
        EXPECT_FALSE(gone);
    });
    wait_for_all();
    EXPECT_EQ(id, "counted");
    EXPECT_TRUE(gone);
}

TEST_F(Spawn, is_work_in_the_background_at_every_depth) {
    std::vector<bool> seen;
    const auto note = [&]() -> Task<> {
        const Executor executor = co_await asio::this_coro::executor;
        seen.push_back(executor.in_background());
    };
    run([&] {
        spawn([&]() -> Task<> {
            co_await note();
            co_await sleep_for(1ms);
            co_await all(note(), note());
        });
    });
    wait_for_all();
    EXPECT_THAT(seen, ElementsAre(true, true, true));
    EXPECT_FALSE(Executor(loop.executor(), nullptr).in_background());
}

TEST_F(Spawn, can_be_called_by_a_spawned_task) {
    bool gone = false;
    auto* const request = new CountedRequest(gone);
    run(
        [&] {
            spawn([&]() -> Task<> {
                co_await sleep_for(1ms);
                spawn([&]() -> Task<> {
                    co_await sleep_for(1ms);
                    const Executor executor = co_await asio::this_coro::executor;
                    log.emplace_back(executor.request()->request_id);
                });
            });
        },
        request);
    wait_for_all();
    EXPECT_THAT(log, ElementsAre("counted"));
    EXPECT_TRUE(gone);
}

TEST_F(Spawn, tells_what_a_task_has_thrown) {
    bool gone = false;
    run([] {
        spawn([]() -> Task<> {
            co_await sleep_for(1ms);
            throw std::runtime_error("for nobody");
        });
    });
    wait_for_all();
    run([] { spawn([]() -> Task<> { throw std::runtime_error("for a request"); }); },
        new CountedRequest(gone));
    wait_for_all();
    EXPECT_THAT(failures, testing::Contains("nobody: for nobody"));
    EXPECT_THAT(failures, testing::Contains("counted: for a request"));
    EXPECT_TRUE(gone);
}

TEST_F(Spawn, is_counted_as_a_task_of_the_loop_until_it_ends) {
    run([&] {
        spawn([]() -> Task<> { co_await all(sleep_for(30ms), sleep_for(1ms)); });
        EXPECT_EQ(loop.tasks(), 1U);
        EXPECT_EQ(loop.spawned().count(Owner::service), 1U);
        EXPECT_EQ(loop.spawned().count(Owner::request), 0U);
    });
    EXPECT_FALSE(loop.spawned().wait_until_ended(Owner::service, Clock::now()));
    wait_for_all();
    EXPECT_EQ(loop.tasks(), 0U);
    EXPECT_EQ(loop.spawned().count(Owner::service), 0U);
    EXPECT_EQ(loop.spawned().ended().completed, 0U) << "it is of no request";
}

TEST_F(Spawn, of_a_request_is_counted_by_how_it_ended) {
    bool gone = false;
    run(
        [&] {
            spawn([]() -> Task<> { co_return; });
            spawn([]() -> Task<> { throw std::runtime_error("for a request"); });
            spawn([]() -> Task<> { co_await sleep_for(10min); });
            EXPECT_EQ(loop.spawned().count(Owner::request), 3U);
        },
        new CountedRequest(gone));
    run([] {});  // they have begun
    run([&] { loop.spawned().cancel(); });
    wait_for_all();
    const auto ended = loop.spawned().ended();
    EXPECT_EQ(ended.completed, 1U);
    EXPECT_EQ(ended.failed, 1U);
    EXPECT_EQ(ended.cancelled, 1U);
}

TEST_F(Spawn, is_cancelled_when_the_time_is_up) {
    run([this] {
        spawn([this]() -> Task<> {
            try {
                co_await sleep_for(far_away);
            } catch (const asio::system_error&) {
                log.emplace_back("cancelled");
                throw;
            }
        });
        spawn([]() -> Task<> {
            try {
                co_await sleep_for(far_away);
            } catch (const asio::system_error&) {
            }
            throw std::runtime_error("bad at ending");
        });
    });
    run([this] { loop.spawned().cancel(); });
    wait_for_all();
    EXPECT_THAT(log, ElementsAre("cancelled"));
    EXPECT_THAT(failures, ElementsAre("nobody: bad at ending")) << "a cancellation is no failure";
}

TEST_F(Spawn, is_cancelled_when_the_time_is_up_before_it_begins_or_is_made) {
    const auto wait = [this]() -> Task<> {
        log.emplace_back("begun");
        co_await sleep_for(far_away);
        log.emplace_back("not cancelled");
    };
    run([&] {
        spawn(wait);
        loop.spawned().cancel();
    });
    run([&] { spawn(wait); });
    wait_for_all();
    EXPECT_THAT(log, ElementsAre("begun", "begun"));
    EXPECT_THAT(failures, testing::IsEmpty());
}

TEST(SpawnedTasks, that_has_not_ended_is_destroyed_with_its_loop_and_lets_its_request_go) {
    bool gone = false;
    auto kept = std::make_shared<int>(0);
    const std::weak_ptr<int> watched = kept;
    {
        EventLoop loop("loop");
        std::promise<void> waiting;
        asio::post(loop.context(), [&] {
            Executor(loop.executor(), new CountedRequest(gone)).execute([&] {
                spawn([&waiting, kept = std::move(kept)]() -> Task<> {
                    waiting.set_value();
                    co_await all(sleep_for(far_away), [] { return sleep_for(far_away); });
                });
            });
        });
        waiting.get_future().get();
        loop.stop();
        EXPECT_EQ(loop.spawned().count(Owner::request), 1U);
        EXPECT_FALSE(gone);
    }
    EXPECT_TRUE(gone);
    EXPECT_TRUE(watched.expired());
}

TEST(SpawnedTasks, needs_an_event_loop) {
    EXPECT_THROW(spawn([]() -> Task<> { co_return; }), std::logic_error);
}

TEST(SpawnedTasks, tells_standard_error_what_nobody_else_is_told) {
    testing::internal::CaptureStderr();
    {
        EventLoop loop("loop");
        std::promise<void> spawned;
        asio::post(loop.context(), [&] {
            spawn([]() -> Task<> { throw std::runtime_error("nobody watches"); });
            spawned.set_value();
        });
        spawned.get_future().get();
        EXPECT_TRUE(loop.spawned().wait_until_ended(Owner::service, Clock::now() + longest_wait));
    }
    EXPECT_THAT(testing::internal::GetCapturedStderr(), testing::HasSubstr("nobody watches"));
}

}  // namespace
}  // namespace signalbox::async
