#include "signalbox/http/server/input.hpp"

#include <asio/io_context.hpp>
#include <gtest/gtest.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "support/eventually.hpp"
#include "support/raw_message.hpp"
#include "support/socket_pair.hpp"

namespace signalbox::http {
namespace {

using test::get_bytes;
using test::SocketPair;

constexpr Readiness readable{.readable = true};
constexpr Readiness readable_to_the_end{.readable = true, .end_of_stream = true};
constexpr Readiness hung_up{.readable = true, .end_of_stream = true, .hung_up = true};

/// A POST that takes so many bytes as a whole.
std::string post_of(std::size_t size) {
    const auto with_body = [](std::size_t body) {
        return "POST /sized HTTP/1.1\r\nHost: test\r\nContent-Length: " + std::to_string(body) +
               "\r\n\r\n" + std::string(body, 'x');
    };
    std::size_t body = size - with_body(size).size() % size;
    while (with_body(body).size() > size)
        --body;
    std::string message = with_body(body);
    EXPECT_EQ(message.size(), size);
    return message;
}

std::string numbered(int i) {
    return std::string("/").append(std::to_string(i));  // g++ 12 warns of `+` without a reason
}

struct InputTest : testing::Test {
    asio::io_context loop;
    Transport transport{loop};
    SocketPair client;
    const DecoderLimits limits{};
    Input input{transport, client.server(), limits};

