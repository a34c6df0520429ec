// Clients that take their time over a request, or for ever. slowhttptest_test.cpp does the same
// with a tool made for it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <string>
#include <system_error>
#include <thread>

#include "signalbox/process/file_limit.hpp"
#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/log_lines.hpp"
#include "support/prometheus.hpp"
#include "support/raw_message.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// Sends a little every now and then for as long as it lives, or the connection takes it.
class Drip {
  public:
    Drip(RawClient& client, std::string what)
        : thread_([this, &client, what = std::move(what)] {
              try {
                  for (std::size_t i = 0; !over_; i = (i + 1) % what.size()) {
                      client.send({&what[i], 1});
                      std::this_thread::sleep_for(20ms);
                  }
              } catch (const std::system_error&) {
                  // It was closed.
              }
          }) {}
    ~Drip() {
        over_ = true;
        thread_.join();
    }

  private:
    std::atomic<bool> over_ = false;
    std::thread thread_;
};

struct SlowClients : testing::Test {
    const std::string database = database_with_users(0);

    static void expect_timeout(const std::string& answer) {
        EXPECT_EQ(answer.substr(0, answer.find("\r\n")), "HTTP/1.1 408 Request Timeout");
        EXPECT_EQ(header_of(answer, "Connection"), "close");
        EXPECT_EQ(header_of(answer, "Content-Type"), "application/json");
        EXPECT_EQ(body_of(answer), R"({"detail":"The request did not arrive in time"})")
            << "and then it closes";
    }
};

TEST_F(SlowClients, have_a_time_for_all_of_a_head_however_steadily_it_comes) {
    const Service service(database, {"--timeout-request-head", "500ms"});
    RawClient client(service.port());
    const auto began = Clock::now();
    client.send("GET /fast-task HTTP/1.1\r\nHost: a\r\n");
    const Drip drip(client, "X-Name: value\r\n");
    expect_timeout(client.read_to_end());
    EXPECT_GE(Clock::now() - began, 500ms);
}

TEST_F(SlowClients, have_that_time_from_the_first_byte_of_each_request) {
    const Service service(database, {"--timeout-request-head", "500ms"});
    RawClient client(service.port());
    for (int i = 0; i < 3; ++i) {
        std::this_thread::sleep_for(200ms);  // more than it has in all, without having begun
        client.send(get_bytes("/fast-task"));
        EXPECT_EQ(status_of(client.read_response()), 200);
    }
    const auto began = Clock::now();
    client.send(get_bytes("/fast-task") + "G");  // one behind another in the same packet
    EXPECT_EQ(status_of(client.read_response()), 200);
    expect_timeout(client.read_to_end());
    EXPECT_GE(Clock::now() - began, 500ms);
}

TEST_F(SlowClients, have_a_time_for_all_of_a_body_however_steadily_it_comes) {
    const Service service(database, {"--timeout-request-body", "500ms"});
    for (const char* head :
         {"Content-Length: 100000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\nfffff\r\n",
          "Transfer-Encoding: chunked\r\n\r\n0\r\nX-"}) {
        RawClient client(service.port());
        const auto began = Clock::now();
        client.send("POST /users HTTP/1.1\r\nHost: a\r\n" + std::string(head));
        const Drip drip(client, "x");
        expect_timeout(client.read_to_end());
        EXPECT_GE(Clock::now() - began, 500ms);
    }
}

TEST_F(SlowClients, of_a_HEAD_request_get_no_content_either) {
    const Service service(database,
                          {"--timeout-request-head", "300ms", "--timeout-request-body", "300ms"});
    for (const char* part :
         {"HEAD /fast-task HTTP/1.1\r\nHost: a",
          "HEAD /fast-task HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n12"}) {
        RawClient client(service.port());
        client.send(part);
        const std::string answer = client.read_to_end();
        EXPECT_EQ(status_of(answer), 408);
        EXPECT_GT(std::stoi(header_of(answer, "Content-Length").value_or("0")), 0);
        EXPECT_EQ(body_of(answer), "");
    }
}

TEST_F(SlowClients, that_ask_for_nothing_are_closed_without_a_word) {
    const Service service(database,
                          {"--timeout-keep-alive", "500ms", "--timeout-request-head", "500ms"});
    const auto began = Clock::now();
    // They have sent it when the service looks: a busy machine may let them wait in between.
    service.signal(SIGSTOP);
    RawClient silent(service.port());
    RawClient served(service.port());
    served.send(get_bytes("/fast-task"));
    RawClient stray(service.port());
    stray.send("\r\n\r\n\r");  // which some send behind a request, and is none
    service.signal(SIGCONT);
    EXPECT_EQ(status_of(served.read_response()), 200);
    EXPECT_EQ(silent.read_to_end(), "");
    EXPECT_EQ(served.read_to_end(), "");
    EXPECT_EQ(stray.read_to_end(), "");
    EXPECT_GE(Clock::now() - began, 500ms);
}

