// What a server tells of its requests, with routes of our own that misbehave on purpose.

#include "signalbox/http/watch/telemetry.hpp"

#include <asio/post.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <limits>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "signalbox/async/all.hpp"
#include "signalbox/async/sleep.hpp"
#include "signalbox/async/spawn.hpp"
#include "signalbox/http/errors.hpp"
#include "signalbox/http/server/server.hpp"
#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/log_lines.hpp"
#include "support/raw_message.hpp"

namespace signalbox::http {
namespace {

using namespace std::chrono_literals;
using async::all;
using async::sleep_for;
using test::eventually;
using test::get_bytes;
using test::LogLine;
using test::RawClient;
using testing::IsEmpty;
using testing::StartsWith;

const std::string trace_id = "0af7651916cd43dd8448eb211c80319c";

/// Well over async::Turn::longest, and over three of the loop's heartbeats.
void block() {
    std::this_thread::sleep_for(400ms);
}

async::Task<> block_after(std::chrono::milliseconds delay) {
    co_await sleep_for(delay);
    block();
}

async::Task<Response> at_once(Request&) {
    block();
    co_return json({{"done", true}});
}

async::Task<Response> later(Request&) {
    co_await sleep_for(10ms);
    block();
    co_return json({{"done", true}});
}

async::Task<Response> in_a_child(Request&) {
    co_await all(sleep_for(1ms), block_after(10ms), sleep_for(20ms));
    co_return json({{"done", true}});
}

async::Task<Response> behind_its_children(Request&) {
    co_await all(sleep_for(1ms), sleep_for(10ms));
    block();
    co_return json({{"done", true}});
}

async::Task<Response> between_waits(Request&) {
    co_await sleep_for(10ms);
    block();
    co_await sleep_for(10ms);
    co_return json({{"done", true}});
}

async::Task<Response> with_an_error(Request&) {
    co_await sleep_for(1ms);
    block();
    throw HttpError(409);
}

async::Task<Response> patient(Request&) {
    co_await sleep_for(300ms);
    co_return json({{"done", true}});
}

async::Task<> wait_for(const std::atomic<bool>& over) {
    while (!over)
        co_await sleep_for(1ms);
}

async::Task<Response> quick(Request&) {
    co_return json({{"done", true}});
}

async::Task<Response> spawns_what_fails(Request& request) {
    async::spawn([&request]() -> async::Task<> {
        co_await sleep_for(1ms);
        throw std::runtime_error("no mail for " + request.query_parameter("name").value());
    });
    co_return json({{"accepted", true}}, 202);
}

async::Task<Response> spawns_what_throws_anything(Request&) {
    async::spawn([]() -> async::Task<> {
        co_await sleep_for(1ms);
        throw 7;
    });
    co_return json({{"accepted", true}}, 202);
}

/// Its end is a cancellation, unless it waits for ten minutes.
async::Task<Response> spawns_what_waits(Request&) {
    async::spawn([]() -> async::Task<> { co_await sleep_for(10min); });
    co_return json({{"accepted", true}}, 202);
}

struct Watched : testing::TestWithParam<std::string> {
    observe::Metrics metrics;
    test::LogFile file;
    observe::Log log{
        {"orders", "1.2.3"}, config::LogLevel::info, config::LogFormat::json, file.descriptor()};
    Telemetry telemetry{metrics, log, {.access_log = config::AccessLog::all}};
    std::promise<void> release;
    std::atomic<bool> waits_are_over = false;
    std::optional<Server> server;

    void SetUp() override {
        std::vector<Route> routes{
            {"GET", "/at-once", at_once},
            {"GET", "/later", later},
            {"GET", "/in-a-child", in_a_child},
            {"GET", "/behind-its-children", behind_its_children},
            {"GET", "/between-waits", between_waits},
            {"GET", "/with-an-error/{id}", with_an_error},
            {"GET", "/patient", patient},
            {"GET", "/three-waits",
             [this](Request&) -> async::Task<Response> {
                 co_await all(wait_for(waits_are_over), wait_for(waits_are_over),
                              wait_for(waits_are_over));
                 co_return json({{"done", true}});
             }},
            {"GET", "/invitations/{token}",
             [this](Request&) -> async::Task<Response> {
                 co_await wait_for(waits_are_over);
                 co_return json({{"done", true}});
             }},
            {"GET", "/quick", quick},
            {"GET", "/spawns-what-fails", spawns_what_fails},
            {"GET", "/spawns-what-throws-anything", spawns_what_throws_anything},
            {"GET", "/spawns-what-waits", spawns_what_waits},
            {"GET", "/until-released", [this](Request&) -> async::Task<Response> {
                 release.get_future().get();
                 co_return json({{"done", true}});
             }}};
        telemetry.expect(routes);
        server.emplace(ServerOptions{}, std::move(routes),
                       [this](auto& loop) { return telemetry.observe(loop); });
        server->listen();
    }

