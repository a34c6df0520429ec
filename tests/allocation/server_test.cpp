// Fails each allocation that a whole server makes for one client, on whichever of its threads, from
// accept(2) to the line in the log: the next client is served, whatever it was.

#include "signalbox/http/server/server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <exception>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "allocation/failing_allocations.hpp"
#include "signalbox/async/sleep.hpp"
#include "signalbox/http/watch/telemetry.hpp"
#include "signalbox/observe/log.hpp"
#include "signalbox/observe/metrics.hpp"
#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/log_lines.hpp"
#include "support/raw_message.hpp"

namespace signalbox::http {
namespace {

using namespace std::chrono_literals;
using test::FailingAllocation;
using test::RawClient;

async::Task<Response> slow(Request&) {
    co_await async::sleep_for(1ms);
    co_return Response{.body = std::string(100'000, 'x')};
}

std::string request(const std::string& id) {
    return test::get_bytes("/slow", "Connection: close\r\nX-Request-ID: " + id + "\r\n");
}

struct Watched {
    explicit Watched(std::size_t workers) {
        server.emplace(ServerOptions{.workers = workers, .limit_connections_per_address = 10},
                       std::vector<Route>{{"GET", "/slow", slow}},
                       [this](async::EventLoop& loop) { return telemetry.observe(loop); });
        server->listen();
    }

    bool has_line_of(const std::string& id) const {
        return file.text().find("\"request_id\":\"" + id + "\"") != std::string::npos;
    }

    /// What the client gets, be it nothing.
    std::string answer(const std::string& id) const {
        std::string received;
        try {
            RawClient client(server->port());
            client.send(request(id));
            for (std::string more; !(more = client.read_some()).empty();)
                received += more;
        } catch (const std::exception&) {  // a reset, perhaps
        }
        return received;
    }

    /// Connections that were ended or turned away for want of memory.
    std::uint64_t ended() const {
        return server->cut(Cut::failed) + server->refusals().without_resources;
    }

    /// Whether there was an allocation of this number.
    bool survives(long nth) {
        const std::string id = "number-" + std::to_string(nth);
        const auto ended_before = ended();
        FailingAllocation failing(nth, FailingAllocation::Of::all_other_threads);
        const std::string received = answer(id);
        const int status = received.empty() ? 0 : test::status_of(received);
        // Its line comes a little later, and takes memory, too.
        if (status == 200) {
            test::eventually([&] { return has_line_of(id) || failing.has_failed(); });
        }
        const bool failed = failing.end();
        EXPECT_TRUE(test::eventually([&] {
            return server->connections().idle == 0 && server->connections().active == 0;
        })) << nth;
        EXPECT_EQ(server->buffered().requests + server->buffered().responses, 0U) << nth;
        // A handler that throws for want of memory is answered with 500, as for all it throws.
        const bool answered = status == 200 || status == 500;
        EXPECT_TRUE(answered || failed) << nth << received;
        EXPECT_TRUE(answered || ended() == ended_before + 1) << nth << received;
        EXPECT_EQ(test::status_of(answer("behind-" + id)), 200) << nth;
        return failed;
    }

    void expect_whole_lines() {
        server.reset();
        ASSERT_TRUE(log.close());
        std::istringstream lines(file.text());
        for (std::string line; std::getline(lines, line);)
            EXPECT_TRUE(line.starts_with("{\"timestamp\":") && line.ends_with("\"}")) << line;
    }

    observe::Metrics metrics;
    test::LogFile file;
    observe::Log log{
        {"shop", "1.2.3"}, config::LogLevel::info, config::LogFormat::json, file.descriptor()};
    Telemetry telemetry{metrics, log, {.access_log = config::AccessLog::all}};
    std::optional<Server> server{};
};

struct ServerWithoutMemory : testing::TestWithParam<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(one_and_two_workers, ServerWithoutMemory, testing::Values(1, 2));

TEST_P(ServerWithoutMemory, serves_the_next_client) {
    Watched watched(GetParam());
    ASSERT_EQ(test::status_of(watched.answer("first")), 200);
    long nth = 0;
    while (!HasFailure() && nth < 10'000 && watched.survives(nth))
        ++nth;
    EXPECT_GE(nth, 10) << "a request takes some memory";
    EXPECT_LT(nth, 10'000);
    watched.expect_whole_lines();
}

TEST_P(ServerWithoutMemory, serves_the_next_client_also_when_the_first_has_made_it_fail) {
    long nth = 0;
    for (bool failed = true; failed && !HasFailure() && nth < 10'000; ++nth) {
        Watched watched(GetParam());
        failed = watched.survives(nth);
        watched.expect_whole_lines();
    }
    EXPECT_GE(nth, 50) << "the first one makes metrics and much else";
    EXPECT_LT(nth, 10'000);
}

}  // namespace
}  // namespace signalbox::http
