#include "signalbox/async/turn.hpp"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "signalbox/async/all.hpp"
#include "signalbox/async/event_loop.hpp"
#include "signalbox/async/sleep.hpp"
#include "signalbox/context/request_context.hpp"
#include "unit/async/counted_request.hpp"

namespace signalbox::async {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

/// Well over Turn::longest, so that it is over it by any clock.
constexpr auto long_time = 250ms;

struct Blocked {
    std::string request_id;
    std::chrono::duration<double> taken;
};

/// A loop that notes whom it blames.
struct WatchedLoop {
    std::vector<Blocked> blamed;  ///< the loop's
    std::vector<std::chrono::duration<double>> lags;
    EventLoop loop{"loop"};

    WatchedLoop() {
        loop.watch({.lag = [this](auto late) { lags.emplace_back(late); },
                    .blocked =
                        [this](const context::RequestContext& request, auto taken) {
                            blamed.push_back({std::string(request.request_id), taken});
                        }});
    }

    /// On the loop's thread; waits for it.
    template <class Function>
    auto run(Function function) {
        std::promise<decltype(function())> done;
        asio::post(loop.context(), [&] {
            if constexpr (std::is_void_v<decltype(function())>) {
                function();
                done.set_value();
            } else {
                done.set_value(function());
            }
        });
        return done.get_future().get();
    }

    /// Runs a task for a request; waits for its end.
    void run_for(context::RequestContext* request, Task<> task) {
        std::promise<void> done;
        run([&] {
            asio::co_spawn(Executor(loop.executor(), request), std::move(task),
                           [&](const std::exception_ptr&) { done.set_value(); });
        });
        done.get_future().get();
        run([] {});  // the turn that set it has ended then
    }

