#include <asio/post.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <optional>
#include <thread>
#include <vector>

#include "signalbox/async/sleep.hpp"
#include "signalbox/http/server/server.hpp"
#include "support/http_client.hpp"

namespace signalbox::http {
namespace {

using namespace std::chrono_literals;
using testing::StartsWith;

async::Task<Response> soon(Request&) {
    co_await async::sleep_for(200ms);
    co_return json({{"done", true}});
}

TEST(ServerDrain, answers_a_client_whom_only_the_kernel_has_accepted) {
    async::EventLoop* loop = nullptr;
    std::optional<Server> server;
    server.emplace(ServerOptions{}, std::vector<Route>{{"GET", "/soon", soon}},
                   [&](async::EventLoop& its) {
                       loop = &its;
                       return observe_nothing(its);
                   });
    server->listen();
    std::promise<void> release;
    asio::post(loop->context(), [&] { release.get_future().wait(); });
    test::RawClient client(server->port());
    client.send("GET /soon HTTP/1.1\r\nHost: test\r\n\r\n");

    auto drained = std::async(std::launch::async, [&] { return server->drain(20s); });
    std::this_thread::sleep_for(200ms);  // it finds no connection open now
    release.set_value();
    EXPECT_EQ(drained.get().cancelled, 0U);
    server.reset();
    EXPECT_THAT(client.read_to_end(), StartsWith("HTTP/1.1 200 "));
}

}  // namespace
}  // namespace signalbox::http
