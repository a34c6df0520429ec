// Starting and stopping the process: exit statuses, what is drained, what is left.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "signalbox/testing/held_port.hpp"
#include "signalbox/testing/postgres.hpp"
#include "support/eventually.hpp"
#include "support/held_requests.hpp"
#include "support/http_client.hpp"
#include "support/log_lines.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

struct Lifecycle : testing::Test {
    const std::string database = database_with_users(20);

    /// What the last line of its log says.
    static void expect_drained(const Exit& exit, int drained, int cancelled) {
        const auto lines = log_lines_with(exit.output, "body", "stopped");
        ASSERT_EQ(lines.size(), 1U) << exit.output;
        EXPECT_EQ(lines[0].number("drained"), drained);
        EXPECT_EQ(lines[0].number("cancelled"), cancelled);
    }
};

TEST_F(Lifecycle, a_signal_lets_requests_in_flight_finish) {
    for (const int signal : {SIGTERM, SIGINT}) {
        Service service(database, HeldRequests::arguments());
        HeldRequests held(service, database, 1);
        service.signal(signal);
        ASSERT_TRUE(
            eventually([&] { return !service.listening_ports().contains(service.port()); }));
        held.release();
        EXPECT_THAT(held.clients().front().read_to_end(), StartsWith("HTTP/1.1 200 "));
        const auto exit = service.wait_for_exit();
        ASSERT_TRUE(exit);
        EXPECT_EQ(exit->status, 0);
        expect_drained(*exit, 1, 0);
    }
}

TEST_F(Lifecycle, what_does_not_finish_in_time_is_cancelled) {
    Service service(database, HeldRequests::arguments({"--timeout-graceful-shutdown", "200ms"}));
    HeldRequests held(service, database, 1);
    service.signal(SIGTERM);
    EXPECT_THAT(held.clients().front().read_to_end(), StartsWith("HTTP/1.1 503 "));
    const auto exit = service.wait_for_exit();
    ASSERT_TRUE(exit);
    EXPECT_EQ(exit->status, 1);
    expect_drained(*exit, 0, 1);
}

TEST_F(Lifecycle, a_second_signal_ends_it_at_once) {
    Service service(database, HeldRequests::arguments({"--timeout-graceful-shutdown", "5m"}));
    HeldRequests held(service, database, 1);
    service.signal(SIGINT);
    ASSERT_TRUE(eventually([&] { return get(service.admin_url("/readyz")).status == 503; }));
    service.signal(SIGINT);
    const auto exit = service.wait_for_exit();
    ASSERT_TRUE(exit);
    EXPECT_EQ(exit->status, 130);
    EXPECT_EQ(held.clients().front().read_to_end(), "") << "nobody is there to answer";
}

TEST_F(Lifecycle, what_was_sent_before_the_signal_is_answered) {
    Service service(database);
    service.signal(SIGSTOP);  // so that it finds all of it at once, accepted by the kernel only
    std::vector<RawClient> clients;
    for (int i = 0; i < 100; ++i) {
        clients.emplace_back(service.port());
        clients.back().send("GET /fast-task HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    service.signal(SIGTERM);
    service.signal(SIGCONT);
    for (auto& client : clients)
        EXPECT_THAT(client.read_to_end(), HasSubstr("This was quick!"));
    const auto exit = service.wait_for_exit();
    ASSERT_TRUE(exit);
    EXPECT_EQ(exit->status, 0);
}

TEST_F(Lifecycle, idle_connections_do_not_hold_up_the_end) {
    Service service(database);
    RawClient idle(service.port());
    idle.send("GET /fast-task HTTP/1.1\r\nHost: a\r\n\r\n");
    idle.read_response();
    service.signal(SIGTERM);
    EXPECT_EQ(idle.read_to_end(), "");
    const auto exit = service.wait_for_exit();
    ASSERT_TRUE(exit);
    EXPECT_EQ(exit->status, 0);
}

TEST_F(Lifecycle, a_port_that_is_taken_is_said_in_one_line) {
    const Service first(database);
    const std::string port = std::to_string(first.port());
    const Exit exit = run_signalbox({"--port", port, "--admin-port", "0", "--log-level", "critical",
                                     "--database-url", database});
    EXPECT_EQ(exit.status, 1);
    EXPECT_THAT(exit.output, HasSubstr("cannot listen on 127.0.0.1:" + port));
    EXPECT_EQ(std::count(exit.output.begin(), exit.output.end(), '\n'), 1) << exit.output;
}

TEST_F(Lifecycle, bad_usage_is_status_2) {
    const Exit flag = run_signalbox({"--timeout-request", "soon"});
    EXPECT_EQ(flag.status, 2);
    EXPECT_THAT(flag.output, HasSubstr("--timeout-request"));
    const Exit together =
        run_signalbox({"--timeout-request", "1s", "--database-query-timeout", "2s"});
    EXPECT_EQ(together.status, 2);
    EXPECT_THAT(together.output, HasSubstr("--database-query-timeout"));
}

TEST_F(Lifecycle, operators_are_answered) {
    const Service service(database);
    const auto ready = get(service.admin_url("/readyz"));
    EXPECT_EQ(ready.status, 200);
    EXPECT_EQ(ready.header("content-type"), "application/health+json");
    EXPECT_EQ(get(service.admin_url("/livez")).status, 200);
    EXPECT_THAT(get(service.admin_url("/version")).body, HasSubstr("\"version\""));
    EXPECT_EQ(get(service.url("/readyz")).status, 404) << "the API does not serve them";
}

TEST_F(Lifecycle, healthcheck_asks_a_running_instance) {
    const HeldPort port;
    {
        const Service service(database, {"--admin-port", port.text()});
        const Exit healthy = run_signalbox({"healthcheck", "--admin-port", port.text()});
        EXPECT_EQ(healthy.status, 0) << healthy.output;
    }
    const Exit gone = run_signalbox({"healthcheck", "--admin-port", port.text()});
    EXPECT_EQ(gone.status, 1);
    const auto lines = log_lines(gone.output);
    ASSERT_EQ(lines.size(), 1U) << gone.output;
    EXPECT_EQ(lines[0].text("severity_text"), "ERROR");
    EXPECT_THAT(lines[0].text("body"), HasSubstr("127.0.0.1:" + port.text() + " does not answer"));
    const Exit text =
        run_signalbox({"healthcheck", "--admin-port", port.text()}, {"SIGNALBOX_LOG_FORMAT=text"});
    EXPECT_THAT(text.output, testing::StartsWith("signalbox: 127.0.0.1:" + port.text()));
}

TEST_F(Lifecycle, one_port_can_serve_both) {
    const HeldPort port;
    const Service service(database, {"--port", port.text(), "--admin-port", port.text()});
    EXPECT_EQ(get(service.url("/fast-task")).status, 200);
    EXPECT_EQ(get(service.url("/readyz")).status, 200);
}

}  // namespace
}  // namespace signalbox::test
