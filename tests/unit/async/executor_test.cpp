#include "signalbox/async/executor.hpp"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/dispatch.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <vector>

#include "signalbox/async/all.hpp"
#include "signalbox/async/sleep.hpp"
#include "signalbox/context/request_context.hpp"

namespace signalbox::async {
namespace {

using namespace std::chrono_literals;
using Requests = std::vector<context::RequestContext*>;

Task<> note_request(Requests& seen) {
    const Executor executor = co_await asio::this_coro::executor;
    seen.push_back(executor.request());
}

Task<> note_request_before_and_after_a_wait(Requests& seen) {
    co_await note_request(seen);
    co_await sleep_for(1ms);
    co_await note_request(seen);
}

Task<> note_request_at_every_depth(Requests& seen) {
    co_await note_request(seen);
    co_await all(note_request_before_and_after_a_wait(seen),
                 all(note_request_before_and_after_a_wait(seen), note_request(seen)));
    co_await note_request(seen);
    const Executor executor = co_await asio::this_coro::executor;
    co_await asio::co_spawn(executor, note_request(seen), use_task);
}

TEST(Executor, tells_the_request_at_every_depth) {
    asio::io_context loop;
    context::RequestContext request;
    Requests seen;
    asio::co_spawn(Executor(loop.get_executor(), &request), note_request_at_every_depth(seen),
                   asio::detached);
    loop.run();
    EXPECT_EQ(seen, Requests(8, &request));
}

TEST(Executor, keeps_the_requests_of_one_loop_apart) {
    asio::io_context loop;
    context::RequestContext first, second;
    Requests of_first, of_second, of_nobody;
    asio::co_spawn(Executor(loop.get_executor(), &first), note_request_at_every_depth(of_first),
                   asio::detached);
    asio::co_spawn(Executor(loop.get_executor(), &second), note_request_at_every_depth(of_second),
                   asio::detached);
    asio::co_spawn(Executor(loop.get_executor(), nullptr), note_request_at_every_depth(of_nobody),
                   asio::detached);
    loop.run();
    EXPECT_EQ(of_first, Requests(8, &first));
    EXPECT_EQ(of_second, Requests(8, &second));
    EXPECT_EQ(of_nobody, Requests(8, nullptr));
}

TEST(Executor, runs_what_it_is_given_on_its_loop) {
    asio::io_context loop;
    const Executor executor(loop.get_executor(), nullptr);
    int ran = 0;
    asio::post(executor, [&] { ++ran; });
    asio::dispatch(executor, [&] { ++ran; });
    EXPECT_EQ(ran, 0);
    loop.run();
    EXPECT_EQ(ran, 2);
    EXPECT_EQ(&asio::query(executor, asio::execution::context), &loop);
}

TEST(Executor, dispatches_at_once_on_its_own_loop) {
    asio::io_context loop;
    const Executor executor(loop.get_executor(), nullptr);
    bool at_once = false, posted_later = false;
    asio::post(executor, [&] {
        asio::dispatch(executor, [&] { at_once = true; });
        EXPECT_TRUE(at_once);
        asio::post(executor, [&] { posted_later = true; });
        EXPECT_FALSE(posted_later);
    });
    loop.run();
    EXPECT_TRUE(posted_later);
}

TEST(Executor, is_equal_for_the_same_loop_and_request_only) {
    asio::io_context one, other;
    context::RequestContext request;
    const Executor executor(one.get_executor(), &request);
    EXPECT_EQ(executor, Executor(one.get_executor(), &request));
    EXPECT_NE(executor, Executor(one.get_executor(), nullptr));
    EXPECT_NE(executor, Executor(other.get_executor(), &request));
}

TEST(Executor, keeps_its_request_when_a_property_is_asked_for) {
    asio::io_context loop;
    context::RequestContext request;
    const Executor executor(loop.get_executor(), &request);
    EXPECT_EQ(asio::require(executor, asio::execution::blocking.never).request(), &request);
    EXPECT_EQ(asio::prefer(executor, asio::execution::relationship.continuation).request(),
              &request);
    EXPECT_EQ(asio::prefer(executor, asio::execution::outstanding_work.tracked).request(),
              &request);
}

TEST(Executor, that_tracks_work_keeps_its_loop_running) {
    asio::io_context loop;
    {
        const auto tracked = asio::prefer(Executor(loop.get_executor(), nullptr),
                                          asio::execution::outstanding_work.tracked);
        loop.poll();
        EXPECT_FALSE(loop.stopped());
    }
    loop.poll();
    EXPECT_TRUE(loop.stopped());
}

}  // namespace
}  // namespace signalbox::async
