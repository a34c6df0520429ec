#include "signalbox/http/event_stream.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "signalbox/async/sleep.hpp"
#include "signalbox/http/errors.hpp"
#include "signalbox/http/server/server.hpp"
#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/raw_message.hpp"

namespace signalbox::http {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::get_bytes;
using test::RawClient;
using testing::AllOf;
using testing::EndsWith;
using testing::Ge;
using testing::HasSubstr;
using testing::Le;
using testing::MatchesRegex;
using testing::Not;

TEST(EventText, has_a_line_for_each_field) {
    EXPECT_EQ(Event("hello").text(), "data: hello\n\n");
    EXPECT_EQ(Event("hello").type("greeting").id("7").retry(1500ms).text(),
              "retry: 1500\nid: 7\nevent: greeting\ndata: hello\n\n");
    EXPECT_EQ(Event().retry(0ms).text(), "retry: 0\n\n");
    EXPECT_EQ(Event(" x").id("").text(), "id: \ndata:  x\n\n");
    EXPECT_EQ(Event("").text(), "data: \n\n") << "it is dispatched, and empty";
    EXPECT_EQ(Event().text(), "\n");
}

TEST(EventText, has_a_field_for_each_line_of_the_data) {
    EXPECT_EQ(Event("a\nb\rc\r\nd\n\ne\n").text(),
              "data: a\ndata: b\ndata: c\ndata: d\ndata: \ndata: e\ndata: \n\n");
    EXPECT_EQ(Event("id: 1\n\nevent: x").text(), "data: id: 1\ndata: \ndata: event: x\n\n");
}

TEST(EventText, takes_no_type_and_no_id_that_would_be_another_line) {
    using namespace std::string_view_literals;
    for (const std::string_view bad : {"a\nb"sv, "a\rb"sv, "a\0b"sv, "\n"sv}) {
        EXPECT_THROW(Event("x").type(bad).text(), std::invalid_argument);
        EXPECT_THROW(Event("x").id(bad).text(), std::invalid_argument);
    }
}

struct EventStreams : testing::Test {
    using Body = std::function<async::Task<>(EventStream&)>;

    EventStreamOptions options;
    std::atomic<int> begun{0};
    std::optional<Server> server;

