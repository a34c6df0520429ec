// How the service treats connections: what well-behaved and other clients do with the socket.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <string>
#include <system_error>

#include "signalbox/testing/postgres.hpp"
#include "support/eventually.hpp"
#include "support/held_requests.hpp"
#include "support/http_client.hpp"
#include "support/large_users.hpp"
#include "support/log_lines.hpp"
#include "support/prometheus.hpp"
#include "support/raw_message.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::StartsWith;

struct Connections : testing::TestWithParam<int> {
    const std::string database = database_with_users(20);
    /// With one database connection, which is there when the service is ready: no descriptor is
    /// opened later but for clients.
    Service service{database, HeldRequests::arguments({"--workers", std::to_string(GetParam()),
                                                       "--database-pool-size", "1"})};
};
INSTANTIATE_TEST_SUITE_P(one_and_two_workers, Connections, testing::Values(1, 2));

TEST_P(Connections, stay_open_between_requests) {
    RawClient client(service.port());
    for (int i = 0; i < 10; ++i) {
        client.send(get_bytes("/fast-task"));
        EXPECT_THAT(client.read_response(), StartsWith("HTTP/1.1 200 OK\r\n"));
    }
}

TEST_P(Connections, close_when_the_client_asks_for_it) {
    RawClient client(service.port());
    client.send(get_bytes("/fast-task", "Connection: close\r\n"));
    const std::string answer = client.read_to_end();
    EXPECT_EQ(header_of(answer, "Connection"), "close");
    EXPECT_EQ(body_of(answer), R"({"message":"This was quick!"})");
}

TEST_P(Connections, of_http_1_0_close_unless_asked_to_stay) {
    RawClient closing(service.port());
    closing.send("GET /fast-task HTTP/1.0\r\n\r\n");
    EXPECT_THAT(closing.read_to_end(), HasSubstr("This was quick!"));

    RawClient staying(service.port());
    for (int i = 0; i < 2; ++i) {
        staying.send("GET /fast-task HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        EXPECT_EQ(header_of(staying.read_response(), "Connection"), "keep-alive");
    }
}

TEST_P(Connections, answer_pipelined_requests_in_order) {
    RawClient client(service.port());
    std::string all;
    for (int i = 0; i < 100; ++i) {
        // Those that wait for the database must not be overtaken by those that wait for nothing.
        all += get_bytes(i % 2 == 0 ? "/users" : "/fast-task",
                         "X-Request-ID: number-" + std::to_string(i) + "\r\n");
    }
    client.send(all);
    for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(header_of(client.read_response(), "X-Request-ID"), "number-" + std::to_string(i));
    }
}

