#include "signalbox/async/spawn.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include "signalbox/async/all.hpp"
#include "signalbox/async/sleep.hpp"
#include "signalbox/http/server/server.hpp"
#include "support/http_client.hpp"

namespace signalbox::http {
namespace {

using namespace std::chrono_literals;
using testing::StartsWith;

constexpr auto very_long = 10min;
constexpr auto patience = 30s;
constexpr const char* get = "GET /spawn?name=Ada HTTP/1.1\r\nHost: test\r\n\r\n";

/// A server whose only route is the given handler.
struct Served {
    explicit Served(Handler handler)
        : server({.workers = 2}, {{"GET", "/spawn", std::move(handler)}}) {
        server.listen();
    }

    Server server;
};

TEST(Spawned, task_goes_on_with_its_request_when_the_client_has_left) {
    std::promise<std::string> seen;
    std::promise<void> begun;
    std::promise<void> gone;
    std::atomic<bool> client_left = false;
    Served served([&](Request& request) -> async::Task<Response> {
        // A reference to the request is enough: it lives as long as all that works for it.
        async::spawn([&]() -> async::Task<> {
            begun.set_value();
            while (!client_left)
                co_await async::sleep_for(5ms);
            co_await async::all(async::sleep_for(20ms), async::sleep_for(1ms));
            seen.set_value(request.query_parameter("name").value_or("nobody"));
        });
        try {
            co_await async::sleep_for(very_long);
        } catch (...) {
            gone.set_value();
            throw;
        }
        co_return Response{};
    });
    {
        test::RawClient client(served.server.port());
        client.send(get);
        begun.get_future().get();
    }
    gone.get_future().get();  // the handler has been cancelled, the connection goes
    client_left = true;
    EXPECT_EQ(seen.get_future().get(), "Ada");
    EXPECT_EQ(served.server.drain(patience).cancelled, 0U);
}

TEST(Spawned, task_goes_on_when_the_answer_is_sent_and_a_drain_waits_for_it) {
    std::atomic<bool> released = false;
    std::atomic<bool> done = false;
    Served served([&](Request&) -> async::Task<Response> {
        async::spawn([&]() -> async::Task<> {
            while (!released)
                co_await async::sleep_for(5ms);
            co_await async::sleep_for(20ms);
            done = true;
        });
        co_return json({{"accepted", true}}, 202);
    });
    test::RawClient client(served.server.port());
    client.send("GET /spawn HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    EXPECT_THAT(client.read_to_end(), StartsWith("HTTP/1.1 202 "));
    auto drained =
        std::async(std::launch::async, [&] { return served.server.drain(patience).cancelled; });
    EXPECT_EQ(drained.wait_for(200ms), std::future_status::timeout);
    EXPECT_FALSE(done);
    released = true;
    EXPECT_EQ(drained.get(), 0U);
    EXPECT_TRUE(done);
}

TEST(Spawned, task_is_cancelled_when_the_drain_s_time_is_up) {
    std::promise<void> begun;
    std::atomic<bool> cancelled = false;
    Served served([&](Request&) -> async::Task<Response> {
        async::spawn([&]() -> async::Task<> {
            begun.set_value();
            try {
                co_await async::sleep_for(very_long);
            } catch (const asio::system_error&) {
                cancelled = true;
                throw;
            }
        });
        co_return Response{};
    });
    test::RawClient client(served.server.port());
    client.send(get);
    begun.get_future().get();
    EXPECT_EQ(served.server.drain(100ms).cancelled, 1U);
    EXPECT_TRUE(cancelled);
}

TEST(Spawned, task_that_does_not_heed_its_cancellation_is_destroyed_with_the_server) {
    std::promise<void> begun;
    auto kept = std::make_shared<int>(0);
    const std::weak_ptr<int> watched = kept;
    {
        Served served([&](Request&) -> async::Task<Response> {
            async::spawn([&begun, kept = std::move(kept)]() -> async::Task<> {
                begun.set_value();
                for (;;) {
                    try {
                        co_await async::sleep_for(very_long);
                    } catch (const asio::system_error&) {
                    }
                    co_await asio::this_coro::reset_cancellation_state();
                }
            });
            co_return Response{};
        });
        test::RawClient client(served.server.port());
        client.send(get);
        begun.get_future().get();
        EXPECT_EQ(served.server.drain(0ms).cancelled, 1U);
        EXPECT_FALSE(watched.expired());
    }
    EXPECT_TRUE(watched.expired());
}

TEST(Spawned, task_of_a_server_that_ends_without_a_drain_is_destroyed) {
    std::promise<void> begun;
    auto kept = std::make_shared<int>(0);
    const std::weak_ptr<int> watched = kept;
    {
        Served served([&](Request& request) -> async::Task<Response> {
            async::spawn([&begun, &request, kept = std::move(kept)]() -> async::Task<> {
                begun.set_value();
                co_await async::sleep_for(very_long);
                request.body.clear();
            });
            co_await async::sleep_for(very_long);
            co_return Response{};
        });
        test::RawClient client(served.server.port());
        client.send(get);
        begun.get_future().get();
    }
    EXPECT_TRUE(watched.expired());
}

}  // namespace
}  // namespace signalbox::http
