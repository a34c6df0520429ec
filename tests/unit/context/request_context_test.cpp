#include "signalbox/context/request_context.hpp"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "signalbox/async/all.hpp"
#include "signalbox/async/executor.hpp"
#include "signalbox/async/sleep.hpp"
#include "signalbox/context/request_list.hpp"

namespace signalbox::context {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

/// Destroys itself, as one that belongs to its references does, and tells.
class Counted final : public RequestContext {
  public:
    explicit Counted(bool& alive) : alive_(alive) { alive_ = true; }
    ~Counted() override { alive_ = false; }

    std::string owned = "of the request";

  private:
    /// Not inline: g++ 12 sees two references of one test and takes the last for one too many.
    [[gnu::noinline]] void unreferenced() noexcept override { delete this; }

    bool& alive_;
};

TEST(RequestContext, lives_as_long_as_its_last_reference) {
    bool alive = false;
    Reference first(new Counted(alive));
    Reference second = first;
    first = nullptr;
    EXPECT_FALSE(first);
    EXPECT_TRUE(alive);
    second = nullptr;
    EXPECT_FALSE(alive);
}

TEST(RequestContext, is_counted_through_copies_moves_and_assignments) {
    bool alive = false, other_alive = false;
    Reference reference(new Counted(alive));
    const Counted* const context = reference.get();
    Reference moved = std::move(reference);
    EXPECT_EQ(reference.get(), nullptr);  // NOLINT(bugprone-use-after-move): a moved one is null
    EXPECT_EQ(moved.get(), context);
    moved = *&moved;
    EXPECT_TRUE(alive);
    Reference other(new Counted(other_alive));
    EXPECT_FALSE(other == moved);
    other = moved;
    EXPECT_FALSE(other_alive);
    EXPECT_TRUE(other == moved);
    moved = std::move(other);
    EXPECT_TRUE(alive);
    moved = {};
    EXPECT_FALSE(alive);
}

TEST(RequestContext, is_kept_by_the_executor_of_its_coroutines) {
    asio::io_context loop;
    bool alive = false;
    {
        const async::Executor executor(loop.get_executor(), new Counted(alive));
        asio::post(executor, [&] { EXPECT_TRUE(alive); });
    }
    EXPECT_TRUE(alive) << "what was posted works for it";
    loop.run();
    EXPECT_FALSE(alive);
}

async::Task<> use_later(const Counted& context, std::vector<std::string>& seen) {
    co_await async::sleep_for(1ms);
    seen.push_back(context.owned);
}

async::Task<> spawn_and_end(const Counted& context, std::vector<std::string>& seen) {
    asio::co_spawn(co_await asio::this_coro::executor, use_later(context, seen), asio::detached);
    seen.emplace_back("the first has ended");
}

TEST(RequestContext, outlives_whatever_was_spawned_for_it) {
    asio::io_context loop;
    bool alive = false;
    std::vector<std::string> seen;
    auto* const context = new Counted(alive);
    asio::co_spawn(async::Executor(loop.get_executor(), context), spawn_and_end(*context, seen),
                   asio::detached);
    while (alive && loop.run_one_for(20s) > 0) {
    }
    EXPECT_THAT(seen, ElementsAre("the first has ended", "of the request"));
    EXPECT_FALSE(alive);
}

TEST(RequestContext, goes_with_a_loop_that_ends_before_its_coroutines) {
    bool alive = false;
    std::vector<std::string> seen;
    {
        asio::io_context loop;
        auto* const context = new Counted(alive);
        asio::co_spawn(async::Executor(loop.get_executor(), context), spawn_and_end(*context, seen),
                       asio::detached);
        loop.run_one();
        EXPECT_TRUE(alive);
    }
    EXPECT_FALSE(alive);
    EXPECT_THAT(seen, ElementsAre("the first has ended"));
}

TEST(RequestContext, waits_for_the_handler_again_when_the_last_of_its_waits_has_ended) {
    RequestContext request;
    EXPECT_EQ(request.waiting(), Waiting::handler);
    {
        const WaitScope outer(&request, Waiting::timer);
        EXPECT_EQ(request.waiting(), Waiting::timer);
        {
            const WaitScope inner(&request, Waiting::database);
            EXPECT_EQ(request.waiting(), Waiting::database);
        }
        EXPECT_NE(request.waiting(), Waiting::handler) << "it still waits";
    }
    EXPECT_EQ(request.waiting(), Waiting::handler);
    const WaitScope for_nobody(nullptr, Waiting::client);
}

TEST(RequestContext, knows_since_when_it_waits) {
    RequestContext request;
    const auto before = RequestContext::Clock::now();
    const WaitScope wait(&request, Waiting::timer);
    EXPECT_GE(request.waiting_since(), before);
    EXPECT_LE(request.waiting_since(), RequestContext::Clock::now());
}

std::vector<std::string> paths_of(const RequestList& list) {
    std::vector<std::string> paths;
    const std::size_t size =
        list.for_each([&](const RequestContext& request) { paths.emplace_back(request.path); });
    EXPECT_EQ(size, paths.size());
    return paths;
}

TEST(RequestList, has_the_oldest_first_and_loses_whoever_is_destroyed) {
    RequestList list;
    EXPECT_THAT(paths_of(list), ElementsAre());
    bool alive[3];
    Reference<Counted> requests[3];
    for (std::size_t i = 0; i < 3; ++i) {
        requests[i] = new Counted(alive[i]);
        requests[i]->path = std::string_view("abc").substr(i, 1);
        list.add(*requests[i]);
    }
    EXPECT_THAT(paths_of(list), ElementsAre("a", "b", "c"));
    requests[1] = nullptr;
    EXPECT_THAT(paths_of(list), ElementsAre("a", "c"));
    list.remove(*requests[0]);
    EXPECT_THAT(paths_of(list), ElementsAre("c"));
    list.add(*requests[0]);
    EXPECT_THAT(paths_of(list), ElementsAre("c", "a"));
    requests[2] = nullptr;
    requests[0] = nullptr;
    EXPECT_THAT(paths_of(list), ElementsAre());
}

}  // namespace
}  // namespace signalbox::context