TEST_P(Connections, take_requests_byte_by_byte) {
    RawClient client(service.port());
    for (const char c : get_bytes("/fast-task"))
        client.send({&c, 1});
    EXPECT_THAT(client.read_response(), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_P(Connections, take_requests_with_bodies) {
    RawClient client(service.port());
    client.send("POST /users HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" +
                std::string("POST /users HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                            "5\r\nhello\r\n0\r\n\r\n") +
                get_bytes("/fast-task"));
    EXPECT_THAT(client.read_response(), StartsWith("HTTP/1.1 405 "));
    EXPECT_THAT(client.read_response(), StartsWith("HTTP/1.1 405 "));
    EXPECT_THAT(client.read_response(), StartsWith("HTTP/1.1 200 "));
}

TEST_P(Connections, are_told_to_continue_with_the_body) {
    RawClient client(service.port());
    client.send(
        "POST /users HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
        "Expect: 100-continue\r\n\r\n");
    EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("hello");
    EXPECT_THAT(client.read_response(), StartsWith("HTTP/1.1 405 "));
}

TEST_P(Connections, still_answer_a_client_that_only_listens) {
    RawClient client(service.port());
    client.send(get_bytes("/fast-task"));
    client.close_sending_side();
    EXPECT_THAT(client.read_to_end(), HasSubstr("This was quick!"));
}

TEST_P(Connections, end_with_an_error_when_the_request_is_malformed) {
    const std::pair<std::string, int> cases[] = {
        {"GET / HTTP/1.1\r\n\r\n", 400},  // no Host
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
        {"GET / HTTP/1.1\nHost: a\n\n", 400},
        {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 2\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n", 413},
        {"GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(33000, 'x') + "\r\n\r\n", 431},
        {"GET /" + std::string(33000, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
    };
    for (const auto& [bytes, status] : cases) {
        RawClient client(service.port());
        client.send(bytes);
        const std::string answer = client.read_to_end();
        EXPECT_EQ(status_of(answer), status) << bytes;
        EXPECT_EQ(header_of(answer, "Connection"), "close");
        EXPECT_THAT(std::string(body_of(answer)), StartsWith("{\"detail\":"));
    }
    EXPECT_EQ(get(service.url("/fast-task")).status, 200);
}

TEST_P(Connections, tell_a_client_that_sends_all_before_it_reads_that_it_is_too_much) {
    const std::string body(16 << 20, 'x');
    for (const std::string& framing :
         {"Content-Length: " + std::to_string(body.size()) + "\r\n\r\n",
          std::string("Transfer-Encoding: chunked\r\n\r\n1000000\r\n")}) {
        RawClient client(service.port());
        client.send("POST /users HTTP/1.1\r\nHost: test\r\n" + framing + body);
        const std::string answer = client.read_to_end();
        EXPECT_THAT(answer, StartsWith("HTTP/1.1 413 "));
        EXPECT_THAT(body_of(answer), HasSubstr("larger than this endpoint takes"));
    }
}

TEST_P(Connections, tell_a_client_that_sends_slowly_that_it_is_too_much) {
    RawClient client(service.port());
    client.send("POST /users HTTP/1.1\r\nHost: test\r\nContent-Length: 2000000\r\n\r\n");
    for (int i = 0; i < 20; ++i) {
        client.send(std::string(100'000, 'x'));
        std::this_thread::sleep_for(200ms);  // as its network would have it
    }
    EXPECT_THAT(client.read_to_end(), StartsWith("HTTP/1.1 413 "));
}

TEST_P(Connections, whose_client_goes_away_cancel_what_it_waited_for) {
    HeldRequests held(service, database, 1, "X-Request-ID: impatient\r\n");
    held.clients().clear();
    // It would not be over by itself: the lock is still there.
    const LogLine line = wait_for_line(service, "request_id", "impatient");
    EXPECT_EQ(line.number("http.response.status_code"), 499);
}

TEST_P(Connections, that_come_and_go_leave_nothing_behind) {
    ASSERT_EQ(get(service.url("/users")).status, 200);
    const std::size_t before = service.open_files();
    // Some go before they are known, some before their request, some before their answer.
    for (int i = 0; i < 2000; ++i) {
        RawClient client(service.port());
        if (i % 4 > 0) client.send(get_bytes(i % 4 == 1 ? "/fast-task" : "/slow-task"));
        if (i % 4 == 3) client.reset_on_close();
    }
    EXPECT_TRUE(eventually([&] { return service.open_files() <= before; }))
        << service.open_files() << ", and before there were " << before;
    service.signal(SIGTERM);
    const auto exit = service.wait_for_exit();
    ASSERT_TRUE(exit);
    EXPECT_EQ(exit->status, 0) << "the drain waited for connections that are long gone";
}

TEST(SlowReaders, cost_no_processor_time_and_slow_nobody) {
    // Some 20 MB, far more than the buffers of both sockets hold.
    const std::string database = database_with_users(200'000);
    const Service service(database);
    RawClient slow(service.port(), 4096);
    slow.send(get_bytes("/users"));
    slow.read_until("\r\n\r\n");
    // The rest waits in the service now: nobody reads it.
    ASSERT_TRUE(eventually([&] {
        const auto before = service.cpu_time();
        std::this_thread::sleep_for(200ms);
        return service.cpu_time() == before;
    }));
    const auto before = service.cpu_time();
    for (int i = 0; i < 200; ++i)
        ASSERT_EQ(get(service.url("/fast-task")).status, 200);
    std::this_thread::sleep_for(2s);  // the stretch of time that is measured, not waited for
    EXPECT_LT(service.cpu_time() - before, 700ms) << "waiting for the slow reader spins";

    slow.send(get_bytes("/fast-task", "Connection: close\r\n"));
    EXPECT_THAT(slow.read_to_end(), HasSubstr("This was quick!")) << "it still gets it all";
}

TEST(SlowReaders, are_cut_when_too_much_waits_for_all_of_them_together) {
    const std::string database = database_with_large_users();
    const Service service(database, {"--limit-buffered", "40MiB"});
    const std::size_t size = get(service.url("/users")).body.size();
    const std::size_t fit = (std::size_t{40} << 20U) / size;
    std::deque<RawClient> readers;
    for (std::size_t i = 0; i < fit + 10; ++i) {
        readers.emplace_back(service.port(), 4096);
        readers.back().send(get_bytes("/users", "Connection: close\r\n"));
        readers.back().read_until("\r\n\r\n");  // it is being answered
    }
    const auto open = [&] {
        return static_cast<std::size_t>(
            service.metric("signalbox_connections", {{"state", "active"}}));
    };
    EXPECT_TRUE(eventually([&] { return open() <= fit + 1; })) << open() << " of " << fit + 10;
    EXPECT_GE(open(), fit - 5) << "no more than needed are cut";
    wait_for_line(service, "error.type", "limit_buffered");
    try {
        EXPECT_LT(readers.front().read_to_end().size(), size) << "the slowest was cut";
    } catch (const std::system_error&) {  // by a reset, so that the kernel keeps nothing of it
    }
    EXPECT_GE(readers.back().read_to_end().size(), size) << "the last is served to its end";
    EXPECT_EQ(get(service.url("/fast-task")).status, 200);
}

TEST(Timeouts, answer_a_slow_head_with_408_and_close_idle_connections) {
    const std::string database = database_with_users(0);
    const Service service(database, {"--timeout-request-head", "300ms", "--timeout-request-body",
                                     "300ms", "--timeout-keep-alive", "300ms"});
    // All have sent it when the service looks: a busy machine may let them wait in between.
    service.signal(SIGSTOP);
    RawClient slow_head(service.port());
    slow_head.send("GET /fast-task HTTP/1.1\r\nHo");
    RawClient slow_body(service.port());
    slow_body.send("POST /users HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe");
    RawClient idle(service.port());
    idle.send(get_bytes("/fast-task"));
    service.signal(SIGCONT);
    EXPECT_THAT(slow_head.read_to_end(), StartsWith("HTTP/1.1 408 Request Timeout\r\n"));
    EXPECT_THAT(slow_body.read_to_end(), StartsWith("HTTP/1.1 408 Request Timeout\r\n"));
    EXPECT_EQ(status_of(idle.read_response()), 200);
    EXPECT_EQ(idle.read_to_end(), "");
}

TEST(Timeouts, end_a_request_with_504_when_its_time_has_passed) {
    const std::string database = database_with_users(0);
    const Service service(database,
                          {"--timeout-request", "500ms", "--database-query-timeout", "400ms"});
    const auto response = get(service.url("/slow-task"));
    EXPECT_EQ(response.status, 504);
    EXPECT_EQ(response.body, R"({"detail":"Gateway Timeout"})");
}

TEST(Limits, turn_away_connections_and_requests_beyond_them) {
    const std::string database = database_with_users(0);
    const Service service(database, HeldRequests::arguments(
                                        {"--limit-connections", "3", "--limit-concurrency", "2"}));
    HeldRequests held(service, database, 2);
    RawClient third(service.port());
    third.send(get_bytes("/fast-task"));
    const std::string shed = third.read_response();
    EXPECT_THAT(shed, StartsWith("HTTP/1.1 503 "));
    EXPECT_TRUE(header_of(shed, "Retry-After"));
    EXPECT_EQ(body_of(shed), R"({"detail":"Service Unavailable"})");

    const std::string next = get_bytes("/fast-task");
    third.send(next.substr(0, 10));  // idle it might have to give way
    RawClient fourth(service.port());
    const std::string turned_away = fourth.read_to_end();
    EXPECT_THAT(turned_away, StartsWith("HTTP/1.1 503 "));
    EXPECT_TRUE(header_of(turned_away, "Retry-After"));

    held.release();
    for (RawClient& client : held.clients())
        EXPECT_THAT(client.read_response(), StartsWith("HTTP/1.1 200 "));
    third.send(next.substr(10));
    third.read_response();
    EXPECT_TRUE(eventually([&] {
        third.send(next);
        return status_of(third.read_response()) == 200;
    })) << "the connection of a request that was shed serves the next";
}

TEST(Limits, end_those_who_hold_requests_and_do_not_go_on_and_no_honest_upload) {
    const std::string database = database_with_users(0);
    const Service service(database, {"--limit-buffered", "16MiB"});
    const std::string part =
        "POST /fast-task HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        "Content-Length: 900001\r\n\r\n" +
        std::string(900'000, 'x');
    std::deque<RawClient> hoarders;
    const auto held = [&] {
        return service.metric("signalbox_buffered_bytes", {{"what", "requests"}});
    };
    for (int i = 1; i <= 7; ++i) {
        hoarders.emplace_back(service.port()).send(part);
        ASSERT_TRUE(eventually([&] { return held() > i * 880'000; })) << held();
    }
    std::this_thread::sleep_for(3s);  // in which they do nothing: it is their rate that counts
    EXPECT_TRUE(eventually([&] {
        return service.metric("signalbox_buffered_bytes", {{"what", "requests_in_kernel"}}) == 0;
    })) << "nothing is set aside for who sends no more";
    for (int i = 0; i < 10; ++i) {
        RawClient honest(service.port());
        honest.send(part + "x");
        EXPECT_THAT(honest.read_to_end(), StartsWith("HTTP/1.1 405 ")) << i;
        RawClient another_hoarder(service.port());
        another_hoarder.send(part);
        hoarders.push_back(std::move(another_hoarder));
    }
    const std::string told = hoarders.front().read_to_end();
    EXPECT_THAT(told, StartsWith("HTTP/1.1 503 "));
    EXPECT_TRUE(header_of(told, "Retry-After"));
    wait_for_line(service, "error.type", "limit_buffered");
    EXPECT_GT(service.metric("signalbox_connections_cut_total", {{"reason", "limit_buffered"}}), 0);
    EXPECT_LE(held(), 16 << 20);
}

TEST(SlowReaders, that_take_nothing_are_cut_also_when_the_kernel_has_all_of_their_response) {
    const std::string database = database_with_users(1000);
    const Service service(database, {"--timeout-write", "1s"});
    std::deque<RawClient> readers;
    for (int i = 0; i < 5; ++i)
        readers.emplace_back(service.port(), 4096).send(get_bytes("/users"));
    EXPECT_TRUE(eventually([&] {
        return service.metric("signalbox_buffered_bytes", {{"what", "responses_in_kernel"}}) >
               100'000;
    })) << "it is seen";
    EXPECT_TRUE(eventually([&] {
        return service.metric("signalbox_connections_cut_total", {{"reason", "write_timeout"}}) ==
               5;
    }));
    EXPECT_TRUE(eventually([&] {
        return service.metric("signalbox_buffered_bytes", {{"what", "responses_in_kernel"}}) == 0;
    }));
}

TEST(ForwardedFor, is_believed_from_trusted_peers_only) {
    const std::string database = database_with_users(0);
    const auto logged_address = [&](const char* trusted) {
        const Service service(database, {"--forwarded-allow-ips", trusted});
        send({.url = service.url("/fast-task"),
              .headers = {"X-Forwarded-For: 192.0.2.1, 198.51.100.7"}});
        return wait_for_line(service, "http.route", "/fast-task").text("client.address");
    };
    EXPECT_EQ(logged_address("127.0.0.1"), "198.51.100.7");
    EXPECT_EQ(logged_address("10.0.0.1"), "127.0.0.1");
}

}  // namespace
}  // namespace signalbox::test
