#include "signalbox/http/server/transport.hpp"

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <deque>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "support/eventually.hpp"
#include "support/socket_pair.hpp"

namespace signalbox::http {
namespace {

using namespace std::chrono_literals;
using test::SocketPair;
using testing::ElementsAre;
using Status = Transport::Read::Status;

/// Notes what it is told, and does what a test wants it to.
struct Owner final : SocketOwner {
    std::string name;
    std::vector<std::string>* events = nullptr;
    std::function<void(Readiness)> then_on_ready = [](Readiness) {};
    std::function<void()> then_on_call_again = [] {};
    std::vector<Readiness> ready;
    std::size_t called_again = 0;
    std::size_t failed = 0;

    Owner() = default;
    Owner(std::string name, std::vector<std::string>& events)
        : name(std::move(name)), events(&events) {}

    void on_ready(Readiness what) override {
        ready.push_back(what);
        if (events != nullptr) events->push_back(name + " ready");
        then_on_ready(what);
    }
    void on_call_again() override {
        ++called_again;
        if (events != nullptr) events->push_back(name + " again");
        then_on_call_again();
    }
    void on_failure(const std::exception_ptr&) noexcept override { ++failed; }
};

struct TransportTest : testing::Test {
    asio::io_context loop;
    std::optional<Transport> transport{std::in_place, loop};
    std::vector<std::string> events;

    TransportTest() { transport->start(); }

    /// Turns the loop until the condition holds.
    template <class Condition>
    bool turn_until(Condition condition) {
        const auto deadline = std::chrono::steady_clock::now() + 20s;
        while (!condition()) {
            if (loop.run_one_until(deadline) == 0) return false;
        }
        return true;
    }

    /// Lets come what is to come: another socket's event, of which there is none before those that
    /// the kernel already knows of.
    void turn() {
        SocketPair other;
        Owner last;
        transport->watch(other.server(), last);
        other.send("x");
        ASSERT_TRUE(turn_until([&] { return !last.ready.empty(); }));
    }
};

TEST_F(TransportTest, tells_once_what_a_socket_is_ready_for_already) {
    SocketPair sockets;
    Owner owner;
    sockets.send("early");
    transport->watch(sockets.server(), owner);
    turn();
    turn();
    ASSERT_EQ(owner.ready.size(), 1U) << "though nobody has read";
    EXPECT_TRUE(owner.ready[0].readable);
    EXPECT_FALSE(owner.ready[0].end_of_stream);
    EXPECT_FALSE(owner.ready[0].hung_up);
    sockets.send("more");
    turn();
    EXPECT_EQ(owner.ready.size(), 2U);
}

TEST_F(TransportTest, says_nothing_of_a_socket_for_which_nothing_has_come) {
    const SocketPair sockets;
    Owner owner;
    transport->watch(sockets.server(), owner);
    turn();
    EXPECT_TRUE(owner.ready.empty());
}

TEST_F(TransportTest, tells_of_data_and_the_end_of_the_stream_at_once) {
    SocketPair sockets;
    Owner owner;
    transport->watch(sockets.server(), owner);
    sockets.send("last words");
    sockets.close_sending_side();
    turn();
    turn();
    ASSERT_EQ(owner.ready.size(), 1U);
    EXPECT_TRUE(owner.ready[0].readable);
    EXPECT_TRUE(owner.ready[0].end_of_stream);
    EXPECT_FALSE(owner.ready[0].hung_up) << "it still listens";
}

TEST_F(TransportTest, tells_of_the_end_of_a_stream_that_nobody_reads) {
    for (const auto kind : {SocketPair::Kind::local, SocketPair::Kind::tcp}) {
        SocketPair sockets(kind);
        Owner owner;
        transport->watch(sockets.server(), owner);
        sockets.send("unread");
        ASSERT_TRUE(turn_until([&] { return owner.ready.size() == 1; }));
        EXPECT_FALSE(owner.ready[0].end_of_stream);
        sockets.close_sending_side();
        ASSERT_TRUE(turn_until([&] { return owner.ready.size() == 2; }));
        EXPECT_TRUE(owner.ready[1].end_of_stream);
        EXPECT_FALSE(owner.ready[1].hung_up);
    }
}

TEST_F(TransportTest, tells_of_a_reset_that_nobody_reads) {
    SocketPair sockets(SocketPair::Kind::tcp);
    Owner owner;
    transport->watch(sockets.server(), owner);
    sockets.send("unread");
    ASSERT_TRUE(turn_until([&] { return owner.ready.size() == 1; }));
    sockets.reset();
    ASSERT_TRUE(turn_until([&] { return owner.ready.size() == 2; }));
    EXPECT_TRUE(owner.ready[1].hung_up);
}

TEST_F(TransportTest, tells_when_there_is_room_to_write_as_often_as_there_was_none) {
    SocketPair sockets;
    Owner owner;
    transport->watch(sockets.server(), owner);
    std::size_t unread = sockets.fill();
    transport->watch_writing(sockets.server(), owner);
    turn();
    EXPECT_TRUE(owner.ready.empty()) << "there is no room";
    for (int i = 0; i < 3; ++i) {
        owner.ready.clear();
        while (unread > 0)
            unread -= sockets.receive(unread).value().size();
        ASSERT_TRUE(turn_until([&] { return !owner.ready.empty(); }));
        EXPECT_TRUE(owner.ready[0].writable);
        EXPECT_FALSE(owner.ready[0].readable);
        unread = sockets.fill();
    }
    owner.ready.clear();
    sockets.send("x");
    sockets.close_sending_side();
    turn();
    ASSERT_EQ(owner.ready.size(), 1U) << "it is still watched for reading";
    EXPECT_TRUE(owner.ready[0].readable);
    EXPECT_TRUE(owner.ready[0].end_of_stream);
}

TEST_F(TransportTest, reads_so_much_at_a_time_and_tells_why_there_is_no_more) {
    SocketPair sockets;
    const int server = sockets.server();
    EXPECT_EQ(transport->read(server).status, Status::nothing_yet);
    const std::string sent = std::string(Transport::read_size, 'a') + "b";
    sockets.send(sent);
    const auto first = transport->read(server);
    EXPECT_EQ(first.status, Status::data);
    EXPECT_EQ(first.bytes, sent.substr(0, Transport::read_size));
    const auto second = transport->read(server);
    EXPECT_EQ(second.status, Status::data);
    EXPECT_EQ(second.bytes, "b");
    EXPECT_EQ(transport->read(server).status, Status::nothing_yet);
    sockets.close_sending_side();
    EXPECT_EQ(transport->read(server).status, Status::end_of_stream);
}

TEST_F(TransportTest, reads_from_a_client_that_has_reset_that_it_is_broken) {
    SocketPair sockets(SocketPair::Kind::tcp);
    sockets.reset();
    Status status = Status::nothing_yet;
    EXPECT_TRUE(test::eventually([&] {
        status = transport->read(sockets.server()).status;
        return status != Status::nothing_yet;
    }));
    EXPECT_EQ(status, Status::broken);
}

/// All of them ready by the time the loop looks.
struct Batch {
    std::deque<SocketPair> sockets;
    std::deque<Owner> owners;

