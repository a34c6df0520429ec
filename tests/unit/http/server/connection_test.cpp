// The first half is one loop on the thread of the test, where what happens in which turn can be
// told; the second a server with threads of its own.

#include "signalbox/http/server/connection.hpp"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/steady_timer.hpp>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "signalbox/async/sleep.hpp"
#include "signalbox/http/server/connection_set.hpp"
#include "signalbox/http/server/server.hpp"
#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/raw_message.hpp"
#include "support/refused_call.hpp"
#include "support/sanitized.hpp"
#include "support/socket_pair.hpp"
#include "unit/http/server/one_loop.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
/// As <sanitizer/allocator_interface.h> has it, which does not come with every compiler.
extern "C" std::size_t __sanitizer_get_current_allocated_bytes();  // NOLINT
#endif

namespace signalbox::http {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::get_bytes;
using test::NotingObserver;
using test::OneLoop;
using test::RawClient;
using test::SocketPair;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;
using Finished = NotingObserver::Finished;

const std::string asks_first =
    "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
const std::string continue_bytes = "HTTP/1.1 100 Continue\r\n\r\n";

std::string post_bytes(std::string_view path, std::size_t body) {
    return "POST " + std::string(path) +
           " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body) + "\r\n\r\n" +
           std::string(body, 'x');
}

/// Cuts off the first whole response; empty when there is none.
std::string take_response(std::string& bytes) {
    const std::size_t head = bytes.find("\r\n\r\n");
    if (head == std::string::npos) return {};
    const auto length = test::header_of(bytes, "Content-Length");
    const std::size_t size = head + 4 + (length ? std::stoul(*length) : 0);
    if (bytes.size() < size) return {};
    std::string response = bytes.substr(0, size);
    bytes.erase(0, size);
    return response;
}

struct ConnectionTest : testing::Test {
    struct Handled {
        std::string path;
        Transport::Clock::time_point turn;
    };
    std::vector<Handled> handled;
    bool released = false;
    std::function<void(const Request&)> then_on_fast = [](const Request&) {};
    static constexpr std::size_t large = 1'000'000;
    const std::chrono::milliseconds timeout;  ///< of what comes and of what is taken
    const std::size_t limit_buffered;

    OneLoop one{
        {.limit_buffered = limit_buffered,
         .timeout_request_head = timeout,
         .timeout_request_body = timeout,
         .timeout_write = timeout},
        {{"GET", "/n/{number}", [this](Request& request) { return fast(request); }},
         {"POST", "/echo", [this](Request& request) { return echo(request); }},
         {"POST", "/sized", [this](Request& request) { return fast(request); }},
         {"GET", "/large", [this](Request& request) { return answer_large(request); }},
         {"GET", "/wait", [this](Request& request) { return wait(request); }},
         {"GET", "/until-released", [this](Request& request) { return until_released(request); }},
         {"GET", "/spawn", [this](Request& request) { return spawn(request); }},
         {"GET", "/close-all", [this](Request& request) { return close_all(request); }}}};
    ConnectionSet connections{one.context};

    explicit ConnectionTest(std::chrono::milliseconds its_timeout = 30s,
                            std::size_t limit = 8'000'000)
        : timeout(its_timeout), limit_buffered(limit) {}
    ~ConnectionTest() override {
        connections.close_all();
        one.settle();
    }

    void note(const Request& request) {
        handled.push_back({request.path, one.transport.turn_began()});
    }
    std::vector<std::string> handled_paths() const {
        std::vector<std::string> paths;
        for (const Handled& request : handled)
            paths.push_back(request.path);
        return paths;
    }

    async::Task<Response> fast(Request& request) {
        note(request);
        then_on_fast(request);
        co_return json({{"path", request.path}});
    }
    async::Task<Response> echo(Request& request) {
        note(request);
        co_return Response{.body = request.body};
    }
    async::Task<Response> answer_large(Request& request) {
        note(request);
        co_return Response{.body = std::string(large, 'x')};
    }
    async::Task<Response> wait(Request& request) {
        note(request);
        co_await async::sleep_for(1h);
        co_return Response{};
    }
    /// Whatever happens to its client.
    async::Task<Response> until_released(Request& request) {
        note(request);
        co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
        while (!released)
            co_await async::sleep_for(1ms);
        co_return json({{"released", true}});
    }
    async::Task<> work(const Request& request) {
        while (!released)
            co_await async::sleep_for(1ms);
        handled.push_back({"worked for " + request.path + "?" + std::string(request.query), {}});
    }
    async::Task<Response> spawn(Request& request) {
        asio::co_spawn(co_await asio::this_coro::executor, work(request), asio::detached);
        co_await async::sleep_for(1h);
        co_return Response{};
    }
    async::Task<Response> close_all(Request& request) {
        note(request);
        connections.close_all();
        co_return Response{};
    }

    struct Client {
        SocketPair sockets;
        int server_socket = sockets.release_server();
        std::string received{};
        bool ended = false;

        void receive() {
            while (const auto more = sockets.receive()) {
                if (more->empty()) return;
                received += *more;
            }
            ended = true;
        }
        std::size_t unread_by_server() const {
            int bytes = 0;
            EXPECT_EQ(::ioctl(server_socket, FIONREAD, &bytes), 0);
            return static_cast<std::size_t>(bytes);
        }
    };
    std::deque<Client> clients;

