// The end of a service that has everything in flight: what is answered, what is cut, what is left.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "signalbox/process/file_limit.hpp"
#include "signalbox/testing/postgres.hpp"
#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/locked_users.hpp"
#include "support/log_lines.hpp"
#include "support/raw_message.hpp"
#include "support/sanitized.hpp"
#include "support/service.hpp"
#include "support/users_stream.hpp"

namespace signalbox::test {
namespace {

using namespace std::chrono_literals;
using testing::AnyOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

int sessions_of_the_service(const std::string& database) {
    return std::stoi(query_value(database,
                                 "SELECT count(*) FROM pg_stat_activity WHERE datname = "
                                 "current_database() AND application_name = 'signalbox'"));
}

/// The last line of its log, which counts.
LogLine last_line(const Exit& exit) {
    const auto lines = log_lines(exit.output);
    if (lines.empty()) throw std::runtime_error("it logged nothing");
    return lines.back();
}

/// A turn of a loop that takes long is the machine's doing when that is busy.
bool is_no_failure(const LogLine& line) {
    const std::string severity = line.text("severity_text");
    return (severity != "WARN" && severity != "ERROR" && severity != "FATAL") ||
           line.text("body") == "handler blocked the event loop";
}

/// A service with 500 requests in flight, of every kind, and with idle connections.
class Busy {
  public:
    static constexpr std::size_t slow_tasks = 266;
    static constexpr std::size_t timers_of_three = 20;
    static constexpr std::size_t pipelines = 20;
    static constexpr std::size_t pipelined = 5;  ///< requests on each
    static constexpr std::size_t running_reads = 4;
    static constexpr std::size_t queued_reads = 100;
    static constexpr std::size_t half_written = 10;
    static constexpr std::size_t all = slow_tasks + timers_of_three + pipelines * pipelined +
                                       running_reads + queued_reads + half_written;
    static_assert(all == 500);

    explicit Busy(std::vector<std::string> arguments) : database(database_with_users(0)) {
        if (process::raise_file_limit() < 2000) throw std::runtime_error("too few open files");
        arguments.insert(
            arguments.end(),
            {"--database-pool-size", std::to_string(running_reads), "--database-share-reads", "off",
             "--database-query-timeout", "60s", "--timeout-request", "60s", "--timeout-write", "2m",
             "--slow-request-log", "0"});
        service.emplace(database, arguments);
        for (int i = 0; i < 50; ++i) {
            idle.emplace_back(service->port());
            idle.back().send(get_bytes("/fast-task"));
            idle.back().read_response();
        }
        // More than both sockets take, so that the rest of it waits for a client who does not read,
        // and in so few rows that it is no stream.
        execute(database,
                "INSERT INTO users (name, email) SELECT repeat('x', 8000), i || '@example.com' "
                "FROM generate_series(1, 1000) i");
        for (std::size_t i = 0; i < half_written; ++i) {
            half.emplace_back(service->port(), 4096);
            half.back().send(get_bytes("/users"));
        }
        expect_waiting("/users", "client", half_written);
        execute(database, "DELETE FROM users WHERE id > 3");

        locked.emplace(database);
        ask(reads, running_reads + queued_reads, get_bytes("/users"));
        expect_waiting("/users", "database", running_reads);
        expect_waiting("/users", "database-queue", queued_reads);

        timers_begin_ = Clock::now();
        ask(timers, slow_tasks, get_bytes("/slow-task"));
        std::string tail = get_bytes("/slow-task");
        for (std::size_t i = 1; i < pipelined; ++i)
            tail += get_bytes("/fast-task");
        ask(pipeline, pipelines, tail);
        ask(timers, timers_of_three, get_bytes("/multiple-tasks"));
        eventually([&] {
            return late() || (service->waiting("timer", "/slow-task") == slow_tasks + pipelines &&
                              service->waiting("timer", "/multiple-tasks") == timers_of_three);
        });
    }