    Batch(Transport& transport, std::size_t size) {
        for (std::size_t i = 0; i < size; ++i)
            transport.watch(sockets.emplace_back().server(), owners.emplace_back());
    }
    void send_to_all() {
        for (SocketPair& pair : sockets)
            pair.send("x");
    }
};

TEST_F(TransportTest, tells_the_others_of_a_batch_in_which_one_throws) {
    constexpr std::size_t size = 5;
    for (std::size_t thrower = 0; thrower < size; ++thrower) {
        Batch batch(*transport, size);
        batch.owners[thrower].then_on_ready = [](Readiness) { throw std::runtime_error("thrown"); };
        for (std::size_t times = 1; times <= 2; ++times) {
            batch.send_to_all();
            turn();
            for (std::size_t i = 0; i < size; ++i) {
                EXPECT_EQ(batch.owners[i].ready.size(), times) << i;
                EXPECT_EQ(batch.owners[i].failed, i == thrower ? times : 0) << i;
            }
        }
    }
}

TEST_F(TransportTest, tells_the_others_when_each_throws_what_is_no_exception) {
    Batch batch(*transport, 3);
    for (Owner& owner : batch.owners)
        owner.then_on_ready = [](Readiness) { throw 42; };
    batch.send_to_all();
    turn();
    for (const Owner& owner : batch.owners)
        EXPECT_EQ(owner.failed, 1U);
}

TEST_F(TransportTest, tells_a_whole_batch_the_time_at_which_it_began) {
    Batch batch(*transport, 3);
    std::vector<Transport::Clock::time_point> seen;
    for (Owner& owner : batch.owners)
        owner.then_on_ready = [&](Readiness) { seen.push_back(transport->turn_began()); };
    batch.send_to_all();
    turn();
    ASSERT_EQ(seen.size(), 3U);
    EXPECT_EQ(seen[0], seen[1]);
    EXPECT_EQ(seen[0], seen[2]);
    EXPECT_LE(seen[0], Transport::Clock::now());
}

TEST_F(TransportTest, does_not_take_the_next_socket_of_a_number_for_the_one_that_was_closed) {
    // The first callback of a batch closes the other's socket, whose number the next client gets.
    Batch batch(*transport, 2);
    SocketPair next;
    Owner of_next;
    std::vector<std::size_t> told;
    int reused = -1;
    const auto replace = [&](std::size_t other) {
        if (told.empty()) {
            const int number = batch.sockets[other].server();
            batch.sockets[other].close_server();
            reused = ::dup(next.server());
            ASSERT_EQ(reused, number);
            transport->watch(reused, of_next);
        }
        told.push_back(1 - other);
    };
    batch.owners[0].then_on_ready = [&](Readiness) { replace(1); };
    batch.owners[1].then_on_ready = [&](Readiness) { replace(0); };
    batch.send_to_all();
    turn();
    EXPECT_TRUE(of_next.ready.empty()) << "nothing has come for it";
    EXPECT_EQ(told.size(), 2U) << "of the old one it is told, which can tell that it is closed";
    next.send("x");
    turn();
    EXPECT_EQ(of_next.ready.size(), 1U);
    EXPECT_EQ(told.size(), 2U);
    ::close(reused);
}

TEST_F(TransportTest, forgets_a_socket_that_is_closed) {
    Batch batch(*transport, 2);
    batch.sockets[0].close_server();
    batch.sockets[1].send("x");
    turn();
    EXPECT_TRUE(batch.owners[0].ready.empty());
    EXPECT_EQ(batch.owners[1].ready.size(), 1U);
}

TEST_F(TransportTest, calls_again_after_the_others_had_their_turn) {
    SocketPair one, other;
    Owner first("first", events), second("second", events);
    transport->watch(one.server(), first);
    transport->watch(other.server(), second);
    first.then_on_ready = [&](Readiness) { transport->call_again(first); };
    second.then_on_ready = [&](Readiness) { transport->call_again(second); };
    one.send("x");
    other.send("x");
    turn();
    ASSERT_TRUE(turn_until([&] { return events.size() == 4; }));
    EXPECT_THAT(events, ElementsAre("first ready", "second ready", "first again", "second again"));
    turn();
    EXPECT_EQ(events.size(), 4U) << "once";
}

TEST_F(TransportTest, keeps_nobody_from_their_turn_who_is_called_again_and_again) {
    SocketPair sockets;
    Owner busy, other;
    std::vector<Transport::Clock::time_point> turns;
    transport->watch(sockets.server(), other);
    busy.then_on_call_again = [&] {
        turns.push_back(transport->turn_began());
        if (turns.size() == 3) sockets.send("x");
        transport->call_again(busy);
    };
    transport->call_again(busy);
    ASSERT_TRUE(turn_until([&] { return !other.ready.empty(); }));
    EXPECT_LT(turns.size(), 100U);
    transport->do_not_call(busy);
    const std::size_t before = turns.size();
    turn();
    EXPECT_EQ(turns.size(), before);
    for (std::size_t i = 1; i < turns.size(); ++i)
        EXPECT_LT(turns[i - 1], turns[i]) << "each is a turn of its own";
}

TEST_F(TransportTest, calls_the_others_again_when_one_throws) {
    std::deque<Owner> owners(3);
    owners[1].then_on_call_again = [] { throw std::runtime_error("thrown"); };
    for (int times = 0; times < 2; ++times) {
        for (Owner& owner : owners)
            transport->call_again(owner);
        turn();
    }
    for (const Owner& owner : owners)
        EXPECT_EQ(owner.called_again, 2U);
    EXPECT_EQ(owners[0].failed, 0U);
    EXPECT_EQ(owners[1].failed, 2U);
    EXPECT_EQ(owners[2].failed, 0U);
}

TEST_F(TransportTest, does_not_call_who_goes_before_or_in_the_middle_of_the_turn) {
    auto before = std::make_unique<Owner>();
    auto meanwhile = std::make_unique<Owner>();
    Owner first, last;
    first.then_on_call_again = [&] {
        transport->do_not_call(*meanwhile);
        meanwhile.reset();
    };
    transport->call_again(*before);
    transport->call_again(first);
    transport->call_again(*meanwhile);
    transport->call_again(last);
    transport->do_not_call(*before);
    before.reset();
    turn();
    EXPECT_EQ(first.called_again, 1U);
    EXPECT_EQ(last.called_again, 1U);
}

TEST_F(TransportTest, throws_for_what_the_kernel_does_not_watch_and_goes_on) {
    // epoll_ctl fails for a file (EPERM) as it does for one socket too many (ENOSPC).
    Batch batch(*transport, 1);
    const std::size_t before = test::open_descriptors();
    const int file = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    ASSERT_GE(file, 0);
    Owner owner;
    for (int i = 0; i < 100; ++i)
        EXPECT_THROW(transport->watch(file, owner), std::runtime_error);
    ::close(file);
    EXPECT_EQ(test::open_descriptors(), before);
    batch.send_to_all();
    turn();
    EXPECT_TRUE(owner.ready.empty());
    EXPECT_EQ(batch.owners[0].ready.size(), 1U);
}

TEST_F(TransportTest, leaves_nothing_behind) {
    transport.reset();
    const std::size_t before = test::open_descriptors();
    for (int i = 0; i < 100; ++i) {
        asio::io_context its_loop;
        Transport watching(its_loop);
        watching.start();
        Batch batch(watching, 2);
        batch.send_to_all();
        its_loop.run_one();
        its_loop.run_one();
    }
    EXPECT_EQ(test::open_descriptors(), before);
}

TEST_F(TransportTest, keeps_its_descriptors_from_child_processes) {
    for (std::size_t number = 3; number < 100; ++number) {
        const int flags = ::fcntl(static_cast<int>(number), F_GETFD);
        std::error_code ignored;
        const auto what =
            std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(number), ignored);
        if (flags < 0 || what != "anon_inode:[eventpoll]") continue;
        EXPECT_EQ(flags & FD_CLOEXEC, FD_CLOEXEC) << number;
    }
}

}  // namespace
}  // namespace signalbox::http