TEST_F(SlowClients, are_not_closed_while_they_wait_for_an_answer) {
    const Service service(database, {"--timeout-keep-alive", "300ms", "--timeout-request-head",
                                     "300ms", "--timeout-request-body", "300ms"});
    service.signal(SIGSTOP);
    RawClient client(service.port());
    client.send(get_bytes("/multiple-tasks"));  // three seconds
    service.signal(SIGCONT);
    EXPECT_EQ(status_of(client.read_response()), 200);
}

TEST_F(SlowClients, that_take_nothing_are_not_sent_one_answer_after_the_other) {
    const std::string users = database_with_users(1000);
    const Service service(users, {"--timeout-write", "60s"});
    const std::size_t size = get(service.url("/users")).body.size();
    ASSERT_GT(size, 80'000U);
    RawClient client(service.port(), 4096);
    std::string requests;
    for (int i = 0; i < 100; ++i)
        requests += get_bytes("/users", "X-Request-ID: not-taken\r\n");
    client.send(requests);
    // The next begins when the one before is in the kernel's hands, which take no more than a few.
    ASSERT_TRUE(eventually([&] {
        const std::string listed = get(service.admin_url("/debug/requests")).body;
        return listed.find("\"waiting_for\":\"client\"") != std::string::npos;
    }));
    EXPECT_LT(log_lines_with(service.output(), "request_id", "not-taken").size() * size, 512'000U);
    for (int i = 0; i < 100; ++i)
        EXPECT_EQ(status_of(client.read_response()), 200) << "when it reads, it gets all of them";
}

/// So many at once, while another client asks and asks.
struct ManySlowClients : SlowClients {
    static constexpr std::size_t count = 1000;

    void SetUp() override { ASSERT_GT(process::raise_file_limit(), 2 * count); }

    static double open_connections(const Service& service) {
        return service.metric("signalbox_connections");
    }

    static std::deque<RawClient> clients_that_send(const Service& service, const std::string& bytes,
                                                   int receive_buffer = 0) {
        std::deque<RawClient> clients;
        for (std::size_t i = 0; i < count; ++i)
            clients.emplace_back(service.port(), receive_buffer).send(bytes);
        // They are accepted in this order: whoever comes next is served when all of them are there.
        return clients;
    }

    static void expect_others_served(const Service& service, const std::string& path) {
        for (int i = 0; i < 100; ++i)
            ASSERT_EQ(get(service.url(path)).status, 200);
    }
};

TEST_F(ManySlowClients, with_a_head_leave_others_served_and_are_all_closed) {
    const Service service(database, {"--timeout-request-head", "8s"});
    auto clients = clients_that_send(service, "GET /fast-task HTTP/1.1\r\nX-");
    expect_others_served(service, "/fast-task");
    for (RawClient& client : clients)
        expect_timeout(client.read_to_end());
    EXPECT_TRUE(eventually([&] { return open_connections(service) == 0; }));
}

TEST_F(ManySlowClients, with_a_body_leave_others_served_and_are_all_closed) {
    const Service service(database, {"--timeout-request-body", "8s"});
    auto clients = clients_that_send(
        service, "POST /users HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n\r\nx");
    expect_others_served(service, "/fast-task");
    for (RawClient& client : clients)
        expect_timeout(client.read_to_end());
    EXPECT_TRUE(eventually([&] { return open_connections(service) == 0; }));
}

TEST_F(ManySlowClients, with_an_answer_leave_others_served_and_are_all_cut) {
    // Some 100 KB, which these sockets do not take at once; the reads are shared, so is the JSON.
    const std::string users = database_with_users(1000);
    const Service service(users, {"--timeout-write", "8s"});
    std::string several;
    for (int i = 0; i < 40; ++i)
        several += get_bytes("/users");
    auto clients = clients_that_send(service, several, 4096);
    expect_others_served(service, "/fast-task");
    expect_others_served(service, "/users");
    EXPECT_TRUE(eventually([&] { return open_connections(service) == 0; }, 40s))
        << "who takes nothing is cut";
}

}  // namespace
}  // namespace signalbox::test
