#include "signalbox/api/parsing_turn.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "signalbox/api/module.hpp"
#include "signalbox/async/all.hpp"
#include "signalbox/async/event_loop.hpp"
#include "signalbox/async/run.hpp"
#include "signalbox/async/sleep.hpp"
#include "signalbox/testing/client.hpp"

namespace signalbox::api {
namespace {

using async::Task;
using detail::ParsingMemory;
using detail::ParsingTurn;
using namespace std::chrono_literals;

Task<> begin_turn(ParsingTurn& turn, std::size_t bytes) {
    Task<> beginning = turn.begin(bytes);
    co_await std::move(beginning);
}

TEST(ParsingTurn, has_at_once_what_fits) {
    async::EventLoop loop("test");
    ParsingMemory memory(10);
    ParsingTurn first(memory);
    ParsingTurn second(memory);
    EXPECT_FALSE(first.begun());
    async::run(loop, begin_turn(first, 6));
    async::run(loop, begin_turn(second, 4));
    EXPECT_TRUE(first.begun());
}

TEST(ParsingTurn, has_more_than_there_is_when_nobody_else_has_any) {
    async::EventLoop loop("test");
    ParsingMemory memory(10);
    ParsingTurn turn(memory);
    async::run(loop, begin_turn(turn, 11));
    turn.end();
    async::run(loop, begin_turn(turn, 11));
}

/// Notes when it has its turn, and ends it once another task had time to overtake.
Task<> takes_turn(ParsingMemory& memory, std::size_t bytes, int name, std::vector<int>& order) {
    ParsingTurn turn(memory);
    Task<> beginning = turn.begin(bytes);
    co_await std::move(beginning);
    order.push_back(name);
    co_await async::sleep_for(1ms);
}

TEST(ParsingTurn, comes_in_the_order_of_asking_however_little_it_takes) {
    async::EventLoop loop("test");
    ParsingMemory memory(10);
    std::vector<int> order;
    std::vector<Task<>> tasks;
    tasks.push_back(takes_turn(memory, 6, 1, order));
    tasks.push_back(takes_turn(memory, 8, 2, order));
    tasks.push_back(takes_turn(memory, 1, 3, order));
    tasks.push_back(takes_turn(memory, 20, 4, order));
    tasks.push_back(takes_turn(memory, 10, 5, order));
    async::run(loop, async::all(std::move(tasks)));
    EXPECT_EQ(order, (std::vector<int>{1, 2, 3, 4, 5}));
}

Task<> fails_meanwhile() {
    co_await async::sleep_for(1ms);
    throw std::runtime_error("the others are cancelled");
}

TEST(ParsingTurn, that_is_waited_for_is_given_up_by_who_is_cancelled) {
    async::EventLoop loop("test");
    ParsingMemory memory(10);
    ParsingTurn first(memory);
    async::run(loop, begin_turn(first, 10));
    ParsingTurn cancelled(memory);
    std::vector<Task<>> tasks;
    tasks.push_back(begin_turn(cancelled, 10));
    tasks.push_back(fails_meanwhile());
    EXPECT_THROW(async::run(loop, async::all(std::move(tasks))), std::runtime_error);
    EXPECT_FALSE(cancelled.begun());
    first.end();
    // Nobody has it now.
    ParsingTurn last(memory);
    async::run(loop, begin_turn(last, 10));
}

Task<> takes_turns(ParsingMemory& memory, std::atomic<int>& inside, std::atomic<int>& most) {
    for (int i = 0; i < 200; ++i) {
        ParsingTurn turn(memory);
        Task<> beginning = turn.begin(4);
        co_await std::move(beginning);
        const int now = ++inside;
        int before = most;
        while (before < now && !most.compare_exchange_weak(before, now)) {
        }
        --inside;
    }
}

TEST(ParsingTurn, is_of_all_loops_together) {
    constexpr int loops = 4;
    ParsingMemory memory(10);  // for two of them
    std::atomic<int> inside{0};
    std::atomic<int> most{0};
    std::latch all_are_there(loops);
    std::vector<std::thread> threads;
    for (int i = 0; i < loops; ++i) {
        threads.emplace_back([&] {
            async::EventLoop loop("test");
            all_are_there.arrive_and_wait();
            std::vector<Task<>> tasks;
            for (int task = 0; task < 3; ++task)
                tasks.push_back(takes_turns(memory, inside, most));
            async::run(loop, async::all(std::move(tasks)));
        });
    }
    for (std::thread& thread : threads)
        thread.join();
    EXPECT_GE(most, 1);
    EXPECT_LE(most, 2);
    async::EventLoop loop("test");
    ParsingTurn turn(memory);
    async::run(loop, begin_turn(turn, 10));
}

struct Integers {
    std::vector<int> numbers;
};
Task<std::size_t> count_integers(Integers body) {
    co_return body.numbers.size();
}
Task<int> waits_a_little() {
    co_await async::sleep_for(1ms);
    co_return 1;
}
Task<std::size_t> count_integers_after_waiting(Depends<waits_a_little>, Integers body) {
    co_return body.numbers.size();
}
Task<std::size_t> reads_them_later(Integers body) {
    co_await async::sleep_for(1ms);
    co_return body.numbers.size();
}
std::size_t reads_them_at_once(Integers body) {
    return body.numbers.size();
}
Task<std::size_t> count_integers_twice(Depends<reads_them_later> before, Integers body) {
    co_return *before + body.numbers.size();
}
Task<std::size_t> count_integers_thrice(Depends<reads_them_at_once> first,
                                        Depends<reads_them_later> second, Integers body) {
    co_return *first + *second + body.numbers.size();
}

std::string integers(std::size_t count, const char* number = "1") {
    std::string body = R"({"numbers":[)";
    for (std::size_t i = 0; i < count; ++i)
        body.append(i == 0 ? "" : ",").append(number);
    return body + "]}";
}

/// In front of each place where a large body is read.
class LargeBodies : public testing::TestWithParam<std::string> {
  protected:
    LargeBodies() {
        Module module;
        module.post<count_integers>("/1").post<count_integers_after_waiting>("/1-later");
        module.post<count_integers_twice>("/2").post<count_integers_thrice>("/3");
        module.post<count_integers>("/1-impatient", {.timeout = 50ms});
        module.post<count_integers_after_waiting>("/1-later-impatient", {.timeout = 50ms});
        module.post<count_integers_twice>("/2-impatient", {.timeout = 50ms});
        module.post<count_integers_thrice>("/3-impatient", {.timeout = 50ms});
        client_.emplace(module);
    }
    static std::string times(std::size_t count) {
        return std::to_string(count * static_cast<std::size_t>(GetParam()[1] - '0'));
    }

