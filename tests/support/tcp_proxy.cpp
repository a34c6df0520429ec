#include "support/tcp_proxy.hpp"

#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/packaged_task.hpp>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

#include <array>
#include <future>
#include <list>
#include <thread>
#include <utility>

namespace signalbox::test {

namespace {

using asio::ip::tcp;

tcp::endpoint loopback(int port) {
    return {asio::ip::address_v4::loopback(), static_cast<asio::ip::port_type>(port)};
}

struct Connection {
    explicit Connection(tcp::socket accepted)
        : client(std::move(accepted)), server(client.get_executor()) {}
    tcp::socket client;
    tcp::socket server;
    bool forgotten = false;
};

}  // namespace

/// All of it on one thread, but for what starts and ends that.
struct TcpProxy::State {
    explicit State(int target) : target_port(target) {}

    asio::awaitable<void> accept() {
        for (;;) {
            tcp::socket accepted = co_await acceptor.async_accept(asio::use_awaitable);
            auto connection = std::make_shared<Connection>(std::move(accepted));
            connections.push_back(connection);
            asio::co_spawn(loop, serve(connection), asio::detached);
        }
    }

    asio::awaitable<void> serve(std::shared_ptr<Connection> connection) {
        co_await passage();
        if (connection->forgotten) co_return;
        asio::error_code error;
        co_await connection->server.async_connect(loopback(target_port),
                                                  asio::redirect_error(asio::use_awaitable, error));
        if (error) {
            close(connection);
            co_return;
        }
        asio::co_spawn(loop, forward(connection, connection->client, connection->server),
                       asio::detached);
        asio::co_spawn(loop, forward(connection, connection->server, connection->client),
                       asio::detached);
    }

    asio::awaitable<void> forward(std::shared_ptr<Connection> connection, tcp::socket& from,
                                  tcp::socket& to) {
        std::array<char, 65536> bytes{};
        asio::error_code error;
        while (!error) {
            const auto size = co_await from.async_read_some(
                asio::buffer(bytes), asio::redirect_error(asio::use_awaitable, error));
            co_await passage();
            if (connection->forgotten) co_return;
            if (!error) {
                co_await asio::async_write(to, asio::buffer(bytes, size),
                                           asio::redirect_error(asio::use_awaitable, error));
            }
        }
        close(connection);
    }

    /// Waits while the network is cut.
    asio::awaitable<void> passage() {
        asio::error_code ignored;
        while (is_cut)
            co_await mended.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }

    void close(const std::shared_ptr<Connection>& connection) {
        asio::error_code ignored;
        connection->client.close(ignored);
        connection->server.close(ignored);
        connections.remove(connection);
    }

    void mend(bool forget) {
        is_cut = false;
        for (const auto& connection : connections) {
            if (!forget) break;
            connection->forgotten = true;
            asio::error_code ignored;
            connection->server.close(ignored);
        }
        mended.cancel();
    }

    /// Returns when it is done.
    template <class Action>
    void run(Action action) {
        asio::post(loop, std::packaged_task<void()>(std::move(action))).get();
    }

    const int target_port;
    asio::io_context loop{1};
    tcp::acceptor acceptor{loop, loopback(0)};
    asio::steady_timer mended{loop, asio::steady_timer::time_point::max()};
    bool is_cut = false;
    std::list<std::shared_ptr<Connection>> connections;
    std::thread thread;
};

TcpProxy::TcpProxy(int target_port) : state_(std::make_unique<State>(target_port)) {
    port_ = state_->acceptor.local_endpoint().port();
    asio::co_spawn(state_->loop, state_->accept(), asio::detached);
    state_->thread = std::thread([state = state_.get()] { state->loop.run(); });
}

TcpProxy::~TcpProxy() {
    state_->loop.stop();
    state_->thread.join();
}

void TcpProxy::cut() {
    state_->run([state = state_.get()] { state->is_cut = true; });
}

void TcpProxy::mend() {
    state_->run([state = state_.get()] { state->mend(false); });
}

void TcpProxy::mend_and_forget() {
    state_->run([state = state_.get()] { state->mend(true); });
}

}  // namespace signalbox::test