    /// One whose service is told to stop while all of them are in flight. The timers end by
    /// themselves, before which a busy machine may not let it be told each time.
    static std::unique_ptr<Busy> told_to_stop(const std::vector<std::string>& arguments) {
        for (int attempt = 0; attempt < 5; ++attempt) {
            auto busy = std::make_unique<Busy>(arguments);
            if (busy->late()) continue;
            busy->service->signal(SIGTERM);
            if (!busy->late()) return busy;
        }
        throw std::runtime_error("the machine is too slow to have all in flight at once");
    }

    const std::string database;
    std::optional<Service> service;
    std::optional<LockedUsers> locked;
    std::vector<RawClient> idle, half, reads, timers, pipeline;

  private:
    using Clock = std::chrono::steady_clock;

    /// So that the shortest of the timers, of three seconds, may be over.
    bool late() const { return Clock::now() - timers_begin_ > 2500ms; }

    Clock::time_point timers_begin_;

    void ask(std::vector<RawClient>& clients, std::size_t count, const std::string& bytes) {
        for (std::size_t i = 0; i < count; ++i) {
            clients.emplace_back(service->port());
            clients.back().send(bytes);
        }
    }
    void expect_waiting(std::string_view route, std::string_view for_what, std::size_t count) {
        EXPECT_TRUE(eventually([&] { return service->waiting(for_what, route) == count; }))
            << route << " " << for_what << ": " << service->waiting(for_what, route)
            << " instead of " << count;
    }
};

struct Drain : testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(one_and_two_workers, Drain, testing::Values("1", "2"));

TEST_P(Drain, loses_none_of_500_requests_of_every_kind) {
    const auto told =
        Busy::told_to_stop({"--workers", GetParam(), "--timeout-graceful-shutdown", "2m"});
    Busy& busy = *told;
    Service& service = *busy.service;
    ASSERT_TRUE(eventually([&] { return !service.listening_ports().contains(service.port()); }));
    busy.locked.reset();

    for (auto& client : busy.idle)
        EXPECT_EQ(client.read_to_end(), "") << "an idle connection just closes";
    for (auto& client : busy.half) {
        const std::string head = client.read_until("\r\n\r\n");
        EXPECT_THAT(head, StartsWith("HTTP/1.1 200 "));
        const std::string body = client.read_to_end();
        EXPECT_EQ(header_of(head, "Content-Length"), std::to_string(body.size()));
        EXPECT_THAT(body, EndsWith("}]"));
    }
    for (auto& client : busy.reads) {
        const std::string answer = client.read_to_end();
        EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
        EXPECT_THAT(answer, HasSubstr("\r\nConnection: close\r\n"));
        EXPECT_THAT(answer, EndsWith("}]"));
    }
    for (auto& client : busy.timers) {
        const std::string answer = client.read_to_end();
        EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
        EXPECT_THAT(answer, HasSubstr("\r\nConnection: close\r\n"));
        EXPECT_THAT(answer, AnyOf(EndsWith("{\"message\":\"Task complete!\"}"),
                                  EndsWith("{\"message\":\"All tasks complete!\"}")));
    }
    for (auto& client : busy.pipeline) {
        EXPECT_THAT(client.read_response(), HasSubstr("Task complete!"));
        for (std::size_t i = 2; i < Busy::pipelined; ++i) {
            const std::string answer = client.read_response();
            EXPECT_THAT(answer, HasSubstr("This was quick!"));
            EXPECT_THAT(answer, Not(HasSubstr("Connection: close"))) << "there is one behind it";
        }
        const std::string last = client.read_to_end();
        EXPECT_THAT(last, HasSubstr("\r\nConnection: close\r\n"));
        EXPECT_THAT(last, EndsWith("This was quick!\"}"));
    }

    const auto exit = service.wait_for_exit();
    ASSERT_TRUE(exit);
    EXPECT_EQ(exit->status, 0);
    EXPECT_EQ(last_line(*exit).text("body"), "stopped");
    EXPECT_EQ(last_line(*exit).number("drained"), Busy::all);
    EXPECT_EQ(last_line(*exit).number("cancelled"), 0);
    for (const LogLine& line : log_lines(exit->output))
        EXPECT_TRUE(is_no_failure(line)) << line.json();
    EXPECT_TRUE(eventually([&] { return sessions_of_the_service(busy.database) == 0; }));
}

TEST_P(Drain, cancels_with_503_what_is_left_when_its_time_is_up) {
    const auto told =
        Busy::told_to_stop({"--workers", GetParam(), "--timeout-graceful-shutdown", "100ms"});
    Busy& busy = *told;
    Service& service = *busy.service;
    for (auto* clients : {&busy.reads, &busy.timers}) {
        for (auto& client : *clients) {
            const std::string answer = client.read_to_end();
            EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 "));
            EXPECT_THAT(answer, HasSubstr("\r\nRetry-After: "));
            EXPECT_THAT(answer, HasSubstr("\r\nConnection: close\r\n"));
            EXPECT_THAT(answer, EndsWith("{\"detail\":\"Service Unavailable\"}"));
        }
    }
    for (auto& client : busy.pipeline) {
        for (std::size_t i = 0; i < Busy::pipelined; ++i)
            EXPECT_THAT(client.read_response(), StartsWith("HTTP/1.1 503 "));
        EXPECT_EQ(client.read_to_end(), "");
    }
    const auto exit = service.wait_for_exit();
    ASSERT_TRUE(exit);
    EXPECT_EQ(exit->status, 1);
    EXPECT_EQ(last_line(*exit).text("body"), "stopped");
    EXPECT_EQ(last_line(*exit).number("drained"), 0);
    EXPECT_EQ(last_line(*exit).number("cancelled"), Busy::all);
    EXPECT_TRUE(eventually([&] { return sessions_of_the_service(busy.database) == 0; }))
        << "what ran is cancelled, though the lock is still held";
}

struct DrainOfStreams : Drain {
    const std::string database = database_with_streamed_users();
    std::optional<Service> service;
    std::string users;  ///< what all are to get
    std::vector<UsersReader> readers;