    static constexpr std::size_t many = 100'000;
    std::optional<test::Client> client_;
};

INSTANTIATE_TEST_SUITE_P(Of, LargeBodies, testing::Values("/1", "/1-later", "/2", "/3"));

TEST_P(LargeBodies, wait_while_others_take_the_memory_and_small_ones_do_not) {
    const std::string large = integers(many);
    const std::string small = integers(100);
    async::EventLoop loop("test");
    ParsingTurn others(ParsingMemory::of_process());
    async::run(loop, begin_turn(others, std::numeric_limits<std::size_t>::max() / 2));
    EXPECT_EQ(client_->post(GetParam() + "-impatient", large).status, 504);
    EXPECT_EQ(client_->post(GetParam(), small).body, times(100));
    others.end();
    EXPECT_EQ(client_->post(GetParam(), large).body, times(many));
}

TEST_P(LargeBodies, leave_the_memory_to_others_whatever_becomes_of_them) {
    EXPECT_EQ(client_->post(GetParam(), integers(many)).status, 200);
    EXPECT_EQ(client_->post(GetParam(), integers(many, "\"a\"")).status, 422);
    EXPECT_EQ(client_->post(GetParam(), integers(many) + "x").status, 422);
    EXPECT_EQ(client_->post(GetParam(), integers(many) + "\xFF").status, 400);
    // Less would do if it had kept any.
    async::EventLoop loop("test");
    ParsingTurn others(ParsingMemory::of_process());
    async::run(loop, begin_turn(others, std::numeric_limits<std::size_t>::max() / 2));
    EXPECT_TRUE(others.begun());
}

/// Waits for ever where its request, which is the only one, has not given back what it had.
Task<int> takes_it_all() {
    ParsingTurn all(ParsingMemory::of_process());
    Task<> beginning = all.begin(std::numeric_limits<std::size_t>::max() / 2);
    co_await std::move(beginning);
    co_return 1;
}
Task<int> reads_and_takes_it_all(Integers) {
    Task<int> taking = takes_it_all();
    co_return co_await std::move(taking);
}
Task<int> handler_takes_it_all(Integers) {
    Task<int> taking = takes_it_all();
    co_return co_await std::move(taking);
}
Task<int> after_a_dependency(Depends<takes_it_all> all, Integers) {
    co_return *all;
}
Task<int> after_one_that_reads(Depends<reads_and_takes_it_all> all, Integers) {
    co_return *all;
}
Task<int> after_another_that_reads(Depends<reads_them_at_once>, Depends<takes_it_all> all,
                                   Integers) {
    co_return *all;
}
struct CleansUp {
    Task<> finish(const std::exception_ptr&) {
        Task<int> taking = takes_it_all();
        co_await std::move(taking);
    }
};
CleansUp cleans_up() {
    return {};
}
Task<int> with_clean_up(Depends<cleans_up>, Integers) {
    co_return 1;
}
struct Unreadable {
    std::vector<int> numbers;
    void validate() const { throw std::logic_error("that is no way to say what is wrong"); }
};
Task<int> with_clean_up_of_errors(Depends<cleans_up>, Unreadable) {
    co_return 1;
}

class WaitingWithALargeBody : public testing::Test {
  protected:
    WaitingWithALargeBody() {
        Module module;
        const EndpointOptions patient{.timeout = 5s};
        module.post<handler_takes_it_all>("/handler", patient);
        module.post<after_a_dependency>("/dependency", patient);
        module.post<after_one_that_reads>("/reader", patient);
        module.post<after_another_that_reads>("/two-readers", patient);
        module.post<with_clean_up>("/clean-up", patient);
        module.post<with_clean_up_of_errors>("/clean-up-of-errors");
        client_.emplace(module);
    }

    std::optional<test::Client> client_;
};

TEST_F(WaitingWithALargeBody, leaves_the_memory_to_others) {
    for (const char* path : {"/handler", "/dependency", "/reader", "/two-readers", "/clean-up"})
        EXPECT_EQ(client_->post(path, integers(100'000)).status, 200) << path;
}

TEST_F(WaitingWithALargeBody, that_is_wrong_leaves_the_memory_to_others) {
    for (const char* path : {"/dependency", "/two-readers", "/clean-up"}) {
        EXPECT_EQ(client_->post(path, integers(100'000, "\"a\"")).status, 422) << path;
    }
    EXPECT_EQ(client_->post("/clean-up-of-errors", integers(100'000)).status, 500);
}

TEST_F(WaitingWithALargeBody, leaves_the_memory_to_what_replaces_a_dependency) {
    Module module;
    module.post<after_another_that_reads>("/replaced", {.timeout = 5s});
    test::Client client(module);
    client.replace<takes_it_all>([] { return takes_it_all(); });
    EXPECT_EQ(client.post("/replaced", integers(100'000)).status, 200);
}

}  // namespace
}  // namespace signalbox::api
