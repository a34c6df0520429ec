// What operators see of the requests in flight, against the real binary.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <chrono>
#include <deque>
#include <functional>
#include <iostream>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "signalbox/db/pool.hpp"
#include "signalbox/db/pool_options.hpp"
#include "signalbox/http/server/server.hpp"
#include "signalbox/http/watch/telemetry.hpp"
#include "signalbox/process/file_limit.hpp"
#include "signalbox/testing/postgres.hpp"
#include "support/eventually.hpp"
#include "support/held_requests.hpp"
#include "support/http_client.hpp"
#include "support/locked_users.hpp"
#include "support/log_lines.hpp"
#include "support/raw_message.hpp"
#include "support/sanitized.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

using namespace std::chrono_literals;
using testing::StartsWith;

std::string request(const std::string& path, const std::string& id) {
    return get_bytes(path, "X-Request-ID: " + id + "\r\n");
}

struct Listed {
    std::string id, trace_id, method, route, path, client, waiting_for;
    double age = 0, waiting = 0;
    std::optional<double> deadline;
};

/// `/debug/requests`, read.
struct InFlight {
    std::size_t total = 0;
    std::map<std::string, std::size_t> summary;  ///< by method, route and what it waits for
    std::vector<Listed> requests;
    std::chrono::duration<double> took{};

    explicit InFlight(const Service& service, const std::string& query = {}) {
        const auto response = get(service.admin_url("/debug/requests" + query));
        EXPECT_EQ(response.status, 200) << response.body;
        took = response.duration;
        rapidjson::Document document;
        document.Parse<rapidjson::kParseValidateEncodingFlag>(response.body.data(),
                                                              response.body.size());
        if (document.HasParseError()) throw std::runtime_error("no JSON: " + response.body);
        total = document["total"].GetUint64();
        for (const auto& kind : document["summary"].GetArray()) {
            summary[std::string(kind["http.request.method"].GetString()) + " " +
                    kind["http.route"].GetString() + " " + kind["waiting_for"].GetString()] =
                kind["count"].GetUint64();
        }
        for (const auto& one : document["requests"].GetArray()) {
            const auto text = [&](const char* name) { return std::string(one[name].GetString()); };
            Listed listed{.id = text("request_id"),
                          .trace_id = text("trace_id"),
                          .method = text("http.request.method"),
                          .route = text("http.route"),
                          .path = text("url.path"),
                          .client = text("client.address"),
                          .waiting_for = text("waiting_for"),
                          .age = one["age_s"].GetDouble(),
                          .waiting = one["waiting_s"].GetDouble(),
                          .deadline = std::nullopt};
            if (!one["deadline_s"].IsNull()) listed.deadline = one["deadline_s"].GetDouble();
            requests.push_back(std::move(listed));
        }
    }

    /// What the request of this id waits for; empty when it is not there.
    std::string waiting_for(const std::string& id) const {
        for (const Listed& listed : requests) {
            if (listed.id == id) return listed.waiting_for;
        }
        return {};
    }
};

TEST(RequestsInFlight, are_listed_with_what_is_known_of_them) {
    const std::string database = database_with_users(3);
    const Service service(database, HeldRequests::arguments({"--database-pool-size", "1"}));
    EXPECT_EQ(InFlight(service).total, 0U) << "the operators' own are none of them";

    std::optional<LockedUsers> lock(std::in_place, database);
    RawClient first(service.port());
    std::optional<RawClient> second(std::in_place, service.port());
    first.send(request("/%75sers?secret=1", "first"));
    ASSERT_TRUE(eventually([&] { return reads_held_by_a_lock(database) == 1; }));
    second->send(request("/users", "second"));
    ASSERT_TRUE(eventually([&] { return InFlight(service).total == 2; }));
    const InFlight all(service);
    ASSERT_EQ(all.requests.size(), 2U);
    const Listed& oldest = all.requests[0];
    EXPECT_EQ(oldest.id, "first");
    EXPECT_EQ(oldest.trace_id.size(), 32U);
    EXPECT_EQ(oldest.method, "GET");
    EXPECT_EQ(oldest.route, "/users");
    EXPECT_EQ(oldest.path, "/users");
    EXPECT_EQ(oldest.client, "127.0.0.1");
    EXPECT_EQ(oldest.waiting_for, "database");
    EXPECT_GE(oldest.age, oldest.waiting);
    EXPECT_GT(oldest.waiting, 0);
    ASSERT_TRUE(oldest.deadline);
    EXPECT_NEAR(*oldest.deadline + oldest.age, 300, 0.001) << "--timeout-request";
    EXPECT_EQ(all.requests[1].id, "second");
    EXPECT_EQ(all.summary, (std::map<std::string, std::size_t>{{"GET /users database", 1},
                                                               {"GET /users database-queue", 1}}));

    const InFlight one(service, "?limit=1");
    EXPECT_EQ(one.total, 2U);
    EXPECT_EQ(one.summary, all.summary);
    ASSERT_EQ(one.requests.size(), 1U);
    EXPECT_EQ(one.requests[0].id, "first");
    EXPECT_TRUE(InFlight(service, "?limit=0").requests.empty());
    EXPECT_EQ(get(service.admin_url("/debug/requests?limit=many")).status, 422);

    second.reset();
    ASSERT_TRUE(eventually([&] { return InFlight(service).total == 1; }));
    EXPECT_EQ(InFlight(service).requests.at(0).id, "first");
    lock.reset();
    first.read_response();
    EXPECT_TRUE(eventually([&] { return InFlight(service).total == 0; }));
}