    std::vector<std::string> blamed_requests() {
        return run([this] {
            std::vector<std::string> ids;
            for (const auto& [id, taken] : blamed) {
                EXPECT_GE(taken, 200ms) << "by a clock that may be some milliseconds late";
                ids.push_back(id);
            }
            return ids;
        });
    }
};

std::unique_ptr<context::RequestContext> request(std::string_view constant_id) {
    auto request = std::make_unique<context::RequestContext>();
    request->request_id = constant_id;
    return request;
}

Task<> block_after(std::chrono::milliseconds delay) {
    if (delay > 0ms) co_await sleep_for(delay);
    std::this_thread::sleep_for(long_time);
}

TEST(Turn, that_takes_long_is_reported_with_its_request) {
    WatchedLoop watched;
    const auto guilty = request("guilty");
    watched.run_for(guilty.get(), block_after(0ms));
    EXPECT_THAT(watched.blamed_requests(), ElementsAre("guilty"));
    watched.run_for(guilty.get(), block_after(5ms));
    EXPECT_THAT(watched.blamed_requests(), ElementsAre("guilty", "guilty"));
}

TEST(Turn, that_takes_long_in_one_of_several_children_is_reported_once) {
    WatchedLoop watched;
    const auto guilty = request("guilty");
    watched.run_for(guilty.get(), all(sleep_for(1ms), block_after(10ms), sleep_for(20ms)));
    EXPECT_THAT(watched.blamed_requests(), ElementsAre("guilty"));
}

TEST(Turn, that_takes_long_behind_its_children_is_reported_once) {
    WatchedLoop watched;
    const auto guilty = request("guilty");
    const auto parent = []() -> Task<> {
        co_await all(sleep_for(1ms), sleep_for(5ms));
        // The last child's turn resumed this code, so both are still at it.
        std::this_thread::sleep_for(long_time);
    };
    watched.run_for(guilty.get(), parent());
    EXPECT_THAT(watched.blamed_requests(), ElementsAre("guilty"));
}

TEST(Turn, of_a_request_that_only_waits_is_short) {
    WatchedLoop watched;
    const auto patient = request("patient");
    watched.run_for(patient.get(), all(sleep_for(long_time), sleep_for(long_time)));
    EXPECT_THAT(watched.blamed_requests(), IsEmpty());
}

TEST(Turn, of_no_request_blames_nobody) {
    WatchedLoop watched;
    watched.run_for(nullptr, block_after(0ms));
    EXPECT_THAT(watched.blamed_requests(), IsEmpty());
}

TEST(Turn, blames_the_one_that_blocks_and_not_those_that_wait_meanwhile) {
    WatchedLoop watched;
    const auto guilty = request("guilty");
    const auto innocent = request("innocent");
    std::promise<void> done;
    watched.run([&] {
        asio::co_spawn(Executor(watched.loop.executor(), innocent.get()), sleep_for(10ms),
                       [&](const std::exception_ptr&) { done.set_value(); });
    });
    watched.run_for(guilty.get(), block_after(1ms));
    done.get_future().get();
    EXPECT_THAT(watched.blamed_requests(), ElementsAre("guilty"));
}

TEST(Turn, within_another_counts_for_itself_only) {
    WatchedLoop watched;
    const auto outer = request("outer");
    const auto inner = request("inner");
    watched.run([&] {
        const Turn turn_of_outer(outer.get());
        const Turn turn_of_inner(inner.get());
        std::this_thread::sleep_for(long_time);
    });
    EXPECT_THAT(watched.blamed_requests(), ElementsAre("inner"));
    watched.run([&] {
        const Turn turn_of_outer(outer.get());
        { const Turn turn_of_inner(inner.get()); }
        std::this_thread::sleep_for(long_time);
    });
    EXPECT_THAT(watched.blamed_requests(), ElementsAre("inner", "outer"));
}

TEST(Turn, keeps_its_request_until_it_has_reported_it) {
    WatchedLoop watched;
    watched.run([&] {
        bool gone = false;
        {
            context::Reference<context::RequestContext> request(new CountedRequest(gone));
            const Turn outer(request);
            const Turn inner(request);
            request = nullptr;
            std::this_thread::sleep_for(long_time);
            EXPECT_FALSE(gone);
        }
        EXPECT_TRUE(gone);
    });
    EXPECT_THAT(watched.blamed_requests(), ElementsAre("counted"))
        << "two turns were made for it, but it was long once";
}

TEST(Turn, outside_of_any_loop_is_nobodys_business) {
    const auto alone = request("alone");
    const Turn turn(alone.get());
}

TEST(EventLoop, notices_how_late_it_turns) {
    WatchedLoop watched;
    watched.run([] { std::this_thread::sleep_for(400ms); });  // four of its heartbeats
    std::chrono::duration<double> latest{};
    for (int i = 0; i < 1000 && latest < 200ms; ++i) {
        latest = watched.run([&] {
            return watched.lags.empty()
                       ? latest
                       : *std::max_element(watched.lags.begin(), watched.lags.end());
        });
        std::this_thread::sleep_for(10ms);
    }
    EXPECT_GE(latest, 200ms);
}

TEST(TaskScope, counts_the_tasks_of_its_loop) {
    EventLoop loop("loop");
    EXPECT_EQ(loop.tasks(), 0U);
    std::promise<std::size_t> during, nested;
    asio::post(loop.context(), [&] {
        const TaskScope task;
        {
            const TaskScope child;
            nested.set_value(loop.tasks());
        }
        during.set_value(loop.tasks());
    });
    EXPECT_EQ(nested.get_future().get(), 2U);
    EXPECT_EQ(during.get_future().get(), 1U);
    const TaskScope in_no_loop;
    loop.stop();
    EXPECT_EQ(loop.tasks(), 0U);
}

TEST(TaskScope, counts_each_child_of_all_until_it_ends) {
    EventLoop loop("loop");
    std::size_t at_most = 0;
    const auto look = [&]() -> Task<> {
        co_await sleep_for(10ms);
        at_most = std::max(at_most, loop.tasks());
    };
    std::promise<void> done;
    asio::co_spawn(Executor(loop.executor(), nullptr), all(look(), sleep_for(50ms), look()),
                   [&](const std::exception_ptr&) { done.set_value(); });
    done.get_future().get();
    EXPECT_EQ(at_most, 3U);
    loop.stop();
    EXPECT_EQ(loop.tasks(), 0U);
}

}  // namespace
}  // namespace signalbox::async
