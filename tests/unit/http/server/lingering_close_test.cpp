#include "signalbox/http/server/lingering_close.hpp"

#include <asio/io_context.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

#include "support/eventually.hpp"
#include "support/socket_pair.hpp"

namespace signalbox::http {
namespace {

using test::SocketPair;
using Progress = LingeringClose::Progress;

struct LingeringCloseTest : testing::Test {
    asio::io_context loop;
    Transport transport{loop};
    SocketPair client;
    LingeringClose lingering;

    Progress drain() { return lingering.drain(transport, client.server()); }
};

TEST_F(LingeringCloseTest, says_that_nothing_more_comes_and_gives_the_client_a_second) {
    EXPECT_EQ(lingering.deadline(), LingeringClose::Clock::time_point::max());
    const auto now = LingeringClose::Clock::now();
    lingering.begin(client.server(), now, LingeringClose::after_the_last);
    EXPECT_EQ(lingering.deadline(), now + std::chrono::seconds(1));
    EXPECT_EQ(client.receive(), std::nullopt);
}

TEST_F(LingeringCloseTest, waits_until_the_client_closes_too) {
    lingering.begin(client.server(), LingeringClose::Clock::now(), LingeringClose::after_the_last);
    EXPECT_EQ(drain(), Progress::waiting);
    client.send("what it had still to say");
    EXPECT_EQ(drain(), Progress::waiting);
    EXPECT_EQ(client.unread_by_server(), 0U);
    client.send("and this");
    client.close_sending_side();
    EXPECT_EQ(drain(), Progress::done);
}

TEST_F(LingeringCloseTest, is_done_when_the_client_resets) {
    SocketPair tcp(SocketPair::Kind::tcp);
    lingering.begin(tcp.server(), LingeringClose::Clock::now(), LingeringClose::after_the_last);
    tcp.reset();
    EXPECT_TRUE(test::eventually(
        [&] { return lingering.drain(transport, tcp.server()) == Progress::done; }));
}

TEST_F(LingeringCloseTest, reads_no_more_in_one_turn_than_others_may) {
    constexpr std::size_t of_a_turn = 64 * 1024;
    client.send(std::string(2 * of_a_turn + 1000, 'x'));
    lingering.begin(client.server(), LingeringClose::Clock::now(), LingeringClose::after_the_last);
    EXPECT_EQ(drain(), Progress::again);
    EXPECT_EQ(client.unread_by_server(), of_a_turn + 1000);
    EXPECT_EQ(drain(), Progress::again);
    EXPECT_EQ(client.unread_by_server(), 1000U);
    EXPECT_EQ(drain(), Progress::waiting);
}

TEST_F(LingeringCloseTest, has_enough_of_a_client_that_sends_without_end) {
    for (const auto& bounds : {LingeringClose::after_the_last, LingeringClose::within_a_message}) {
        SocketPair greedy;
        LingeringClose its;
        its.begin(greedy.server(), LingeringClose::Clock::now(), bounds);
        const std::string some(16 * 1024, 'x');
        std::size_t sent = 0;
        auto progress = Progress::waiting;
        while (progress != Progress::done && sent < 2 * bounds.bytes) {
            greedy.send(some);
            sent += some.size();
            progress = its.drain(transport, greedy.server());
        }
        EXPECT_EQ(progress, Progress::done);
        EXPECT_EQ(sent, bounds.bytes + some.size());
    }
}

TEST_F(LingeringCloseTest, gives_a_client_that_sends_on_more_time_but_not_for_ever) {
    constexpr auto bounds = LingeringClose::within_a_message;
    const auto began = transport.begin_turn() - bounds.whole + bounds.silence;
    lingering.begin(client.server(), began, bounds);
    EXPECT_EQ(lingering.deadline(), began + bounds.silence);
    EXPECT_EQ(drain(), Progress::waiting);
    EXPECT_EQ(lingering.deadline(), began + bounds.silence) << "nothing has come";
    client.send("more");
    EXPECT_EQ(drain(), Progress::waiting);
    EXPECT_EQ(lingering.deadline(), transport.turn_began() + bounds.silence);
    const auto later = transport.begin_turn();
    client.send("and more");
    EXPECT_EQ(drain(), Progress::waiting);
    EXPECT_EQ(lingering.deadline(), std::min(later + bounds.silence, began + bounds.whole));
    EXPECT_EQ(lingering.deadline(), began + bounds.whole);
}

}  // namespace
}  // namespace signalbox::http