TEST(RequestsInFlight, are_all_listed_when_there_are_five_thousand) {
    constexpr std::size_t count = 5000;
    ASSERT_GT(process::raise_file_limit(), 2 * count + 1000);
    const std::string database = database_with_users(3);
    const Service service(database, {"--workers", "2", "--access-log", "off", "--timeout-request",
                                     "5m", "--database-query-timeout", "5m"});
    std::optional<LockedUsers> lock(std::in_place, database);
    std::vector<RawClient> clients;
    clients.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        clients.emplace_back(service.port()).send(request("/users", "held-" + std::to_string(i)));
        if (i > 0) continue;
        // The others gather behind the read that runs for the first.
        ASSERT_TRUE(eventually([&] { return reads_held_by_a_lock(database) == 1; }));
    }
    ASSERT_TRUE(eventually([&] { return InFlight(service, "?limit=0").total == count; }));

    constexpr auto soon = sanitized ? 5s : 1s;
    InFlight all(service);
    auto fast = get(service.url("/fast-task"));
    // A busy machine may take its time, but not each time.
    for (int again = 0; again < 4 && (all.took >= soon || fast.duration >= soon); ++again) {
        all = InFlight(service);
        fast = get(service.url("/fast-task"));
    }
    EXPECT_EQ(fast.status, 200);
    EXPECT_LT(fast.duration, soon);
    EXPECT_LT(all.took, soon);
    std::cout << "  all " << count << " listed in " << all.took.count() << " s, /fast-task in "
              << fast.duration.count() << " s\n";

    EXPECT_EQ(all.total, count);
    EXPECT_EQ(all.summary,
              (std::map<std::string, std::size_t>{{"GET /users database", 1},
                                                  {"GET /users database-queue", count - 1}}));
    ASSERT_EQ(all.requests.size(), count);
    std::set<std::string> ids, traces;
    double age = 300;
    for (const Listed& listed : all.requests) {
        EXPECT_TRUE(ids.insert(listed.id).second) << listed.id;
        EXPECT_TRUE(traces.insert(listed.trace_id).second) << listed.trace_id;
        EXPECT_LE(listed.age, age) << "the oldest come first";
        age = listed.age;
        EXPECT_EQ(listed.route, "/users");
        EXPECT_EQ(listed.waiting_for, listed.id == "held-0" ? "database" : "database-queue");
        ASSERT_TRUE(listed.deadline);
        EXPECT_LE(*listed.deadline, 300);
        EXPECT_GT(*listed.deadline, 0);
    }
    for (std::size_t i = 0; i < count; ++i)
        EXPECT_TRUE(ids.contains("held-" + std::to_string(i))) << i;
    lock.reset();
    EXPECT_TRUE(eventually([&] { return InFlight(service, "?limit=0").total == 0; }));
}

/// A view instead of the table, which takes its time, with one connection: the first read runs,
/// the others wait for it to end.
TEST(RequestsInFlight, say_whether_they_wait_for_the_database_or_for_a_connection_to_it) {
    const std::string database = database_with_users(3);
    execute(database,
            "ALTER TABLE users RENAME TO people;"
            "CREATE VIEW users AS SELECT people.* FROM people, (SELECT pg_sleep(100)) AS slow");
    const Service service(database, {"--database-pool-size", "1", "--timeout-request", "100s",
                                     "--database-query-timeout", "100s"});
    {
        std::deque<RawClient> clients;
        clients.emplace_back(service.port()).send(request("/users", "runs"));
        ASSERT_TRUE(
            eventually([&] { return InFlight(service).waiting_for("runs") == "database"; }));
        for (const char* id : {"waits-1", "waits-2"})
            clients.emplace_back(service.port()).send(request("/users", id));
        ASSERT_TRUE(eventually([&] {
            const InFlight all(service);
            return all.waiting_for("waits-1") == "database-queue" &&
                   all.waiting_for("waits-2") == "database-queue";
        }));
        const InFlight all(service);
        EXPECT_EQ(all.summary, (std::map<std::string, std::size_t>{
                                   {"GET /users database", 1}, {"GET /users database-queue", 2}}));
    }
    EXPECT_TRUE(eventually([&] { return InFlight(service).total == 0; }))
        << "nobody waits for them any more";
}

