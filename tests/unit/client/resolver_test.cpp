#include "signalbox/client/detail/resolver.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "signalbox/async/event_loop.hpp"
#include "signalbox/async/run.hpp"
#include "signalbox/client/detail/suspended_call.hpp"

namespace signalbox::client {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

async::Task<std::vector<std::string>> look_up(Resolver& resolver, std::string host) {
    const auto place = std::make_shared<std::shared_ptr<const Resolver::Result>>();
    auto begin = [&](const std::shared_ptr<SuspendedCall>& waiter) {
        resolver.look_up(host, waiter, place);
    };
    auto leave = [&](const std::shared_ptr<SuspendedCall>& waiter) { resolver.leave(*waiter); };
    co_await suspend(std::move(begin), std::move(leave));
    co_return (*place)->addresses;
}

/// Who has asked known() and was told nothing may come here when another's look-up has just ended.
TEST(Resolver, looks_up_nothing_that_has_become_known_meanwhile) {
    std::atomic<int> asked = 0;
    Resolver resolver(
        [&](const std::string&) {
            ++asked;
            return std::vector<std::string>{"192.0.2.1"};
        },
        1, 1h);
    async::EventLoop loop("names");
    EXPECT_EQ(resolver.known("shop.example"), nullptr);
    for (int i = 0; i < 3; ++i)
        EXPECT_THAT(async::run(loop, look_up(resolver, "shop.example")), ElementsAre("192.0.2.1"));
    EXPECT_EQ(asked, 1);
}

}  // namespace
}  // namespace signalbox::client
