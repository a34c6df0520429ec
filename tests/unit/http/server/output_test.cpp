#include "signalbox/http/server/output.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "support/eventually.hpp"
#include "support/socket_pair.hpp"

namespace signalbox::http {
namespace {

std::size_t waiting_size(const Output& output) {
    return output.waiting_head_size() + output.waiting_body().size();
}

using Progress = Output::Progress;
using test::SocketPair;

const std::string head = "HTTP/1.1 200 OK\r\n\r\n";

/// Of which no two pieces are the same.
std::string numbered(std::size_t size) {
    std::string text;
    while (text.size() < size)
        text += std::to_string(text.size()) + ' ';
    text.resize(size);
    return text;
}

struct Resumed {
    std::string received;
    Progress last = Progress::waiting;
    std::size_t times = 0;
};

/// As a client that takes so much at a time, and a loop that finds the socket writable then.
Resumed receive_in_pieces(SocketPair& sockets, Output& output, std::size_t size,
                          std::size_t piece) {
    Resumed all;
    while (all.received.size() < size) {
        const auto more = sockets.receive(piece);
        if (!more) break;
        all.received += *more;
        if (!output.waiting()) continue;
        all.last = output.resume();
        ++all.times;
        if (more->empty() && all.last == Progress::waiting) break;  // neither side moves
    }
    return all;
}

TEST(Output, sends_head_and_body_in_one_piece) {
    int sockets[2];  // that tell one message from two
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
    Output output(sockets[0]);
    EXPECT_EQ(output.send(head, std::string("body")), Progress::sent);
    EXPECT_FALSE(output.waiting());
    EXPECT_EQ(waiting_size(output), 0U);
    char received[100];
    const ssize_t count = ::recv(sockets[1], received, sizeof received, MSG_DONTWAIT);
    ASSERT_GT(count, 0);
    EXPECT_EQ(std::string_view(received, static_cast<std::size_t>(count)), head + "body");
    EXPECT_EQ(::recv(sockets[1], received, sizeof received, MSG_DONTWAIT), -1);
    ::close(sockets[0]);
    ::close(sockets[1]);
}

TEST(Output, needs_no_body) {
    SocketPair sockets;
    Output output(sockets.server());
    EXPECT_EQ(output.send(head, {}), Progress::sent);
    EXPECT_EQ(sockets.receive(), head);
}

TEST(Output, sends_what_stands_behind_the_body) {
    constexpr std::size_t size = 5'000'000;
    SocketPair sockets;
    Output output(sockets.server());
    const std::string body = numbered(size);
    EXPECT_EQ(output.send("4c4b40\r\n", body, "\r\n"), Progress::waiting);
    const Resumed all = receive_in_pieces(sockets, output, size + 10, 7'777);
    EXPECT_EQ(all.last, Progress::sent);
    EXPECT_TRUE(all.received == "4c4b40\r\n" + body + "\r\n");
    EXPECT_EQ(output.send("1\r\n", std::string("x"), "\r\n"), Progress::sent);
    EXPECT_EQ(sockets.receive(), "1\r\nx\r\n");
}

TEST(Output, keeps_what_the_socket_does_not_take) {
    SocketPair sockets;
    Output output(sockets.server());
    const std::string body = numbered(4'000'000);
    ASSERT_EQ(output.send(head, body), Progress::waiting);
    EXPECT_TRUE(output.waiting());
    EXPECT_EQ(waiting_size(output), head.size() + body.size());
    const Resumed all = receive_in_pieces(sockets, output, head.size() + body.size(), 30'000);
    EXPECT_EQ(all.last, Progress::sent);
    EXPECT_GT(all.times, 10U);
    EXPECT_EQ(all.received, head + body);
    EXPECT_FALSE(output.waiting());
    EXPECT_EQ(waiting_size(output), 0U);
}

TEST(Output, over_tcp_is_the_same_to_a_client_that_reads_slowly) {
    SocketPair sockets(SocketPair::Kind::tcp);
    Output output(sockets.server());
    const std::string body = numbered(16'000'000);
    ASSERT_EQ(output.send(head, body), Progress::waiting);
    Resumed all;
    // The kernel acknowledges when it likes, so that neither side may move for a while.
    while (all.received.size() < head.size() + body.size()) {
        const Resumed more = receive_in_pieces(
            sockets, output, head.size() + body.size() - all.received.size(), 50'000);
        all.received += more.received;
        all.last = more.last;
    }
    EXPECT_EQ(all.received, head + body);
    EXPECT_FALSE(output.waiting());
}

TEST(Output, goes_on_waiting_when_nothing_was_taken_meanwhile) {
    SocketPair sockets;
    Output output(sockets.server());
    const std::string body = numbered(1'000'000);
    ASSERT_EQ(output.send(head, body), Progress::waiting);
    EXPECT_EQ(output.resume(), Progress::waiting);
    EXPECT_EQ(output.resume(), Progress::waiting);
    EXPECT_EQ(receive_in_pieces(sockets, output, head.size() + body.size(), 100'000).received,
              head + body);
}

TEST(Output, keeps_a_head_of_which_nothing_was_taken) {
    SocketPair sockets;
    std::size_t in_the_way = sockets.fill();
    Output output(sockets.server());
    std::string reused = head;
    ASSERT_EQ(output.send(reused, std::string("body")), Progress::waiting);
    EXPECT_EQ(waiting_size(output), head.size() + 4);
    reused.assign(reused.size(), '!');
    while (in_the_way > 0)
        in_the_way -= sockets.receive(in_the_way).value().size();
    EXPECT_EQ(output.resume(), Progress::sent);
    EXPECT_EQ(sockets.receive(), head + "body");
}

TEST(Output, sends_the_next_response_that_waits_as_the_first) {
    SocketPair sockets;
    Output output(sockets.server());
    const std::string large = numbered(1'000'000);
    ASSERT_EQ(output.send(head, std::string("first")), Progress::sent);
    ASSERT_EQ(output.send(head, large), Progress::waiting);
    const std::size_t size = 2 * head.size() + 5 + large.size();
    EXPECT_EQ(receive_in_pieces(sockets, output, size, 65'536).received,
              head + "first" + head + large);
    ASSERT_EQ(output.send("another ", large), Progress::waiting);
    EXPECT_EQ(receive_in_pieces(sockets, output, 8 + large.size(), 65'536).received,
              "another " + large);
    EXPECT_EQ(output.send(head, {}), Progress::sent);
    EXPECT_EQ(sockets.receive(), head);
}

TEST(Output, is_broken_when_the_client_is_gone) {
    SocketPair sockets;
    Output output(sockets.server());
    sockets.close();
    EXPECT_EQ(output.send(head, std::string("body")), Progress::broken);
    EXPECT_FALSE(output.waiting());
}

TEST(Output, is_broken_when_the_client_goes_while_a_response_waits) {
    for (const auto kind : {SocketPair::Kind::local, SocketPair::Kind::tcp}) {
        SocketPair sockets(kind);
        Output output(sockets.server());
        ASSERT_EQ(output.send(head, numbered(16'000'000)), Progress::waiting);
        kind == SocketPair::Kind::tcp ? sockets.reset() : sockets.close();
        EXPECT_TRUE(test::eventually([&] { return output.resume() == Progress::broken; }));
        EXPECT_FALSE(output.waiting());
        EXPECT_EQ(waiting_size(output), 0U);
    }
}

TEST(Output, forgets_what_is_dropped) {
    SocketPair sockets;
    std::size_t in_the_way = sockets.fill();
    Output output(sockets.server());
    ASSERT_EQ(output.send("dropped", {}), Progress::waiting);
    output.drop();
    EXPECT_FALSE(output.waiting());
    EXPECT_EQ(waiting_size(output), 0U);
    while (in_the_way > 0)
        in_the_way -= sockets.receive(in_the_way).value().size();
    EXPECT_EQ(output.send("next", {}), Progress::sent);
    EXPECT_EQ(sockets.receive(), "next");
}

}  // namespace
}  // namespace signalbox::http