    Client& connect(SocketPair::Kind kind = SocketPair::Kind::local) {
        Client& client = clients.emplace_back(Client{.sockets = SocketPair(kind)});
        ++one.server.open_connections;
        connections.add(client.server_socket, "192.0.2.1", {});
        return client;
    }

    /// The next response to come; empty when the server closes before.
    std::string response(Client& client) {
        std::string response;
        one.turn_until([&] {
            client.receive();
            response = take_response(client.received);
            return !response.empty() || client.ended;
        });
        return response;
    }
    bool ends(Client& client) {
        return one.turn_until([&] {
            client.receive();
            return client.ended;
        });
    }
};

std::string number(std::size_t i) {
    return "/n/" + std::to_string(i);
}

TEST_F(ConnectionTest, answers_requests_that_came_together_in_their_order) {
    Client& client = connect();
    client.sockets.send(get_bytes(number(0)) + post_bytes("/echo", 5) + get_bytes("/nowhere") +
                        get_bytes(number(3)));
    EXPECT_EQ(test::body_of(response(client)), R"({"path":"/n/0"})");
    EXPECT_EQ(test::body_of(response(client)), "xxxxx");
    EXPECT_EQ(test::status_of(response(client)), 404);
    EXPECT_EQ(test::body_of(response(client)), R"({"path":"/n/3"})");
    EXPECT_EQ(one.server.requests_in_flight, 0U);
    EXPECT_EQ(one.server.open_connections, 1U);
}

TEST_F(ConnectionTest, takes_sixteen_requests_in_a_turn) {
    constexpr std::size_t count = 100;
    std::string pipeline;
    for (std::size_t i = 0; i < count; ++i)
        pipeline += get_bytes(number(i));
    ASSERT_LT(pipeline.size(), Transport::read_size) << "one read brings them all";
    Client& client = connect();
    client.sockets.send(pipeline);
    for (std::size_t i = 0; i < count; ++i)
        ASSERT_EQ(test::body_of(response(client)), "{\"path\":\"" + number(i) + "\"}");
    std::map<Transport::Clock::time_point, std::size_t> turns;
    for (const Handled& request : handled)
        ++turns[request.turn];
    std::vector<std::size_t> sizes;
    for (const auto& [turn, size] : turns)
        sizes.push_back(size);
    EXPECT_THAT(sizes, ElementsAre(16, 16, 16, 16, 16, 16, 4));
}

TEST_F(ConnectionTest, takes_64_kib_in_a_turn) {
    constexpr std::size_t count = 12;
    std::string pipeline;
    for (std::size_t i = 0; i < count; ++i)
        pipeline += post_bytes("/sized", 20'000);
    Client& client = connect();
    client.sockets.send(pipeline);
    for (std::size_t i = 0; i < count; ++i)
        ASSERT_EQ(test::status_of(response(client)), 200);
    // With its head each is a little more than 20,000 bytes, and 65,536 are read in each turn.
    std::map<Transport::Clock::time_point, std::size_t> turns;
    for (const Handled& request : handled)
        ++turns[request.turn];
    std::vector<std::size_t> sizes;
    for (const auto& [turn, size] : turns)
        sizes.push_back(size);
    EXPECT_THAT(sizes, ElementsAre(3, 3, 3, 3));
}

TEST_F(ConnectionTest, lets_others_have_their_turn_between_those_of_one_that_sends_thousands) {
    constexpr std::size_t count = test::sanitized ? 1000 : 3000;
    Client& greedy = connect();
    Client& other = connect();
    std::string pipeline;
    for (std::size_t i = 0; i < count; ++i)
        pipeline += get_bytes(number(i));
    greedy.sockets.send(pipeline);
    other.sockets.send(get_bytes("/n/other"));
    for (std::size_t i = 0; i < count; ++i)
        ASSERT_EQ(test::body_of(response(greedy)), "{\"path\":\"" + number(i) + "\"}");
    const auto paths = handled_paths();
    ASSERT_EQ(paths.size(), count + 1);
    const auto before = std::find(paths.begin(), paths.end(), "/n/other") - paths.begin();
    EXPECT_LE(before, 16) << "it was there before the first turn ended";
}

TEST_F(ConnectionTest, lets_others_have_their_turn_between_those_of_one_that_sends_a_lot) {
    Client& greedy = connect();
    Client& other = connect();
    greedy.sockets.send(post_bytes("/sized", 500'000));
    other.sockets.send(get_bytes("/n/other"));
    EXPECT_EQ(test::status_of(response(greedy)), 200);
    EXPECT_THAT(handled_paths(), ElementsAre("/n/other", "/sized"));
}

TEST_F(ConnectionTest, does_not_read_while_a_request_is_handled) {
    Client& client = connect();
    client.sockets.send(get_bytes("/until-released"));
    ASSERT_TRUE(one.turn_until([&] { return handled.size() == 1; }));
    const std::string behind = post_bytes("/sized", 100'000) + get_bytes(number(1));
    client.sockets.send(behind);
    one.settle();
    EXPECT_EQ(client.unread_by_server(), behind.size());
    released = true;
    EXPECT_EQ(test::body_of(response(client)), R"({"released":true})");
    EXPECT_EQ(test::body_of(response(client)), R"({"path":"/sized"})");
    EXPECT_EQ(test::body_of(response(client)), R"({"path":"/n/1"})");
}

TEST_F(ConnectionTest, keeps_what_was_read_of_a_client_while_others_are_read) {
    Client& client = connect();
    Client& other = connect();
    client.sockets.send(get_bytes("/until-released") + get_bytes(number(1)) + get_bytes(number(2)));
    ASSERT_TRUE(one.turn_until([&] { return handled.size() == 1; }));
    EXPECT_EQ(client.unread_by_server(), 0U);
    other.sockets.send(post_bytes("/sized", 10'000));
    EXPECT_EQ(test::status_of(response(other)), 200);
    released = true;
    EXPECT_EQ(test::body_of(response(client)), R"({"released":true})");
    EXPECT_EQ(test::body_of(response(client)), R"({"path":"/n/1"})");
    EXPECT_EQ(test::body_of(response(client)), R"({"path":"/n/2"})");
}

TEST_F(ConnectionTest, answers_a_request_that_fills_the_buffer_exactly) {
    const std::string head =
        post_bytes("/sized", 16'000).substr(0, post_bytes("/sized", 16'000).find("\r\n\r\n") + 4);
    const std::string exact = post_bytes("/sized", Transport::read_size - head.size());
    ASSERT_EQ(exact.size(), Transport::read_size);
    Client& client = connect();
    for (int i = 0; i < 3; ++i) {
        client.sockets.send(exact);
        EXPECT_EQ(test::body_of(response(client)), R"({"path":"/sized"})");
        one.settle();
    }
    client.sockets.send(exact);
    client.sockets.close_sending_side();
    const std::string last = response(client);
    EXPECT_EQ(test::body_of(last), R"({"path":"/sized"})");
    EXPECT_EQ(test::header_of(last, "Connection"), "close");
    EXPECT_TRUE(ends(client));
    EXPECT_EQ(one.server.open_connections, 0U);
}

TEST_F(ConnectionTest, answers_all_that_came_together_with_the_end_of_the_stream) {
    Client& client = connect();
    client.sockets.send(get_bytes(number(0)) + get_bytes(number(1)) + get_bytes(number(2)));
    client.sockets.close_sending_side();
    for (std::size_t i = 0; i < 3; ++i) {
        const std::string answer = response(client);
        EXPECT_EQ(test::body_of(answer), "{\"path\":\"" + number(i) + "\"}");
        EXPECT_EQ(test::header_of(answer, "Connection").has_value(), i == 2);
    }
    EXPECT_TRUE(ends(client));
    EXPECT_EQ(one.server.open_connections, 0U);
    one.settle();
    EXPECT_EQ(one.requests_in_memory(), 0U);
}

TEST_F(ConnectionTest, closes_when_the_stream_ends_between_or_within_requests) {
    for (const std::string& sent :
         {std::string(), get_bytes(number(0)), get_bytes(number(0)) + "GET /part",
          post_bytes("/sized", 100).substr(0, 90)}) {
        Client& client = connect();
        client.sockets.send(sent);
        one.settle();
        client.sockets.close_sending_side();
        EXPECT_TRUE(ends(client)) << sent;
    }
    EXPECT_EQ(one.server.open_connections, 0U);
    one.settle();
    EXPECT_EQ(one.server.memory.requests(), 0U);
}

TEST_F(ConnectionTest, notices_the_end_of_the_stream_while_a_handler_waits_and_more_is_unread) {
    Client& client = connect();
    client.sockets.send(get_bytes("/wait"));
    ASSERT_TRUE(one.turn_until([&] { return handled.size() == 1; }));
    for (int i = 0; i < 1000; ++i)
        client.sockets.send(get_bytes(number(1)));
    one.settle();
    EXPECT_EQ(one.server.open_connections, 1U);
    EXPECT_GT(client.unread_by_server(), 0U);
    client.sockets.close_sending_side();
    ASSERT_TRUE(ends(client));
    EXPECT_THAT(one.observer.finished_requests,
                ElementsAre(Finished{"/wait", 499, "client_gone", ""}));
    EXPECT_THAT(handled_paths(), ElementsAre("/wait")) << "those behind are for nobody";
    EXPECT_EQ(client.received, "");
}

TEST_F(ConnectionTest, notices_a_reset_while_a_handler_waits_and_more_is_unread) {
    Client& client = connect(SocketPair::Kind::tcp);
    client.sockets.send(get_bytes("/wait"));
    ASSERT_TRUE(one.turn_until([&] { return handled.size() == 1; }));
    for (int i = 0; i < 100; ++i)
        client.sockets.send(get_bytes(number(1)));
    ASSERT_TRUE(eventually([&] { return client.unread_by_server() > 0; }));
    one.settle();
    EXPECT_EQ(one.server.open_connections, 1U);
    client.sockets.reset();
    ASSERT_TRUE(one.turn_until([&] { return one.requests_in_memory() == 0; }));
    EXPECT_THAT(one.observer.finished_requests,
                ElementsAre(Finished{"/wait", 499, "client_gone", ""}));
    EXPECT_EQ(one.server.open_connections, 0U);
    EXPECT_THAT(handled_paths(), ElementsAre("/wait"));
}

TEST_F(ConnectionTest, does_not_wait_for_the_handler_of_a_client_that_is_gone) {
    Client& client = connect();
    client.sockets.send(get_bytes("/until-released"));
    ASSERT_TRUE(one.turn_until([&] { return handled.size() == 1; }));
    client.sockets.close();
    ASSERT_TRUE(one.turn_until([&] { return one.server.open_connections == 0; }));
    EXPECT_THAT(one.observer.finished_requests, IsEmpty());
    EXPECT_EQ(one.server.requests_in_flight, 1U) << "it still works";
    released = true;
    ASSERT_TRUE(one.turn_until([&] { return one.requests_in_memory() == 0; }));
    EXPECT_THAT(one.observer.finished_requests,
                ElementsAre(Finished{"/until-released", 499, "client_gone", ""}));
    EXPECT_EQ(one.server.requests_in_flight, 0U);
}

TEST_F(ConnectionTest, cancels_a_handler_that_has_to_wait_after_the_stream_has_ended) {
    Client& client = connect();
    client.sockets.send(get_bytes(number(0)) + get_bytes("/wait"));
    client.sockets.close_sending_side();
    EXPECT_EQ(test::body_of(response(client)), R"({"path":"/n/0"})");
    EXPECT_TRUE(ends(client));
    EXPECT_THAT(
        one.observer.finished_requests,
        ElementsAre(Finished{"/n/0", 200, "", ""}, Finished{"/wait", 499, "client_gone", ""}));
}

TEST_F(ConnectionTest, leaves_alone_what_a_handler_has_spawned_when_the_client_leaves) {
    Client& client = connect();
    client.sockets.send(get_bytes("/spawn?the=query"));
    one.settle();
    client.sockets.close();
    ASSERT_TRUE(one.turn_until([&] { return !one.observer.finished_requests.empty(); }));
    EXPECT_THAT(one.observer.finished_requests,
                ElementsAre(Finished{"/spawn", 499, "client_gone", ""}));
    one.settle();
    EXPECT_EQ(one.server.open_connections, 0U);
    EXPECT_EQ(one.requests_in_memory(), 1U);
    released = true;
    ASSERT_TRUE(one.turn_until([&] { return one.requests_in_memory() == 0; }));
    EXPECT_THAT(handled_paths(), ElementsAre("worked for /spawn?the=query"));
}

TEST_F(ConnectionTest, asks_for_a_body_that_waits_to_be_asked_for) {
    Client& client = connect();
    client.sockets.send(asks_first);
    EXPECT_EQ(response(client), continue_bytes);
    client.sockets.send("body");
    EXPECT_EQ(test::body_of(response(client)), "body");
    client.sockets.send(asks_first + "body");
    std::string answer = response(client);
    if (answer == continue_bytes) answer = response(client);  // it need not, and may
    EXPECT_EQ(test::body_of(answer), "body");
}

TEST_F(ConnectionTest, asks_for_a_body_when_the_client_can_be_asked) {
    Client& client = connect();

    const std::string some(1000, '-');
    while (::send(client.server_socket, some.data(), some.size(), MSG_DONTWAIT) > 0) {
    }
    client.sockets.send(asks_first + "body");
    one.settle();
    EXPECT_THAT(handled, IsEmpty()) << "the question comes first";
    ASSERT_TRUE(one.turn_until([&] {
        client.receive();
        return client.received.ends_with("\r\n\r\nbody");
    }));
    client.received.erase(0, client.received.find_first_not_of('-'));
    EXPECT_EQ(take_response(client.received), continue_bytes);
    EXPECT_EQ(test::body_of(take_response(client.received)), "body");
    EXPECT_EQ(client.received, "");
}

TEST_F(ConnectionTest, keeps_the_order_of_responses_of_which_the_second_has_to_wait) {
    Client& client = connect();
    client.sockets.send(get_bytes(number(0)) + get_bytes("/large") + get_bytes("/large") +
                        get_bytes(number(3)));
    one.settle();
    EXPECT_THAT(handled_paths(), ElementsAre("/n/0", "/large")) << "the rest waits its turn";
    EXPECT_GT(one.server.memory.responses(), large);
    EXPECT_EQ(test::body_of(response(client)), R"({"path":"/n/0"})");
    EXPECT_EQ(test::body_of(response(client)).size(), large);
    EXPECT_EQ(test::body_of(response(client)).size(), large);
    EXPECT_EQ(test::body_of(response(client)), R"({"path":"/n/3"})");
    EXPECT_EQ(one.server.memory.responses(), 0U);
}

TEST_F(ConnectionTest, sends_what_waits_to_the_end_after_the_stream_has_ended) {
    Client& client = connect();
    client.sockets.send(get_bytes("/large"));
    one.settle();
    client.sockets.close_sending_side();
    one.settle();
    EXPECT_EQ(test::body_of(response(client)).size(), large);
    EXPECT_TRUE(ends(client));
    EXPECT_THAT(one.observer.finished_requests, ElementsAre(Finished{"/large", 200, "", ""}));
}

struct ImpatientConnectionTest : ConnectionTest {
    ImpatientConnectionTest() : ConnectionTest(test::sanitized ? 1000ms : 100ms) {}

    /// As if another request's handler held the loop up for longer than a client may wait: what
    /// the client has done meanwhile the loop has not seen when its timers have expired.
    void hold_up_the_loop(const std::function<void()>& meanwhile) {
        bool done = false;
        asio::steady_timer before_the_others(one.loop, timeout / 2);
        before_the_others.async_wait([&](const std::error_code&) {
            meanwhile();
            done = true;
        });
        std::this_thread::sleep_for(2 * timeout);
        EXPECT_TRUE(one.turn_until([&] { return done; }));
    }
};

TEST_F(ImpatientConnectionTest, goes_on_with_a_client_that_took_some_while_the_loop_was_late) {
    Client& client = connect();
    client.sockets.send(get_bytes("/large"));
    one.settle();
    ASSERT_EQ(handled.size(), 1U);
    hold_up_the_loop([&] { client.receive(); });
    EXPECT_EQ(test::body_of(response(client)).size(), large);
    EXPECT_THAT(one.observer.finished_requests, ElementsAre(Finished{"/large", 200, "", ""}));
}

TEST_F(ImpatientConnectionTest, takes_a_request_that_came_while_the_loop_was_late) {
    const std::string request = post_bytes("/echo", 5);
    // In the middle of its head, and of its body.
    for (const std::size_t first : {std::size_t{10}, request.size() - 2}) {
        Client& client = connect();
        client.sockets.send(request.substr(0, first));
        one.settle();
        hold_up_the_loop([&] { client.sockets.send(request.substr(first)); });
        EXPECT_EQ(test::body_of(response(client)), "xxxxx") << first;
    }
}

TEST_F(ImpatientConnectionTest, takes_no_part_of_a_request_for_all_of_it) {
    const std::string request = post_bytes("/echo", 5);
    Client& client = connect();
    client.sockets.send(request.substr(0, request.size() - 3));
    one.settle();
    hold_up_the_loop([&] { client.sockets.send("x"); });
    EXPECT_EQ(test::status_of(response(client)), 408);
    EXPECT_THAT(one.observer.finished_requests, ElementsAre(Finished{"/echo", 408, "", "timeout"}));
}

TEST_F(ImpatientConnectionTest, ends_for_a_client_that_takes_no_response_and_says_so) {
    Client& client = connect();
    client.sockets.send(get_bytes("/large") + get_bytes(number(1)));
    ASSERT_TRUE(one.turn_until([&] { return one.server.open_connections == 0; }));
    EXPECT_THAT(one.observer.finished_requests,
                ElementsAre(Finished{"/large", 200, "write_timeout", ""}));
    EXPECT_EQ(one.server.memory.responses(), 0U);
    EXPECT_EQ(one.server.requests_in_flight, 0U);
}

TEST_F(ConnectionTest, lets_the_client_read_its_refusal_before_it_closes) {
    Client& client = connect(SocketPair::Kind::tcp);
    client.sockets.send(post_bytes("/sized", 2'000'000));
    const std::string answer = response(client);
    EXPECT_EQ(test::status_of(answer), 413);
    EXPECT_EQ(test::header_of(answer, "Connection"), "close");
    EXPECT_TRUE(ends(client));
    EXPECT_FALSE(client.sockets.was_reset()) << "what was sent meanwhile was read";
    client.sockets.close();
    EXPECT_TRUE(one.turn_until([&] { return one.server.open_connections == 0; }));
    EXPECT_THAT(one.observer.finished_requests,
                ElementsAre(Finished{"/sized", 413, "", "body_too_large"}));
}

TEST_F(ConnectionTest, that_fails_says_so_and_closes_and_the_others_of_its_batch_are_served) {
    one.observer.then_on_started = [](const context::RequestContext& request) {
        if (request.path == "/n/fail") throw std::bad_alloc();
    };
    for (std::size_t failing = 0; failing < 3; ++failing) {
        SCOPED_TRACE(failing);
        std::vector<Client*> batch;
        for (std::size_t i = 0; i < 3; ++i)
            batch.push_back(&connect());
        one.settle();
        for (std::size_t i = 0; i < 3; ++i)
            batch[i]->sockets.send(get_bytes(i == failing ? "/n/fail" : "/n/fine"));
        for (std::size_t i = 0; i < 3; ++i)
            EXPECT_EQ(test::status_of(response(*batch[i])), i == failing ? 503 : 200) << i;
        EXPECT_TRUE(ends(*batch[failing]));
        batch[failing]->sockets.close();
        EXPECT_EQ(one.observer.failures.size(), failing + 1);
    }
    EXPECT_EQ(one.server.requests_in_flight, 0U);
    EXPECT_TRUE(one.turn_until([&] { return one.server.open_connections == 6; }));
}

TEST_F(ConnectionTest, that_the_kernel_has_no_memory_for_was_not_closed_by_its_client) {
    const std::pair<unsigned, unsigned short> refused[]{
        {SYS_sendmsg, ENOBUFS}, {SYS_sendmsg, ENOMEM}, {SYS_recvfrom, ENOMEM}};
    for (const auto& [call, error] : refused) {
        Client& client = connect();
        one.settle();
        client.sockets.send(get_bytes("/n/1"));
        test::with_refused_call(call, error, [&] { one.settle(); });
        client.sockets.close();
        one.settle();
    }
    EXPECT_EQ(one.observer.failures.size(), std::size(refused));
    EXPECT_EQ(one.server.cut[Cut::failed], std::size(refused));
    const std::string failed(to_string(Cut::failed));
    EXPECT_THAT(one.observer.finished_requests,
                ElementsAre(Finished{"/n/1", 503, failed, ""}, Finished{"/n/1", 503, failed, ""}));
    EXPECT_TRUE(one.turn_until([&] { return one.server.open_connections == 0; }));
}

TEST_F(ConnectionTest, can_be_closed_from_inside_a_callback_with_all_the_others) {
    for (std::size_t closing = 0; closing < 3; ++closing) {
        SCOPED_TRACE(closing);
        handled.clear();
        std::vector<Client*> batch;
        for (std::size_t i = 0; i < 3; ++i)
            batch.push_back(&connect());
        one.settle();
        for (std::size_t i = 0; i < 3; ++i)
            batch[i]->sockets.send(get_bytes(i == closing ? "/close-all" : "/n/fine"));
        for (std::size_t i = 0; i < 3; ++i)
            EXPECT_EQ(test::status_of(response(*batch[i])), i < closing ? 200 : 0) << i;
        EXPECT_EQ(handled.size(), closing + 1) << "nothing is handled for those that are closed";
        EXPECT_EQ(one.server.open_connections, 0U);
        EXPECT_EQ(one.server.requests_in_flight, 0U);
        one.settle();
        EXPECT_EQ(one.requests_in_memory(), 0U);
    }
}

TEST_F(ConnectionTest, does_not_get_what_came_for_one_whose_descriptor_it_has) {
    // The batch has an event of a connection that is closed in it, and its number is given anew.
    Client& first = connect();
    Client& second = connect();
    one.settle();
    Client* next = nullptr;
    then_on_fast = [&](const Request&) {
        if (next != nullptr) return;
        connections.close_all();
        next = &connect();
    };
    first.sockets.send(get_bytes("/n/first"));
    second.sockets.send(get_bytes("/n/second"));
    one.settle();
    ASSERT_NE(next, nullptr);
    EXPECT_TRUE(next->server_socket == first.server_socket ||
                next->server_socket == second.server_socket);
    EXPECT_THAT(handled_paths(), testing::Not(testing::Contains("/n/second")));
    next->receive();
    EXPECT_EQ(next->received, "");
    EXPECT_FALSE(next->ended);
    next->sockets.send(get_bytes("/n/next"));
    EXPECT_EQ(test::body_of(response(*next)), R"({"path":"/n/next"})");
}

TEST_F(ConnectionTest, that_the_kernel_does_not_watch_is_its_callers_again) {
    Client& inside = connect();
    one.settle();
    const std::size_t before = test::open_descriptors();
    const int file = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);  // EPERM, as for ENOSPC
    ASSERT_GE(file, 0);
    EXPECT_THROW(connections.add(file, "192.0.2.1", {}), std::runtime_error);
    EXPECT_EQ(::close(file), 0) << "it has not closed it";
    EXPECT_EQ(test::open_descriptors(), before);
    inside.sockets.send(get_bytes(number(1)));
    EXPECT_EQ(test::body_of(response(inside)), R"({"path":"/n/1"})");
    connections.close_all();
    EXPECT_EQ(one.server.open_connections, 0U) << "it never was one";
}

TEST_F(ConnectionTest, leaves_a_request_counted_while_something_works_for_it) {
    constexpr std::size_t size = 100'000;
    Client& client = connect();
    client.sockets.send("GET /spawn HTTP/1.1\r\nHost: test\r\nContent-Length: " +
                        std::to_string(size) + "\r\n\r\n" + std::string(size, 'x'));
    ASSERT_TRUE(one.turn_until([&] { return one.requests_in_memory() == 1; }));
    one.settle();
    client.sockets.close();
    ASSERT_TRUE(one.turn_until([&] { return !one.observer.finished_requests.empty(); }));
    one.settle();
    EXPECT_EQ(one.server.open_connections, 0U);
    EXPECT_EQ(one.requests_in_memory(), 1U);
    EXPECT_GE(one.server.memory.requests(), size);
    released = true;
    ASSERT_TRUE(one.turn_until([&] { return one.requests_in_memory() == 0; }));
    EXPECT_EQ(one.server.memory.requests(), 0U);
}

TEST_F(ConnectionTest, counts_what_it_holds_of_requests_until_it_does_not) {
    const auto held = [&] { return one.server.memory.requests(); };
    Client& client = connect();
    const std::string message = post_bytes("/sized", 10'000);
    client.sockets.send(message.substr(0, 5000));
    one.settle();
    EXPECT_GT(held(), 4000U);
    client.sockets.send(message.substr(5000));
    EXPECT_EQ(test::status_of(response(client)), 200);
    one.settle();
    EXPECT_LT(held(), 100U) << "an empty string's";
    client.sockets.send(get_bytes("/wait") + get_bytes(number(1)));
    ASSERT_TRUE(one.turn_until([&] { return handled_paths().back() == "/wait"; }));
    EXPECT_GT(held(), 100U);
    client.sockets.close();
    ASSERT_TRUE(one.turn_until([&] { return one.requests_in_memory() == 0; }));
    one.settle();
    EXPECT_EQ(held(), 0U);
}

/// Lets two connections in, which hold next to nothing, and no third.
struct CrampedConnectionTest : ConnectionTest {
    static constexpr std::size_t part_of_a_head = 1000;

    CrampedConnectionTest() : ConnectionTest(30s, part_of_a_head * 5 / 2) {}
};

TEST_F(CrampedConnectionTest, makes_room_for_others_when_it_is_the_slowest_and_is_told) {
    const std::string part = "GET /" + std::string(part_of_a_head - 5, 'x');
    for (int times = 0; times < 3; ++times) {
        for (std::size_t i = 1; i <= 2; ++i) {
            connect().sockets.send(part);
            EXPECT_TRUE(
                one.turn_until([&] { return one.server.memory.requests() >= i * part.size(); }));
        }
        connect().sockets.send(part);
        const std::string told = response(clients.front());
        EXPECT_EQ(test::status_of(told), 503);
        EXPECT_EQ(test::header_of(told, "Connection"), "close");
        EXPECT_TRUE(test::header_of(told, "Retry-After"));
        EXPECT_EQ(one.observer.finished_requests.back(), (Finished{"", 503, "limit_buffered", ""}));
        clients.front().sockets.close();
        EXPECT_TRUE(one.turn_until([&] { return one.server.open_connections == 2; }));
        EXPECT_EQ(one.server.cut[Cut::limit_buffered], static_cast<std::uint64_t>(times) + 1);
        for (std::size_t i = 1; i <= 2; ++i) {
            clients[i].receive();
            EXPECT_FALSE(clients[i].ended) << i;
            clients[i].sockets.close();
        }
        EXPECT_TRUE(one.turn_until([&] { return one.server.open_connections == 0; }));
        one.settle();
        EXPECT_EQ(one.server.memory.requests(), 0U);
        clients.clear();
    }
}

/// A server's requests, told by its workers' threads.
class Noted {
  public:
    struct Line {
        std::string path;
        int status;
        std::string error_type;
    };

    MakeRequestObserver make_observer() {
        return [this](async::EventLoop&) { return std::make_unique<OfLoop>(*this); };
    }
    std::vector<Line> lines() const {
        const std::lock_guard lock(mutex_);
        return lines_;
    }
    std::vector<std::string> errors_of(std::string_view path) const {
        std::vector<std::string> errors;
        for (const Line& line : lines()) {
            if (line.path == path) errors.push_back(line.error_type);
        }
        return errors;
    }

  private:
    struct OfLoop final : RequestObserver {
        explicit OfLoop(Noted& noted) : noted(noted) {}
        void finished(const FinishedRequest& request) override {
            const std::lock_guard lock(noted.mutex_);
            noted.lines_.push_back({request.request == nullptr ? "" : request.request->path,
                                    request.status, std::string(request.in_flight.error_type)});
        }
        Noted& noted;
    };

    mutable std::mutex mutex_;
    std::vector<Line> lines_;
};

struct Serving : testing::TestWithParam<std::size_t> {
    Noted noted;
    std::atomic<std::size_t> handled{0};
    std::atomic<std::size_t> waiting{0};
    std::atomic<bool> released{false};
    std::atomic<std::size_t> worked{0};

    ServerOptions options(std::chrono::milliseconds timeout_write = 30s) const {
        return {.workers = GetParam(), .timeout_write = timeout_write};
    }
    std::vector<Route> routes() {
        return {{"GET", "/n/{number}", [this](Request& request) { return fast(request); }},
                {"GET", "/wait", [this](Request& request) { return wait(request); }},
                {"GET", "/spawn", [this](Request& request) { return spawn(request); }}};
    }

    async::Task<Response> fast(Request& request) {
        const auto nth = static_cast<std::int64_t>(handled.fetch_add(1));
        co_return json({{"number", request.path_parameter("number").value()}, {"nth", nth}});
    }
    async::Task<Response> wait(Request&) {
        ++waiting;
        co_await async::sleep_for(1h);
        co_return Response{};
    }
    async::Task<> work(const Request& request) {
        while (!released)
            co_await async::sleep_for(1ms);
        if (request.query == "for=it") ++worked;
    }
    async::Task<Response> spawn(Request& request) {
        asio::co_spawn(co_await asio::this_coro::executor, work(request), asio::detached);
        ++waiting;
        co_await async::sleep_for(1h);
        co_return Response{};
    }
};
INSTANTIATE_TEST_SUITE_P(one_and_two_workers, Serving, testing::Values(1, 2));

std::string number_in(std::string_view answer) {
    const auto body = test::body_of(answer);
    const std::size_t begin = body.find("\"number\":\"") + 10;
    return std::string(body.substr(begin, body.find('"', begin) - begin));
}

std::size_t nth_in(std::string_view answer) {
    const auto body = test::body_of(answer);
    return std::stoul(std::string(body.substr(body.find("\"nth\":") + 6)));
}

TEST_P(Serving, answers_20000_pipelined_requests_in_order_and_in_bounded_memory) {
    constexpr std::size_t count = 20'000;
    Server server(options(), routes());
    server.listen();
    RawClient client(server.port());
    std::thread sender([&] {
        std::string pipeline;
        for (std::size_t i = 0; i < count; ++i)
            pipeline += get_bytes(number(i));
        client.send(pipeline);
    });
    std::size_t most = 0;
    std::size_t in_order = 0;
    while (in_order < count && number_in(client.read_response()) == std::to_string(in_order)) {
        most = std::max(most, server.buffered().requests + server.buffered().responses);
        ++in_order;
    }
    EXPECT_EQ(in_order, count);
    sender.join();
    EXPECT_LT(most, 100'000U);
    EXPECT_TRUE(eventually([&] { return server.connections().active == 0; }));
    EXPECT_EQ(handled, count);
}

TEST_P(Serving, ends_a_client_that_pipelines_and_never_reads_by_the_write_timeout) {
    Server server(options(200ms), routes(), noted.make_observer());
    server.listen();
    RawClient client(server.port(), 4096);
    std::string pipeline;
    for (std::size_t i = 0; i < 200'000; ++i)
        pipeline += get_bytes(number(1));
    EXPECT_TRUE(client.is_cut_while_sending(pipeline));
    EXPECT_TRUE(eventually([&] {
        const auto open = server.connections();
        return open.active + open.idle == 0 && server.buffered().requests == 0;
    }));
    const auto lines = noted.lines();
    ASSERT_FALSE(lines.empty());
    for (std::size_t i = 0; i + 1 < lines.size(); ++i)
        ASSERT_EQ(lines[i].status, 200);
    EXPECT_EQ(lines.back().error_type, "write_timeout");
    EXPECT_LT(lines.size(), 200'000U);
    EXPECT_EQ(server.buffered().responses, 0U);
}

TEST_P(Serving, lets_nobody_wait_for_those_who_pipeline) {
    constexpr std::size_t count = 10'000;
    Server server(options(), routes());
    server.listen();
    std::deque<RawClient> greedy;  // one on each loop
    for (std::size_t i = 0; i < GetParam(); ++i)
        greedy.emplace_back(server.port());
    RawClient other(server.port());
    other.send(get_bytes("/n/before"));
    EXPECT_EQ(number_in(other.read_response()), "before");
    std::string pipeline;
    for (std::size_t i = 0; i < count; ++i)
        pipeline += get_bytes(number(i));
    std::deque<std::thread> senders;
    for (RawClient& client : greedy)
        senders.emplace_back([&] { client.send(pipeline); });
    for (RawClient& client : greedy)
        EXPECT_EQ(number_in(client.read_response()), "0");
    other.send(get_bytes("/n/other"));  // by now all the loops are busy
    const std::size_t nth = nth_in(other.read_response());
    std::size_t last = 0;
    for (RawClient& client : greedy) {
        for (std::size_t i = 1; i < count; ++i) {
            const std::string answer = client.read_response();
            ASSERT_EQ(number_in(answer), std::to_string(i));
            last = nth_in(answer);
        }
        EXPECT_LT(nth, last);
    }
    for (std::thread& sender : senders)
        sender.join();
}

TEST_P(Serving, notices_who_leaves_while_a_handler_waits_and_more_is_unread) {
    Server server(options(), routes(), noted.make_observer());
    server.listen();
    for (std::size_t round = 1; round <= 2 * GetParam(); ++round) {
        for (const bool resets : {false, true}) {
            const std::size_t before = waiting;
            RawClient client(server.port());
            client.send(get_bytes("/wait"));
            ASSERT_TRUE(eventually([&] { return waiting == before + 1; }));
            for (int i = 0; i < 100; ++i)
                client.send(get_bytes(number(1)));
            if (resets) {
                client.reset_on_close();
                const RawClient gone(std::move(client));
            } else {
                client.close_sending_side();
            }
            EXPECT_TRUE(eventually([&] { return noted.lines().size() == before + 1; }));
        }
    }
    EXPECT_EQ(noted.errors_of("/wait"), std::vector<std::string>(4 * GetParam(), "client_gone"));
    EXPECT_EQ(handled, 0U);
}

TEST_P(Serving, keeps_a_request_for_what_its_handler_has_spawned) {
    constexpr std::size_t count = 50;
    Server server(options(), routes(), noted.make_observer());
    server.listen();
    {
        std::deque<RawClient> clients;
        for (std::size_t i = 0; i < count; ++i)
            clients.emplace_back(server.port()).send(get_bytes("/spawn?for=it"));
        ASSERT_TRUE(eventually([&] { return waiting == count; }));
    }
    ASSERT_TRUE(eventually([&] { return noted.lines().size() == count; }));
    EXPECT_TRUE(eventually([&] { return server.connections().idle == 0; }));
    EXPECT_EQ(worked, 0U);
    released = true;
    EXPECT_TRUE(eventually([&] { return worked == count; }));
}

TEST_P(Serving, ends_with_requests_and_what_they_have_spawned_still_there) {
    Server server(options(), routes(), noted.make_observer());
    server.listen();
    std::deque<RawClient> clients;
    for (std::size_t i = 0; i < 10; ++i)
        clients.emplace_back(server.port()).send(get_bytes(i % 2 == 0 ? "/spawn" : "/wait"));
    ASSERT_TRUE(eventually([&] { return waiting == 10; }));
}

/// Bytes. A sanitizer keeps what was freed, but knows what was not; else it is what is resident.
std::size_t memory_in_use() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return __sanitizer_get_current_allocated_bytes();
#else
    std::ifstream statm("/proc/self/statm");
    std::size_t size = 0, resident = 0;
    statm >> size >> resident;
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
#endif
}

TEST_P(Serving, leaves_nothing_behind_of_a_hundred_servers) {
    const auto serve = [&] {
        Server server(options(), routes());
        server.listen();
        RawClient client(server.port());
        client.send(get_bytes(number(7)));
        EXPECT_EQ(number_in(client.read_response()), "7");
        RawClient in_flight(server.port());
        const std::size_t before = waiting;
        in_flight.send(get_bytes("/spawn"));
        EXPECT_TRUE(eventually([&] { return waiting == before + 1; }));
    };
    serve();
    const std::size_t descriptors = test::open_descriptors();
    for (int i = 0; i < 10; ++i)
        serve();
    const std::size_t memory = memory_in_use();
    for (int i = 0; i < 100; ++i)
        serve();
    EXPECT_EQ(test::open_descriptors(), descriptors);
    // Of a hundred: less than 10 KB each, or what can be told of it without a sanitizer.
    const std::size_t bound = test::sanitized ? 1'000'000 : 16'000'000;
    EXPECT_LT(memory_in_use(), memory + bound);
}

}  // namespace
}  // namespace signalbox::http