    void serve(std::vector<std::string> arguments) {
        arguments.insert(arguments.end(), {"--workers", GetParam()});
        service.emplace(database, arguments);
        users = get(service->url("/users")).body;
    }
    /// Four who are in the middle of /users, and do not read on by themselves.
    void start(const std::string& graceful_shutdown) {
        serve({"--database-max-streams", "4", "--timeout-graceful-shutdown", graceful_shutdown,
               "--timeout-write", "5m"});
        for (int i = 0; i < 4; ++i) {
            readers.emplace_back(service->port(), "reader-" + std::to_string(i));
            readers.back().begin();
        }
        ASSERT_TRUE(eventually([this] { return service->waiting("client", "/users") == 4; }));
        ASSERT_EQ(service->metric("signalbox_database_streams", {{"state", "reading"}}), 4);
    }
    void stop() const {
        service->signal(SIGTERM);
        ASSERT_TRUE(
            eventually([this] { return !service->listening_ports().contains(service->port()); }));
    }
};
INSTANTIATE_TEST_SUITE_P(one_and_two_workers, DrainOfStreams, testing::Values("1", "2"));

TEST_P(DrainOfStreams, lets_all_who_read_on_have_the_whole) {
    start("2m");
    stop();
    for (auto& reader : readers)
        EXPECT_TRUE(reader.read_all() == users);
    const auto exit = service->wait_for_exit();
    ASSERT_TRUE(exit);
    EXPECT_EQ(exit->status, 0);
    EXPECT_EQ(last_line(*exit).number("drained"), 4);
    EXPECT_EQ(last_line(*exit).number("cancelled"), 0);
    for (const LogLine& line : log_lines(exit->output))
        EXPECT_TRUE(is_no_failure(line)) << line.json();
}

TEST_P(DrainOfStreams, cuts_who_does_not_read_on_when_its_time_is_up) {
    // In which two readers take all.
    const std::chrono::seconds time(test::sanitized ? 40 : 10);
    start(std::to_string(time.count()) + "s");
    const auto began = std::chrono::steady_clock::now();
    stop();
    EXPECT_TRUE(readers[0].read_all() == users);
    EXPECT_TRUE(readers[1].read_all() == users);
    const auto exit = service->wait_for_exit();
    const auto took = std::chrono::steady_clock::now() - began;
    ASSERT_TRUE(exit);
    EXPECT_GE(took, time) << "they had no time";
    EXPECT_LT(took, time + 10s);
    EXPECT_EQ(exit->status, 1);
    EXPECT_EQ(last_line(*exit).text("body"), "stopped");
    EXPECT_EQ(last_line(*exit).number("drained"), 2);
    EXPECT_EQ(last_line(*exit).number("cancelled"), 2);
    for (std::size_t i = 0; i < readers.size(); ++i) {
        const auto lines =
            log_lines_with(exit->output, "request_id", "reader-" + std::to_string(i));
        ASSERT_EQ(lines.size(), 1U);
        EXPECT_EQ(lines[0].number("http.response.status_code"), 200);
        EXPECT_EQ(lines[0].has("error.type"), i > 1);
        if (i > 1) {
            EXPECT_EQ(lines[0].text("error.type"), "shutdown");
            EXPECT_TRUE(readers[i].is_cut()) << "the client takes it for whole";
        }
    }
    EXPECT_TRUE(eventually([&] { return sessions_of_the_service(database) == 0; }));
}

TEST_P(DrainOfStreams, lets_who_waits_for_a_connection_have_one) {
    serve({"--database-max-streams", "2"});
    readers = three_readers_of_two_streams(*service);
    stop();
    for (const std::size_t i : {0, 2, 1})  // while the second one keeps its connection
        EXPECT_TRUE(readers[i].read_all() == users);
    const auto exit = service->wait_for_exit();
    ASSERT_TRUE(exit);
    EXPECT_EQ(exit->status, 0);
    EXPECT_EQ(last_line(*exit).number("drained"), 3);
}

TEST(Drained, at_once_with_status_130_by_a_second_signal) {
    const auto busy = Busy::told_to_stop({});
    ASSERT_TRUE(eventually(
        [&] { return !busy->service->listening_ports().contains(busy->service->port()); }));
    busy->service->signal(SIGINT);
    const auto exit = busy->service->wait_for_exit(30s);  // the reads would hold it up for a minute
    ASSERT_TRUE(exit);
    EXPECT_EQ(exit->status, 130);
    // Nothing said goodbye to PostgreSQL, which notices when it is done with what it does.
    busy->locked.reset();
    EXPECT_TRUE(eventually([&] { return sessions_of_the_service(busy->database) == 0; }));
}

struct DrainOfOne : testing::Test {
    const std::string database = database_with_users(3);