    void serve(Body body) {
        std::vector<Route> routes{
            {"GET", "/events",
             [this, body = std::move(body)](Request& request) -> async::Task<Response> {
                 co_return event_stream(request, body, options);
             }}};
        server.emplace(ServerOptions{}, std::move(routes));
        server->listen();
    }
    RawClient connect(const std::string& headers = {}) const {
        RawClient client(server->port());
        client.send(get_bytes("/events", headers));
        return client;
    }
};

TEST_F(EventStreams, send_events_as_they_come_and_go_on_with_the_connection) {
    serve([](EventStream& events) -> async::Task<> {
        co_await events.send(Event("one").id("1"));
        co_await async::sleep_for(1ms);
        const std::string number = std::to_string(2);
        co_await events.send(Event(std::to_string(2)).type("number").id(number));
        co_await events.comment("that is all");
    });
    RawClient client = connect();
    const std::string response = client.read_until("0\r\n\r\n");
    EXPECT_EQ(test::header_of(response, "Content-Type"), "text/event-stream");
    EXPECT_EQ(test::header_of(response, "Cache-Control"), "no-store");
    EXPECT_EQ(test::header_of(response, "X-Accel-Buffering"), "no");
    EXPECT_EQ(test::body_of(response),
              "11\r\nid: 1\ndata: one\n\n\r\n"
              "1d\r\nid: 2\nevent: number\ndata: 2\n\n\r\n"
              "f\r\n: that is all\n\n\r\n0\r\n\r\n");
    client.send(get_bytes("/events"));
    EXPECT_EQ(test::status_of(client.read_until("0\r\n\r\n")), 200);
}

TEST_F(EventStreams, say_something_while_there_is_nothing_to_say) {
    options.keep_alive = 20ms;
    std::atomic<bool> released{false};
    serve([&](EventStream& events) -> async::Task<> {
        while (!released)
            co_await async::sleep_for(1ms);
        co_await events.send("late");
    });
    RawClient client = connect();
    EXPECT_THAT(client.read_until(":\n\n"), HasSubstr("text/event-stream"));
    client.read_until(":\n\n");
    client.read_until(":\n\n");
    released = true;
    EXPECT_THAT(client.read_until("0\r\n\r\n"), HasSubstr("data: late\n\n"));
}

TEST_F(EventStreams, say_nothing_else_while_there_is_something_to_say) {
    options.keep_alive = 10s;
    options.longest_opening = 10s;
    serve([&](EventStream& events) -> async::Task<> {
        for (int i = 0; i < 10; ++i) {
            co_await events.send("x");
            co_await async::sleep_for(10ms);
        }
    });
    EXPECT_THAT(connect().read_until("0\r\n\r\n"), Not(HasSubstr(":\n\n")));
}

TEST_F(EventStreams, open_soon_though_there_is_no_event) {
    serve([&](EventStream&) -> async::Task<> { co_await async::sleep_for(1h); });
    EXPECT_EQ(test::status_of(connect().read_until(":\n\n")), 200) << "and not after 15 s";
}

TEST_F(EventStreams, that_fail_before_the_first_event_are_a_proper_error) {
    serve([&](EventStream&) -> async::Task<> {
        co_await async::sleep_for(5ms);
        throw HttpError(403);
    });
    RawClient client = connect();
    EXPECT_EQ(test::status_of(client.read_response()), 403);
}

TEST_F(EventStreams, that_fail_later_are_seen_to_be_cut) {
    serve([&](EventStream& events) -> async::Task<> {
        co_await events.send("x");
        co_await events.send(Event("x").id("a\nb"));
    });
    EXPECT_THAT(connect().read_to_end(), EndsWith("data: x\n\n\r\n"));
}

TEST_F(EventStreams, know_the_last_event_that_the_client_has_seen) {
    serve([](EventStream& events) -> async::Task<> {
        const auto number = events.last_event_id_as<int>();
        const std::string text = std::string(events.last_event_id().value_or("none")) + ' ' +
                                 (number ? std::to_string(*number + 1) : "no number");
        co_await events.send(text);
    });
    EXPECT_THAT(connect().read_until("0\r\n\r\n"), HasSubstr("data: none no number\n"));
    EXPECT_THAT(connect("Last-Event-ID: 41\r\n").read_until("0\r\n\r\n"),
                HasSubstr("data: 41 42\n"));
    EXPECT_THAT(connect("last-event-id: 41a\r\n").read_until("0\r\n\r\n"),
                HasSubstr("data: 41a no number\n"));
    EXPECT_THAT(connect("Last-Event-ID: 3000000000\r\n").read_until("0\r\n\r\n"),
                HasSubstr("data: 3000000000 no number\n"));
    EXPECT_THAT(connect("Last-Event-ID:\r\n").read_until("0\r\n\r\n"),
                HasSubstr("data: none no number\n"));
}

TEST_F(EventStreams, end_properly_at_a_drain_and_say_when_to_come_back) {
    options.shortest_retry = 100ms;
    options.longest_retry = 900ms;
    serve([&](EventStream& events) -> async::Task<> {
        co_await events.send("x");
        ++begun;
        co_await async::sleep_for(1h);
    });
    constexpr int count = 20;
    std::vector<RawClient> clients;
    for (int i = 0; i < count; ++i)
        clients.push_back(connect());
    ASSERT_TRUE(eventually([&] { return begun == count; }));
    const auto drained = server->drain(20s);
    EXPECT_EQ(drained.cancelled, 0U);
    EXPECT_EQ(drained.answered, static_cast<std::size_t>(count));
    std::set<int> times;
    for (RawClient& client : clients) {
        const std::string all = client.read_to_end();
        EXPECT_THAT(all, EndsWith("\n\n\r\n0\r\n\r\n"));
        const std::size_t retry = all.find("retry: ");
        ASSERT_NE(retry, std::string::npos) << all;
        const int time = std::stoi(all.substr(retry + 7));
        EXPECT_THAT(time, AllOf(Ge(100), Le(900)));
        times.insert(time);
    }
    EXPECT_GT(times.size(), 1U) << "not all at once";
}

TEST_F(EventStreams, end_at_a_reload_though_they_have_not_begun) {
    serve([&](EventStream&) -> async::Task<> {
        ++begun;
        co_await async::sleep_for(1h);
    });
    RawClient client = connect();
    ASSERT_TRUE(eventually([&] { return begun == 1; }));
    server->hand_over();
    const std::string response = client.read_to_end();
    EXPECT_EQ(test::header_of(response, "Content-Type"), "text/event-stream");
    EXPECT_THAT(response, AllOf(HasSubstr("retry: "), EndsWith("0\r\n\r\n")));
}

TEST_F(EventStreams, end_with_their_clients) {
    std::atomic<int> ended{0};
    serve([&](EventStream& events) -> async::Task<> {
        try {
            co_await events.send("x");
            ++begun;
            co_await async::sleep_for(1h);
        } catch (...) {
            ++ended;
            throw;
        }
    });
    {
        const RawClient client = connect();
        ASSERT_TRUE(eventually([&] { return begun == 1; }));
    }
    EXPECT_TRUE(eventually([&] { return ended == 1 && server->streams().open == 0; }));
}

TEST_F(EventStreams, whose_client_is_slow_end_at_a_drain_with_what_was_sent_whole) {
    serve([&](EventStream& events) -> async::Task<> {
        const std::string large(64 * 1024, 'x');
        while (true) {
            co_await events.send(large);
            ++begun;
        }
    });
    RawClient client(server->port(), 4096);
    client.send(get_bytes("/events"));
    ASSERT_TRUE(eventually([&] { return server->buffered().responses > 0; })) << "a piece waits";
    server->hand_over();
    const std::string response = client.read_to_end();
    EXPECT_THAT(response.substr(response.size() - 64),
                AllOf(HasSubstr("x\n\n\r\n"), HasSubstr("retry: "), EndsWith("0\r\n\r\n")));
}

}  // namespace
}  // namespace signalbox::http
