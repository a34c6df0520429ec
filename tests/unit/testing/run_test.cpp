#include "signalbox/testing/run.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <thread>

#include "signalbox/async/sleep.hpp"

namespace signalbox::test {
namespace {

using namespace std::chrono_literals;

// [snippet: run]
async::Task<int> add(int a, int b) {
    co_await async::sleep_for(1ms);
    co_return a + b;
}

TEST(Add, adds) {
    EXPECT_EQ(test::run(add(1, 2)), 3);
}
// [/snippet]

async::Task<std::unique_ptr<int>> make() {
    co_return std::make_unique<int>(7);
}

TEST(TestRun, returns_what_can_only_be_moved) {
    EXPECT_EQ(*run(make()), 7);
}

async::Task<> note(std::thread::id& where) {
    where = std::this_thread::get_id();
    co_return;
}

TEST(TestRun, waits_for_one_that_returns_nothing) {
    std::thread::id where;
    run(note(where));
    EXPECT_NE(where, std::thread::id());
    EXPECT_NE(where, std::this_thread::get_id());
}

async::Task<int> fail_later() {
    co_await async::sleep_for(1ms);
    throw std::out_of_range("no such order");
}

TEST(TestRun, rethrows_what_it_throws) {
    EXPECT_THROW(run(fail_later()), std::out_of_range);
}

}  // namespace
}  // namespace signalbox::test