    /// Has the client's bytes arrive while the service cannot look, together with the signal.
    static void stop_while_sending(const Service& service, RawClient& client,
                                   const std::string& bytes) {
        service.signal(SIGSTOP);
        client.send(bytes);
        service.signal(SIGTERM);
        service.signal(SIGCONT);
    }
    static RawClient idle_client(const Service& service) {
        RawClient client(service.port());
        client.send(get_bytes("/fast-task"));
        client.read_response();
        return client;
    }
    static bool drains(const Service& service) {
        return eventually([&] { return !service.listening_ports().contains(service.port()); });
    }
};

TEST_F(DrainOfOne, a_second_signal_does_not_wait_for_the_delay) {
    Service service(database, {"--shutdown-delay", "2m"});
    service.signal(SIGTERM);
    ASSERT_TRUE(eventually([&] { return get(service.admin_url("/readyz")).status == 503; }));
    service.signal(SIGINT);
    const auto exit = service.wait_for_exit();
    ASSERT_TRUE(exit);
    EXPECT_EQ(exit->status, 130);
}

TEST_F(DrainOfOne, a_second_SIGTERM_within_a_second_cuts_no_request) {
    Service service(database);
    RawClient client(service.port());
    client.send(get_bytes("/multiple-tasks"));  // three seconds
    ASSERT_TRUE(eventually([&] { return service.waiting("timer", "/multiple-tasks") == 1; }));
    service.signal(SIGTERM);
    std::this_thread::sleep_for(50ms);  // so that it takes them as two
    service.signal(SIGTERM);
    EXPECT_THAT(client.read_to_end(), HasSubstr("All tasks complete!"));
    const auto exit = service.wait_for_exit();
    ASSERT_TRUE(exit);
    EXPECT_EQ(exit->status, 0);
}

TEST_F(DrainOfOne, a_request_of_which_half_has_arrived_gets_its_time) {
    Service service(database);
    RawClient client = idle_client(service);
    stop_while_sending(service, client, "GET /fast-task HTT");
    ASSERT_TRUE(drains(service));
    client.send("P/1.1\r\nHost: test\r\n\r\n");
    const std::string answer = client.read_to_end();
    EXPECT_THAT(answer, HasSubstr("This was quick!"));
    EXPECT_THAT(answer, HasSubstr("\r\nConnection: close\r\n"));
    const auto exit = service.wait_for_exit();
    ASSERT_TRUE(exit);
    EXPECT_EQ(exit->status, 0);
}

TEST_F(DrainOfOne, half_a_request_that_never_becomes_one_is_answered) {
    std::optional<Service> service;
    std::vector<RawClient> clients;
    // The idle connections have half a second, which a busy machine may not let this test have.
    for (int attempt = 0; attempt < 5; ++attempt) {
        clients.clear();
        service.emplace(database, std::vector<std::string>{"--timeout-request-head", "1s"});
        for (int i = 0; i < 50; ++i)
            clients.push_back(idle_client(*service));
        const auto began = std::chrono::steady_clock::now();
        service->signal(SIGTERM);
        ASSERT_TRUE(drains(*service));
        service->signal(SIGSTOP);
        if (std::chrono::steady_clock::now() - began < 400ms) break;
    }
    // The halves arrive when the idle connections are about to be closed: reading ends for some
    // before and for some behind them.
    for (auto& client : clients)
        client.send("GET /fast-task HTT");
    std::this_thread::sleep_for(600ms);  // so that their moment is over, but not the one behind it
    service->signal(SIGCONT);
    for (auto& client : clients)
        EXPECT_THAT(client.read_to_end(), StartsWith("HTTP/1.1 408 "));
}

TEST_F(DrainOfOne, a_client_that_leaves_is_noticed) {
    Service service(database);
    {
        RawClient client = idle_client(service);
        stop_while_sending(service, client, get_bytes("/slow-task", "X-Request-ID: leaves\r\n"));
        ASSERT_TRUE(eventually([&] { return service.waiting("timer", "/slow-task") == 1; }));
    }
    const auto exit = service.wait_for_exit();
    ASSERT_TRUE(exit);
    EXPECT_EQ(exit->status, 0);
    const auto lines = log_lines_with(exit->output, "request_id", "leaves");
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_EQ(lines[0].number("http.response.status_code"), 499) << "nobody waited for it";
}

TEST_F(DrainOfOne, a_request_that_is_on_its_way_to_an_idle_connection_is_answered) {
    // It has half a second, which a very busy machine may not let this test have.
    EXPECT_TRUE([&] {
        for (int attempt = 0; attempt < 5; ++attempt) {
            Service service(database);
            RawClient client = idle_client(service);
            service.signal(SIGTERM);
            if (!drains(service)) return false;
            try {
                client.send(get_bytes("/users"));
                const std::string answer = client.read_to_end();
                if (answer.starts_with("HTTP/1.1 200 ")) {
                    EXPECT_THAT(answer, HasSubstr("\r\nConnection: close\r\n"));
                    return true;
                }
            } catch (const std::system_error&) {
            }
        }
        return false;
    }());
}

}  // namespace
}  // namespace signalbox::test
