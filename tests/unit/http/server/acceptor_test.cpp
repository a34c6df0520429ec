#include "signalbox/http/server/acceptor.hpp"

#include <asio/io_context.hpp>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <deque>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "signalbox/process/descriptor.hpp"
#include "support/http_client.hpp"
#include "support/sanitized.hpp"

namespace signalbox::http {
namespace {

using namespace std::chrono_literals;
using process::Descriptor;
using testing::Each;

/// More than are accepted in one go.
constexpr std::size_t crowd = 300;

/// An acceptor on the thread of a test: its loop turns when it is told to.
class AcceptorTest : public testing::Test {
  protected:
    AcceptorTest() { accept_from(Listener::tcp("127.0.0.1", 0)); }

    void accept_from(Listener listener) {
        acceptor_.emplace(loop_, std::move(listener), [this](Accepted accepted) {
            sockets_.emplace_back(accepted.socket);
            addresses_.push_back(std::move(accepted.peer_address));
            return true;
        });
    }
    int port() const { return acceptor_->listener().port(); }
    /// Another process's.
    Listener copy() const {
        return Listener::inherited(::fcntl(acceptor_->listener().descriptor(), F_DUPFD_CLOEXEC, 0));
    }

    template <class Condition>
    bool turn_until(Condition condition) {
        const auto deadline = std::chrono::steady_clock::now() + 20s;
        while (!condition()) {
            loop_.restart();
            if (loop_.run_one_until(deadline) == 0) return false;
        }
        return true;
    }

    /// Connections that only the kernel has accepted.
    void connect(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i)
            clients_.emplace_back(port());
    }
    void expect_that_clients_are_served() {
        for (auto& socket : sockets_) {
            ASSERT_EQ(::send(socket.get(), "x", 1, MSG_NOSIGNAL), 1);
            socket.close();
        }
        for (auto& client : clients_)
            ASSERT_EQ(client.read_to_end(), "x");
    }

    asio::io_context loop_;
    std::vector<Descriptor> sockets_;
    std::vector<std::string> addresses_;
    std::deque<test::RawClient> clients_;
    std::optional<Acceptor> acceptor_;
};

TEST_F(AcceptorTest, accepts_those_who_come_before_and_after_it_starts) {
    connect(2);
    acceptor_->start();
    ASSERT_TRUE(turn_until([&] { return sockets_.size() == 2; }));
    connect(2);
    ASSERT_TRUE(turn_until([&] { return sockets_.size() == 4; }));
    EXPECT_THAT(addresses_, Each(std::string("127.0.0.1")));
    for (const auto& socket : sockets_) {
        EXPECT_TRUE(::fcntl(socket.get(), F_GETFL) & O_NONBLOCK);
        EXPECT_TRUE(::fcntl(socket.get(), F_GETFD) & FD_CLOEXEC);
    }
    expect_that_clients_are_served();
}

TEST_F(AcceptorTest, accepts_all_who_wait_in_the_kernel_before_it_closes) {
    connect(crowd);
    acceptor_->stop();
    EXPECT_EQ(sockets_.size(), crowd) << "without a turn of the loop";
    EXPECT_EQ(acceptor_->listener().descriptor(), -1);
    expect_that_clients_are_served();
}

TEST_F(AcceptorTest, stops_in_the_middle_of_a_crowd_and_loses_nobody) {
    acceptor_->start();
    connect(crowd);
    ASSERT_TRUE(turn_until([&] { return !sockets_.empty(); }));
    EXPECT_LT(sockets_.size(), crowd) << "an order to stop has its turn";
    acceptor_->stop();
    EXPECT_EQ(sockets_.size(), crowd);
    expect_that_clients_are_served();
    loop_.restart();
    loop_.poll();
    EXPECT_EQ(sockets_.size(), crowd);
}

TEST_F(AcceptorTest, leaves_who_waits_in_the_kernel_to_the_process_that_it_hands_over_to) {
    Listener other = copy();
    connect(3);
    acceptor_->hand_over();
    EXPECT_EQ(sockets_.size(), 0U);
    loop_.poll();
    EXPECT_EQ(sockets_.size(), 0U);
    accept_from(std::move(other));
    connect(1);
    acceptor_->start();
    ASSERT_TRUE(turn_until([&] { return sockets_.size() == 4; }));
    expect_that_clients_are_served();
}

TEST_F(AcceptorTest, takes_nobody_from_a_socket_that_it_has_handed_over) {
    const Listener other = copy();
    acceptor_->start();
    connect(1);
    ASSERT_TRUE(turn_until([&] { return sockets_.size() == 1; }));
    const int was = port();
    acceptor_->hand_over();
    // The kernel goes on watching a socket of which another process has a copy (epoll(7), Q6).
    const test::RawClient next(was);
    loop_.restart();
    while (loop_.run_for(50ms) > 0) {
    }
    EXPECT_EQ(sockets_.size(), 1U);
    const Descriptor accepted(::accept(other.descriptor(), nullptr, nullptr));
    EXPECT_GE(accepted.get(), 0) << "it waits for the other";
}

TEST_F(AcceptorTest, pauses_while_there_are_no_descriptors_and_then_goes_on) {
    if (test::sanitized) GTEST_SKIP() << "UBSan cannot do without descriptors";
    connect(3);
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    acceptor_->start();
    {
        const Descriptor lowest(::fcntl(0, F_DUPFD_CLOEXEC, 0));
        rlimit none = before;
        none.rlim_cur = static_cast<rlim_t>(lowest.get()) + 1;
        ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
        std::size_t turns = 0;
        const auto deadline = std::chrono::steady_clock::now() + 350ms;
        while (loop_.run_one_until(deadline) > 0)
            ++turns;
        EXPECT_EQ(sockets_.size(), 0U);
        EXPECT_LE(turns, 12U) << "it spins";
    }
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    ASSERT_TRUE(turn_until([&] { return sockets_.size() == 3; }));
    expect_that_clients_are_served();
}

TEST_F(AcceptorTest, says_unix_of_who_comes_by_a_unix_socket) {
    const std::string path = testing::TempDir() + "acceptor-" + std::to_string(::getpid());
    accept_from(Listener::unix_socket(path));
    acceptor_->start();
    test::RawClient client{std::filesystem::path(path)};
    ASSERT_TRUE(turn_until([&] { return !sockets_.empty(); }));
    EXPECT_THAT(addresses_, Each(std::string("unix")));
    client.send("x");
    acceptor_->stop();
    EXPECT_FALSE(std::filesystem::exists(path)) << "new clients find nobody there";
}

}  // namespace
}  // namespace signalbox::http