    /// The path of the next request, within a turn's budget; empty for none.
    std::string next_path() { return next_path_of(input); }
    static std::string next_path_of(Input& input) {
        TurnBudget budget;
        const auto decoded = input.next(budget);
        if (!decoded) return {};
        const auto* request = std::get_if<std::unique_ptr<Request>>(&*decoded);
        return request == nullptr ? "no request" : (*request)->path;
    }
};

TEST_F(InputTest, reads_only_when_it_was_told_that_there_is_something) {
    client.send(get_bytes("/a"));
    EXPECT_EQ(next_path(), "");
    EXPECT_GT(client.unread_by_server(), 0U);
    input.on_ready(readable);
    EXPECT_EQ(next_path(), "/a");
    EXPECT_EQ(client.unread_by_server(), 0U);
}

TEST_F(InputTest, takes_a_short_read_for_all_there_was) {
    client.send(get_bytes("/a"));
    input.on_ready(readable);
    EXPECT_TRUE(input.unread_in_kernel());
    EXPECT_EQ(next_path(), "/a");
    EXPECT_FALSE(input.unread_in_kernel());
    client.send(get_bytes("/b"));
    EXPECT_EQ(next_path(), "") << "it would be told";
    input.on_ready(readable);
    EXPECT_EQ(next_path(), "/b");
}

TEST_F(InputTest, does_not_read_for_a_request_that_it_has) {
    client.send(get_bytes("/a") + get_bytes("/b"));
    input.on_ready(readable);
    EXPECT_EQ(next_path(), "/a");
    client.send(get_bytes("/c"));
    input.on_ready(readable);
    EXPECT_EQ(next_path(), "/b");
    EXPECT_EQ(client.unread_by_server(), get_bytes("/c").size());
    EXPECT_EQ(next_path(), "/c");
}

TEST_F(InputTest, reads_on_after_a_request_that_fills_the_buffer_exactly) {
    client.send(post_of(Transport::read_size));
    input.on_ready(readable);
    EXPECT_EQ(next_path(), "/sized");
    EXPECT_TRUE(input.unread_in_kernel()) << "for all that it knows";
    EXPECT_EQ(next_path(), "");
    EXPECT_FALSE(input.unread_in_kernel());
    EXPECT_FALSE(input.over());
    client.send(get_bytes("/next"));
    input.on_ready(readable);
    EXPECT_EQ(next_path(), "/next");
}

TEST_F(InputTest, finds_what_is_behind_a_request_that_fills_the_buffer_exactly) {
    client.send(post_of(Transport::read_size) + post_of(Transport::read_size) + get_bytes("/next"));
    input.on_ready(readable);
    EXPECT_EQ(next_path(), "/sized");
    EXPECT_EQ(next_path(), "/sized");
    EXPECT_EQ(next_path(), "/next");
    EXPECT_EQ(next_path(), "");
}

TEST_F(InputTest, finds_the_end_of_the_stream_behind_a_request_that_fills_the_buffer_exactly) {
    client.send(post_of(Transport::read_size));
    client.close_sending_side();
    input.on_ready(readable_to_the_end);
    EXPECT_EQ(next_path(), "/sized");
    EXPECT_TRUE(input.end_received());
    EXPECT_FALSE(input.over());
    EXPECT_EQ(next_path(), "");
    EXPECT_TRUE(input.over());
}

TEST_F(InputTest, finds_the_end_of_the_stream_behind_any_request) {
    for (const std::size_t size : {std::size_t{200}, Transport::read_size - 1,
                                   Transport::read_size + 1, 2 * Transport::read_size}) {
        SCOPED_TRACE(size);
        SocketPair other;
        Input its(transport, other.server(), limits);
        other.send(post_of(size));
        other.close_sending_side();
        its.on_ready(readable_to_the_end);  // of both there is one event, and then no other
        EXPECT_EQ(next_path_of(its), "/sized");
        EXPECT_FALSE(its.over());
        EXPECT_EQ(next_path_of(its), "");
        EXPECT_TRUE(its.over());
        EXPECT_FALSE(its.unread_in_kernel());
    }
}

TEST_F(InputTest, finds_an_end_of_the_stream_that_comes_later) {
    client.send(get_bytes("/a"));
    input.on_ready(readable);
    EXPECT_EQ(next_path(), "/a");
    EXPECT_EQ(next_path(), "");
    EXPECT_FALSE(input.end_received());
    client.close_sending_side();
    input.on_ready(readable_to_the_end);
    EXPECT_TRUE(input.end_received());
    EXPECT_EQ(next_path(), "");
    EXPECT_TRUE(input.over());
}

TEST_F(InputTest, knows_of_an_end_of_the_stream_before_what_precedes_it_is_read) {
    std::string pipeline;
    for (int i = 0; i < 3000; ++i)
        pipeline += get_bytes(numbered(i));
    client.send(pipeline);
    input.on_ready(readable);
    EXPECT_EQ(next_path(), "/0");
    client.close_sending_side();
    EXPECT_FALSE(input.end_received());
    input.on_ready(readable_to_the_end);
    EXPECT_TRUE(input.end_received());
    EXPECT_FALSE(input.over());
    for (int i = 1; i < 3000; ++i)
        ASSERT_EQ(next_path(), numbered(i)) << "all of it is still there";
    EXPECT_EQ(next_path(), "");
    EXPECT_TRUE(input.over());
}

TEST_F(InputTest, is_over_after_a_reset) {
    SocketPair tcp(SocketPair::Kind::tcp);
    Input its(transport, tcp.server(), limits);
    tcp.send("GET /");
    its.on_ready(readable);
    ASSERT_TRUE(test::eventually([&] {
        its.expect_more();
        return next_path_of(its).empty() && its.phase() == RequestDecoder::Phase::in_head;
    }));
    tcp.reset();
    its.on_ready(hung_up);
    EXPECT_TRUE(its.end_received());
    ASSERT_TRUE(test::eventually([&] { return next_path_of(its).empty() && its.over(); }));
    its.on_ready(readable);
    EXPECT_FALSE(its.unread_in_kernel()) << "nothing comes of it any more";
}

TEST_F(InputTest, reads_no_more_in_one_turn_than_its_budget) {
    constexpr std::size_t budget_size = 64 * 1024;
    const std::string large = post_of(5 * budget_size / 2);
    client.send(large);
    input.on_ready(readable);
    for (std::size_t turn = 1; turn <= 2; ++turn) {
        TurnBudget budget;
        EXPECT_FALSE(input.next(budget));
        EXPECT_TRUE(budget.spent());
        EXPECT_EQ(client.unread_by_server(), large.size() - turn * budget_size);
        EXPECT_FALSE(input.next(budget));
        EXPECT_EQ(client.unread_by_server(), large.size() - turn * budget_size);
    }
    TurnBudget budget;
    EXPECT_TRUE(input.next(budget));
    EXPECT_FALSE(budget.spent());
    EXPECT_EQ(client.unread_by_server(), 0U);
}

TEST_F(InputTest, counts_for_the_budget_what_it_reads_for_several_requests) {
    std::string pipeline;
    for (int i = 0; i < 8; ++i)
        pipeline += post_of(12 * 1024);
    client.send(pipeline);
    input.on_ready(readable);
    TurnBudget budget;
    std::size_t taken = 0;
    while (input.next(budget))
        ++taken;
    EXPECT_EQ(taken, 5U) << "as many as there are in 64 KiB";
    EXPECT_EQ(client.unread_by_server(), 8 * 12 * 1024 - 64 * 1024U);
}

TEST_F(InputTest, has_more_when_the_client_has_sent_more) {
    EXPECT_FALSE(input.has_more());
    client.send(get_bytes("/a") + get_bytes("/b"));
    input.on_ready(readable);
    EXPECT_EQ(next_path(), "/a");
    EXPECT_TRUE(input.has_more()) << "in memory";
    EXPECT_EQ(next_path(), "/b");
    EXPECT_FALSE(input.has_more());
    client.send("G");
    EXPECT_FALSE(input.has_more()) << "it was not told of it";
    input.on_ready(readable);
    EXPECT_TRUE(input.has_more()) << "in the kernel";
    EXPECT_EQ(input.phase(), RequestDecoder::Phase::between_requests) << "it was not looked at";
    client.send(get_bytes("/c").substr(1));
    input.on_ready(readable);
    EXPECT_EQ(next_path(), "/c");
    client.close_sending_side();
    input.on_ready(readable_to_the_end);
    EXPECT_FALSE(input.has_more()) << "but the end of the stream";
    EXPECT_TRUE(input.over());
}

TEST_F(InputTest, has_more_when_all_of_it_came_with_the_end_of_the_stream) {
    client.send(get_bytes("/a") + get_bytes("/b"));
    client.close_sending_side();
    input.on_ready(readable_to_the_end);
    EXPECT_EQ(next_path(), "/a");
    EXPECT_TRUE(input.has_more());
    EXPECT_EQ(next_path(), "/b");
    EXPECT_FALSE(input.has_more());
}

TEST_F(InputTest, expects_more_only_of_a_stream_that_is_not_over) {
    client.send(get_bytes("/a"));
    input.expect_more();
    EXPECT_EQ(next_path(), "/a");
    client.close_sending_side();
    input.expect_more();
    EXPECT_EQ(next_path(), "");
    EXPECT_TRUE(input.over());
    input.expect_more();
    EXPECT_FALSE(input.unread_in_kernel());
}

TEST_F(InputTest, keeps_what_another_connection_would_overwrite) {
    SocketPair other;
    Input of_other(transport, other.server(), limits);
    client.send(get_bytes("/a") + get_bytes("/b") + "GET /c HTT");
    other.send(get_bytes("/other"));
    input.on_ready(readable);
    of_other.on_ready(readable);
    EXPECT_EQ(next_path(), "/a");
    input.keep();
    EXPECT_EQ(next_path_of(of_other), "/other");
    EXPECT_EQ(next_path(), "/b");
    EXPECT_EQ(next_path(), "");
    input.keep();
    other.send(get_bytes("/another"));
    of_other.on_ready(readable);
    EXPECT_EQ(next_path_of(of_other), "/another");
    client.send(get_bytes("/c").substr(10));
    input.on_ready(readable);
    EXPECT_EQ(next_path(), "/c");
}

TEST_F(InputTest, takes_nothing_once_it_is_stopped) {
    const std::string whole = post_of(1500);
    client.send(whole.substr(0, 500));
    input.on_ready(readable);
    EXPECT_EQ(next_path(), "");
    EXPECT_EQ(input.phase(), RequestDecoder::Phase::in_body);
    const auto request = input.stop();
    ASSERT_NE(request, nullptr);
    EXPECT_EQ(request->path, "/sized");
    EXPECT_TRUE(input.over());
    client.send(whole.substr(500) + get_bytes("/next"));
    input.on_ready(readable);
    input.expect_more();
    EXPECT_EQ(next_path(), "");
    EXPECT_FALSE(input.has_more());
    EXPECT_EQ(client.unread_by_server(), 1000 + get_bytes("/next").size());
}

TEST_F(InputTest, has_no_request_to_give_when_it_is_stopped_in_a_head) {
    client.send("HEAD /a HTTP/1.1\r\nHo");
    input.on_ready(readable);
    EXPECT_EQ(next_path(), "");
    EXPECT_EQ(input.phase(), RequestDecoder::Phase::in_head);
    EXPECT_TRUE(input.in_head_request());
    EXPECT_EQ(input.stop(), nullptr);
}

TEST_F(InputTest, tells_of_a_client_that_expects_to_be_asked_for_the_body) {
    client.send("POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    input.on_ready(readable);
    TurnBudget budget;
    const auto expects = input.next(budget);
    ASSERT_TRUE(expects);
    EXPECT_TRUE(std::holds_alternative<ExpectsContinue>(*expects));
    EXPECT_FALSE(input.next(budget));
    client.send("body");
    input.on_ready(readable);
    EXPECT_EQ(next_path(), "/a");
}

TEST_F(InputTest, takes_a_message_that_comes_byte_by_byte) {
    for (const char byte : get_bytes("/bytes").substr(0, get_bytes("/bytes").size() - 1)) {
        client.send({&byte, 1});
        input.on_ready(readable);
        ASSERT_EQ(next_path(), "");
        input.keep();
    }
    client.send("\n");
    input.on_ready(readable);
    EXPECT_EQ(next_path(), "/bytes");
}

}  // namespace
}  // namespace signalbox::http