TEST(RequestsInFlight, say_that_they_wait_for_a_client_who_does_not_read) {
    // Some 10 MB, far more than the buffers of both sockets hold.
    const std::string database = database_with_users(100'000);
    const Service service(database);
    {
        RawClient client(service.port(), 4096);
        client.send(request("/users", "lazy"));
        ASSERT_TRUE(eventually([&] { return InFlight(service).waiting_for("lazy") == "client"; }));
        EXPECT_EQ(get(service.url("/fast-task")).status, 200);
        EXPECT_EQ(InFlight(service).waiting_for("lazy"), "client");
    }
    EXPECT_TRUE(eventually([&] { return InFlight(service).total == 0; }));
    EXPECT_EQ(wait_for_line(service, "request_id", "lazy").number("http.response.status_code"),
              499);
}

TEST(RequestsInFlight, show_what_hostile_clients_sent_as_text) {
    const std::string database = database_with_users(3);
    const Service service(database, HeldRequests::arguments());
    const LockedUsers lock(database);
    RawClient client(service.port());
    const std::string hostile = "%22%7D%5D%3Cscript%3E%FF%0A%5C";
    client.send("GET /users?" + hostile + " HTTP/1.1\r\nHost: a\r\n" +
                "X-Forwarded-For: \"}],<script>\xff\r\nX-Request-ID: \"evil\"\r\n\r\n");
    ASSERT_TRUE(eventually([&] { return InFlight(service).total == 1; }));
    const Listed listed = InFlight(service).requests.at(0);
    EXPECT_EQ(listed.client, "127.0.0.1") << "what is no address is nobody's";
    EXPECT_EQ(listed.id.find('"'), std::string::npos);
}

/// Whose code blocks a loop after it has read from the database. The pool wakes its coroutines by
/// itself, so this is another way than that of timers.
TEST(HandlersThatReadFirst, are_named_when_they_block_the_loop) {
    const std::string database = database_with_users(3);
    observe::Metrics metrics;
    LogFile file;
    observe::Log log({"orders", "1.2.3"}, config::LogLevel::info, config::LogFormat::json,
                     file.descriptor());
    db::Pool pool({.url = database, .size = 1});
    pool.connect({});
    http::Telemetry telemetry(metrics, log, {.access_log = config::AccessLog::off});
    const auto read = [&](http::Request&) -> async::Task<http::Response> {
        co_return http::json(co_await pool.fetch_all("SELECT * FROM users"));
    };
    const auto block = [&](http::Request&) -> async::Task<http::Response> {
        auto rows = co_await pool.fetch_all("SELECT * FROM users");
        std::this_thread::sleep_for(300ms);
        co_return http::json(std::move(rows));
    };
    http::Server server({}, {{"GET", "/reads", read}, {"GET", "/blocks", block}},
                        [&](auto& loop) { return telemetry.observe(loop); });
    server.listen();
    RawClient innocent(server.port()), guilty(server.port());
    innocent.send(request("/reads", "innocent-1"));
    guilty.send(request("/reads", "before") + request("/blocks", "guilty") +
                request("/reads", "behind"));
    innocent.send(request("/reads", "innocent-2"));
    for (int i = 0; i < 3; ++i)
        EXPECT_THAT(guilty.read_response(), StartsWith("HTTP/1.1 200 "));
    for (int i = 0; i < 2; ++i)
        EXPECT_THAT(innocent.read_response(), StartsWith("HTTP/1.1 200 "));
    server.drain(20s);
    pool.disconnect();
    ASSERT_TRUE(log.close());
    const auto lines = log_lines(file.text());
    ASSERT_EQ(lines.size(), 1U) << file.text();
    EXPECT_EQ(lines[0].text("body"), "handler blocked the event loop");
    EXPECT_EQ(lines[0].text("http.route"), "/blocks");
    EXPECT_EQ(lines[0].text("request_id"), "guilty");
    EXPECT_GE(lines[0].number("blocked_s"), 0.1);
}

}  // namespace
}  // namespace signalbox::test