    /// All lines, when all requests are over.
    std::vector<LogLine> lines() {
        EXPECT_EQ(server->drain(20s).cancelled, 0U);
        EXPECT_TRUE(log.close());
        return test::log_lines(file.text());
    }

    std::vector<LogLine> warnings() {
        auto all = lines();
        std::erase_if(all, [](const LogLine& line) {
            return line.text("body") != "handler blocked the event loop";
        });
        return all;
    }

    std::vector<LogLine> failed_tasks() {
        auto all = lines();
        std::erase_if(
            all, [](const LogLine& line) { return line.text("body") != "a spawned task failed"; });
        return all;
    }

    double metric(const std::string& name_and_labels) const {
        const std::string text = metrics.text();
        const std::size_t found = text.find("\n" + name_and_labels + " ");
        if (found == std::string::npos) return std::numeric_limits<double>::quiet_NaN();
        return std::stod(text.substr(found + name_and_labels.size() + 2));
    }
};
INSTANTIATE_TEST_SUITE_P(that_blocks, Watched,
                         testing::Values("/at-once", "/later", "/in-a-child",
                                         "/behind-its-children", "/between-waits",
                                         "/with-an-error/7"),
                         [](const auto& info) { return std::to_string(info.index); });

TEST_P(Watched, handler_is_named_and_nobody_else_is) {
    const std::string path = GetParam();
    RawClient waiting(server->port()), guilty(server->port()), innocent(server->port());
    waiting.send(get_bytes("/patient"));
    guilty.send(get_bytes(
        path, "X-Request-ID: guilty\r\ntraceparent: 00-" + trace_id + "-b7ad6b7169203331-01\r\n"));
    for (int i = 0; i < 20; ++i)
        innocent.send(get_bytes("/quick"));
    for (int i = 0; i < 20; ++i)
        EXPECT_THAT(innocent.read_response(), StartsWith("HTTP/1.1 200 "));
    const std::string answer = guilty.read_response();
    EXPECT_EQ(test::header_of(answer, "X-Request-ID"), "guilty");
    waiting.read_response();

    const auto named = warnings();
    ASSERT_EQ(named.size(), 1U);
    const LogLine& line = named.front();
    const std::string route = path == "/with-an-error/7" ? "/with-an-error/{id}" : path;
    EXPECT_EQ(line.text("severity_text"), "WARN");
    EXPECT_EQ(line.text("http.route"), route);
    EXPECT_EQ(line.text("http.request.method"), "GET");
    EXPECT_EQ(line.text("request_id"), "guilty");
    EXPECT_EQ(line.text("trace_id"), trace_id);
    EXPECT_EQ(line.text("trace_flags"), "01");
    EXPECT_EQ(test::header_of(answer, "traceparent"),
              "00-" + trace_id + "-" + line.text("span_id") + "-01");
    EXPECT_GE(line.number("blocked_s"), 0.1);
}

TEST_P(Watched, handler_takes_the_blame_for_those_before_and_behind_it_on_its_connection) {
    const std::string path = GetParam();
    RawClient client(server->port());
    client.send(get_bytes("/quick") + get_bytes("/quick") + get_bytes(path) + get_bytes("/quick") +
                get_bytes("/quick") + get_bytes("/nowhere"));
    for (int i = 0; i < 6; ++i)
        client.read_response();
    const auto named = warnings();
    ASSERT_EQ(named.size(), 1U);
    EXPECT_THAT(named.front().text("http.route"), StartsWith(path.substr(0, 8)));
}

using WatchedServer = Watched;

TEST_F(WatchedServer, blames_nobody_who_waits) {
    std::vector<RawClient> clients;
    for (int i = 0; i < 20; ++i)
        clients.emplace_back(server->port()).send(get_bytes("/patient"));
    for (auto& client : clients)
        EXPECT_THAT(client.read_response(), StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(warnings(), IsEmpty());
}

TEST_F(WatchedServer, does_not_warn_when_warnings_are_off) {
    log.set_level(config::LogLevel::error);
    RawClient client(server->port());
    client.send(get_bytes("/at-once"));
    client.read_response();
    EXPECT_THAT(lines(), IsEmpty());
}

TEST_F(WatchedServer, shows_in_its_lag_that_the_loop_was_blocked) {
    const std::string buckets =
        "signalbox_event_loop_lag_seconds_bucket{loop=\"http-loop-0\",le=\"";
    ASSERT_TRUE(eventually([&] { return metric(buckets + "+Inf\"}") > 0; })) << metrics.text();
    const auto late = [&] { return metric(buckets + "+Inf\"}") - metric(buckets + "0.1\"}"); };
    const double before = late();
    RawClient client(server->port());
    client.send(get_bytes("/at-once"));
    client.read_response();
    EXPECT_TRUE(eventually([&] { return late() > before; })) << metrics.text();
}

TEST_F(WatchedServer, counts_the_tasks_of_its_loop) {
    const auto tasks = [&] { return metric("signalbox_event_loop_tasks{loop=\"http-loop-0\"}"); };
    EXPECT_EQ(tasks(), 0);
    RawClient client(server->port());
    client.send(get_bytes("/three-waits"));
    EXPECT_TRUE(eventually([&] { return tasks() == 4; })) << "the handler and its three children";
    waits_are_over = true;
    EXPECT_EQ(test::status_of(client.read_response()), 200);
    EXPECT_TRUE(eventually([&] { return tasks() == 0; }));
}

TEST_F(WatchedServer, counts_the_tasks_of_clients_that_went_away_no_more) {
    const auto tasks = [&] { return metric("signalbox_event_loop_tasks{loop=\"http-loop-0\"}"); };
    {
        RawClient client(server->port());
        client.send(get_bytes("/three-waits"));
        ASSERT_TRUE(eventually([&] { return tasks() == 4; }));
    }
    EXPECT_TRUE(eventually([&] { return tasks() == 0; }));
}

TEST_F(WatchedServer, lists_its_requests_while_its_loop_is_blocked) {
    RawClient patient_client(server->port()), blocking(server->port());
    patient_client.send(get_bytes("/three-waits"));
    ASSERT_TRUE(eventually([&] { return telemetry.in_flight(10).total == 1; }));
    blocking.send(get_bytes("/until-released", "X-Request-ID: blocking\r\n"));
    ASSERT_TRUE(eventually([&] { return telemetry.in_flight(10).total == 2; }));
    // From here on the loop does not turn until this thread lets it.
    const auto snapshot = telemetry.in_flight(10);
    ASSERT_EQ(snapshot.entries.size(), 2U);
    EXPECT_EQ(snapshot.entries[0].route, "/three-waits");
    EXPECT_EQ(snapshot.entries[0].waiting, context::Waiting::timer);
    EXPECT_EQ(snapshot.entries[1].route, "/until-released");
    EXPECT_EQ(snapshot.entries[1].request_id, "blocking");
    EXPECT_EQ(snapshot.entries[1].waiting, context::Waiting::handler);
    release.set_value();
    EXPECT_THAT(blocking.read_response(), StartsWith("HTTP/1.1 200 "));
    EXPECT_TRUE(eventually([&] { return telemetry.in_flight(10).total == 1; }));
    waits_are_over = true;
    patient_client.read_response();
    EXPECT_TRUE(eventually([&] { return telemetry.in_flight(10).total == 0; }));
}

TEST_F(WatchedServer, counts_how_long_a_request_waited_for_others_of_its_turn) {
    const auto since_turn = [&] {
        return metric("signalbox_event_loop_since_turn_seconds{loop=\"http-loop-0\"}");
    };
    RawClient blocking(server->port()), first(server->port()), victim(server->port());
    victim.send(get_bytes("/quick"));
    victim.read_response();
    first.send(get_bytes("/quick"));
    first.read_response();
    // A request is over a moment after its client has the answer.
    ASSERT_TRUE(eventually([&] { return telemetry.in_flight(1).total == 0; }));
    blocking.send(get_bytes("/until-released") + get_bytes("/quick", "X-Request-ID: next\r\n"));
    ASSERT_TRUE(eventually([&] { return telemetry.in_flight(1).total == 1; }));
    // Both are found by the turn after this, and the one that blocks is handled first.
    first.send(get_bytes("/at-once"));
    victim.send(get_bytes("/quick", "X-Request-ID: victim\r\n"));
    ASSERT_TRUE(eventually([&] { return since_turn() > 0.5; })) << metrics.text();
    const auto released = std::chrono::steady_clock::now();
    release.set_value();
    EXPECT_THAT(victim.read_response(), StartsWith("HTTP/1.1 200 "));
    first.read_response();
    blocking.read_response();
    blocking.read_response();
    // As above: its client is told before it is over.
    ASSERT_TRUE(eventually([&] { return telemetry.in_flight(1).total == 0; }));
    const std::chrono::duration<double> since_release = std::chrono::steady_clock::now() - released;
    EXPECT_TRUE(eventually([&] { return since_turn() < 0.5; }));

    std::map<std::string, double> durations;
    for (const auto& line : lines()) {
        if (line.has("duration_s")) durations[line.text("request_id")] = line.number("duration_s");
    }
    EXPECT_GT(durations.at("victim"), 0.35);
    EXPECT_LE(durations.at("victim"), since_release.count())
        << "what it waited in the kernel is the loop's lag";
    EXPECT_LT(durations.at("next"), durations.at("victim") / 2)
        << "a request behind another on its connection begins when that one ends";
}

TEST_F(WatchedServer, forgets_the_requests_that_it_takes_to_its_grave) {
    RawClient client(server->port());
    client.send(get_bytes("/three-waits"));
    ASSERT_TRUE(eventually([&] { return telemetry.in_flight(10).total == 1; }));
    server.reset();
    EXPECT_EQ(telemetry.in_flight(10).total, 0U);
}

TEST_F(WatchedServer, logs_errors_only_when_asked_to_and_nothing_when_told_so) {
    RawClient client(server->port());
    const auto ask = [&](const std::string& path, const std::string& id) {
        client.send(get_bytes(path, "X-Request-ID: " + id + "\r\n"));
        client.read_response();
    };
    ask("/quick", "logged-1");
    // A request is reported when its last byte is sent, so the next may find the setting changed.
    ASSERT_TRUE(eventually([&] { return telemetry.in_flight(1).total == 0; }));
    telemetry.set_access_log(config::AccessLog::errors);
    ask("/quick", "silent-1");
    ask("/nowhere", "logged-2");
    ASSERT_TRUE(eventually([&] { return telemetry.in_flight(1).total == 0; }));
    telemetry.set_access_log(config::AccessLog::off);
    ask("/nowhere", "silent-2");
    ASSERT_TRUE(eventually([&] { return telemetry.in_flight(1).total == 0; }));
    telemetry.set_access_log(config::AccessLog::all);
    ask("/quick", "logged-3");
    std::vector<std::string> ids;
    for (const auto& line : lines())
        ids.push_back(line.text("request_id"));
    EXPECT_THAT(ids, testing::ElementsAre("logged-1", "logged-2", "logged-3"));
}

TEST_F(WatchedServer, logs_what_a_spawned_task_has_thrown_with_its_request) {
    RawClient client(server->port());
    client.send(get_bytes(
        "/spawns-what-fails?name=Ada",
        "X-Request-ID: mail-1\r\ntraceparent: 00-" + trace_id + "-b7ad6b7169203331-01\r\n"));
    const std::string answer = client.read_response();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 202 ")) << "the answer is the handler's";
    const auto failed = failed_tasks();
    ASSERT_EQ(failed.size(), 1U);
    const LogLine& line = failed.front();
    EXPECT_EQ(line.text("severity_text"), "ERROR");
    EXPECT_EQ(line.text("error.message"), "no mail for Ada");
    EXPECT_EQ(line.text("http.request.method"), "GET");
    EXPECT_EQ(line.text("http.route"), "/spawns-what-fails");
    EXPECT_EQ(line.text("request_id"), "mail-1");
    EXPECT_EQ(line.text("trace_id"), trace_id);
    EXPECT_EQ(test::header_of(answer, "traceparent"),
              "00-" + trace_id + "-" + line.text("span_id") + "-01");
}

TEST_F(WatchedServer, logs_a_spawned_task_that_throws_what_is_no_std_exception) {
    RawClient client(server->port());
    client.send(get_bytes("/spawns-what-throws-anything", "X-Request-ID: mail-2\r\n"));
    client.read_response();
    const auto failed = failed_tasks();
    ASSERT_EQ(failed.size(), 1U);
    EXPECT_EQ(failed.front().text("request_id"), "mail-2");
    EXPECT_NE(failed.front().text("error.message"), "");
}

TEST_F(WatchedServer, logs_a_failed_task_that_is_no_request_s_without_one) {
    asio::post(server->first_loop().context(), [] {
        async::spawn([]() -> async::Task<> {
            co_await sleep_for(1ms);
            throw std::runtime_error("nobody's");
        });
    });
    ASSERT_TRUE(eventually([&] { return file.text().find("nobody's") != std::string::npos; }));
    const auto failed = failed_tasks();
    ASSERT_EQ(failed.size(), 1U);
    EXPECT_EQ(failed.front().text("error.message"), "nobody's");
    EXPECT_FALSE(failed.front().has("request_id"));
    EXPECT_FALSE(failed.front().has("http.route"));
}

TEST_F(WatchedServer, does_not_call_a_spawned_task_failed_that_the_drain_has_cancelled) {
    RawClient client(server->port());
    client.send(get_bytes("/spawns-what-waits", "Connection: close\r\n"));
    EXPECT_THAT(client.read_to_end(), StartsWith("HTTP/1.1 202 "));
    EXPECT_EQ(server->drain(0ms).cancelled, 1U);
    ASSERT_TRUE(log.close());
    EXPECT_THAT(test::log_lines_with(file.text(), "body", "a spawned task failed"), IsEmpty());
}

TEST_F(WatchedServer, does_not_log_a_failed_task_when_errors_are_off) {
    log.set_level(config::LogLevel::critical);
    RawClient client(server->port());
    client.send(get_bytes("/spawns-what-fails?name=Ada"));
    client.read_response();
    EXPECT_THAT(lines(), IsEmpty());
}

TEST(AService, names_its_own_secrets_and_buckets) {
    observe::Metrics metrics;
    test::LogFile file;
    observe::Log log({"orders", "1.2.3"}, config::LogLevel::info, config::LogFormat::json,
                     file.descriptor());
    Telemetry telemetry(
        metrics, log,
        {.metrics = {.duration_buckets = {3250ms}}, .secret_parameters = {"voucher"}});
    Server server({}, {{"GET", "/quick", quick}},
                  [&](auto& loop) { return telemetry.observe(loop); });
    server.listen();
    RawClient client(server.port());
    client.send(get_bytes("/quick?voucher=hunter2&page=2"));
    client.read_response();
    server.drain(20s);
    ASSERT_TRUE(log.close());
    const auto lines = test::log_lines(file.text());
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_EQ(lines[0].text("url.query"), "voucher=REDACTED&page=2");
    EXPECT_THAT(metrics.text(), testing::HasSubstr("le=\"3.25\""));
}

TEST(UnwatchedRequests, are_logged_without_a_trace_and_listed_nowhere) {
    observe::Metrics metrics;
    test::LogFile file;
    observe::Log log({"orders", "1.2.3"}, config::LogLevel::info, config::LogFormat::json,
                     file.descriptor());
    Telemetry telemetry(metrics, log, {.requests = false});
    Server server({}, {{"GET", "/quick", quick}, {"GET", "/patient", patient}},
                  [&](auto& loop) { return telemetry.observe(loop); });
    server.listen();
    RawClient client(server.port());
    client.send(get_bytes("/quick", "traceparent: 00-" + trace_id + "-b7ad6b7169203331-01\r\n"));
    EXPECT_EQ(test::header_of(client.read_response(), "traceparent"), std::nullopt);
    client.send(get_bytes("/patient"));
    client.read_response();
    EXPECT_EQ(telemetry.in_flight(10).total, 0U);
    server.drain(20s);
    ASSERT_TRUE(log.close());
    const auto lines = test::log_lines(file.text());
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_FALSE(lines[0].has("trace_id"));
    EXPECT_EQ(lines[0].text("http.route"), "/quick");
}

TEST_F(WatchedServer, shows_nobody_what_is_secret_in_a_path) {
    RawClient client(server->port());
    client.send(get_bytes("/invitations/hunter2"));
    ASSERT_TRUE(eventually([&] { return telemetry.in_flight(10).total == 1; }));
    const auto snapshot = telemetry.in_flight(10);
    EXPECT_EQ(snapshot.entries.at(0).path, "/invitations/REDACTED");
    waits_are_over = true;
    EXPECT_THAT(client.read_response(), StartsWith("HTTP/1.1 200 "));
    for (const LogLine& line : lines())
        EXPECT_EQ(line.json().find("hunter2"), std::string::npos) << line.json();
}

}  // namespace
}  // namespace signalbox::http
