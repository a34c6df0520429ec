#include "signalbox/admin/page_gate.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <thread>

#include "signalbox/async/task.hpp"

namespace signalbox::admin {
namespace {

using namespace std::chrono_literals;

struct PageGateTest : testing::Test {
    /// Asks for the page; it is answered, or not, in the turns to come.
    void ask(std::optional<http::Response>& response, asio::cancellation_signal& cancellation) {
        asio::co_spawn(async::Executor(loop.get_executor(), nullptr), answer(response),
                       asio::bind_cancellation_slot(cancellation.slot(), asio::detached));
    }
    async::Task<> answer(std::optional<http::Response>& response) {
        response = co_await gate.answer(request, page);
    }

    http::Request request;
    std::optional<http::Response> first, last;
    asio::cancellation_signal never;
    PageGate gate;
    const http::Handler page = [](http::Request&) -> async::Task<http::Response> {
        std::this_thread::sleep_for(20ms);  // it takes its time on the loop
        co_return http::Response{};
    };
    asio::io_context loop;  // has what has not ended, which refers to the others
};

TEST_F(PageGateTest, keeps_no_turn_for_those_who_have_left) {
    ask(first, never);
    loop.run();
    ASSERT_TRUE(first);
    // Each would have had 40 ms and more: eight minutes in all.
    for (int i = 0; i < 12'000; ++i) {
        asio::cancellation_signal leave;
        std::optional<http::Response> response;
        loop.restart();
        ask(response, leave);
        loop.poll();
        leave.emit(asio::cancellation_type::terminal);
        loop.poll();
    }
    loop.restart();
    ask(last, never);
    loop.run_for(60s);
    EXPECT_TRUE(last);
}

}  // namespace
}  // namespace signalbox::admin
