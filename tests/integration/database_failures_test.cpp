// PostgreSQL that fails in every way, under load. What is the same in each case: the process stays
// up, /fast-task notices nothing, /users answers with exactly the right rows or with 503 and in
// time, the probe and the metrics tell, and all is well again when the database is.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <future>
#include <map>
#include <optional>
#include <pqxx/pqxx>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "signalbox/testing/postgres.hpp"
#include "support/database_faults.hpp"
#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/load.hpp"
#include "support/locked_users.hpp"
#include "support/prometheus.hpp"
#include "support/service.hpp"
#include "support/tcp_proxy.hpp"

namespace signalbox::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;
using Clock = std::chrono::steady_clock;

/// A database that has the project's tables, and users. It outlives a server that is killed.
std::string make_database(PostgresServer& server) {
    execute(server.database_url(), "CREATE DATABASE app");
    const std::string url = server.database_url("app");
    const Exit migrated = run_signalbox({"migrate", "--database-url", url});
    if (migrated.status != 0) throw std::runtime_error("migrate failed: " + migrated.output);
    return url;
}

struct DatabaseFailure : testing::Test {
    static constexpr int pool_size = 4;
    static constexpr auto request_timeout = 6000ms;

    PostgresServer server{{.tcp = true, .settings = {"max_connections=16"}}};
    const std::string url = make_database(server);
    const std::string rows = fill_users(url, "first");
    std::optional<Service> service;
    std::optional<Load> load;

    void SetUp() override {
        execute(url, "CHECKPOINT");  // the test's PostgreSQL keeps nothing else over a kill
    }

    /// The service under load, its pool complete. Where it gets its database from is the caller's.
    void serve(const std::string& database_url, std::vector<std::string> arguments = {},
               const std::vector<std::string>& environment = {}) {
        arguments.insert(arguments.end(), {"--database-pool-size", std::to_string(pool_size),
                                           "--timeout-request", "6s"});
        service.emplace(database_url, arguments, environment);
        load.emplace(*service, rows);
        ASSERT_TRUE(eventually([&] { return sessions_of_the_service(url) == pool_size; }));
        ASSERT_TRUE(eventually([&] { return load->counts().users > 20; }));
    }

    bool is_ready() const { return get(service->admin_url("/readyz")).status == 200; }

    /// The probe and the metrics say that the database is away.
    void expect_told() {
        const auto failed = Clock::now();
        EXPECT_TRUE(eventually([&] { return !is_ready(); })) << "/readyz";
        EXPECT_TRUE(eventually([&] {
            return service->metric("signalbox_database_reachable") == 0;
        })) << "/metrics";
        record("told_after_ms", failed);
        EXPECT_EQ(get(service->admin_url("/readyz?exclude=database")).status, 200);
        EXPECT_EQ(get(service->admin_url("/livez")).status, 200);
    }

    void expect_reads_to_fail() {
        const long before = load->counts().unavailable;
        EXPECT_TRUE(eventually([&] { return load->counts().unavailable > before + 3; }));
    }

    /// Right after the database is back.
    void expect_recovery(const std::string& database_url) {
        const auto back = Clock::now();
        EXPECT_TRUE(eventually([&] { return get(service->url("/users")).status == 200; }));
        record("answers_after_ms", back);
        EXPECT_TRUE(eventually([&] { return is_ready(); }));
        EXPECT_TRUE(eventually([&] { return sessions_of_the_service(database_url) == pool_size; }));
        record("whole_pool_after_ms", back);
        EXPECT_EQ(service->metric("signalbox_database_reachable"), 1);
        EXPECT_TRUE(eventually([&] { return load->counts().failing == 0; }));
        EXPECT_TRUE(eventually(
            [this] {
                const Load::Counts before = load->counts();
                return eventually([&] { return load->counts().users > before.users + 200; }) &&
                       load->counts().unavailable == before.unavailable;
            },
            60s))
            << "it is back, and still reads fail";
        expect_that_nothing_else_noticed();
    }

    void expect_that_nothing_else_noticed() {
        const Load::Counts counts = load->stop();
        EXPECT_THAT(counts.wrong, IsEmpty());
        EXPECT_GT(counts.fast, 100);
        EXPECT_LT(counts.slowest_fast, 2s) << "/fast-task needs no database";
        EXPECT_LT(counts.slowest_users, request_timeout + 1s);
        RecordProperty("fast", static_cast<int>(counts.fast));
        RecordProperty("users", static_cast<int>(counts.users));
        RecordProperty("unavailable", static_cast<int>(counts.unavailable));
        RecordProperty("slowest_fast_ms", static_cast<int>(counts.slowest_fast.count()));
        RecordProperty("slowest_users_ms", static_cast<int>(counts.slowest_users.count()));

        EXPECT_FALSE(service->has_ended()) << service->output();
        service->signal(SIGTERM);
        const auto exit = service->wait_for_exit();
        ASSERT_TRUE(exit);
        EXPECT_EQ(exit->status, 0) << exit->output;
    }

    /// For who looks: the specification says 5 s, which a busy machine need not keep.
    static void record(const std::string& name, Clock::time_point since) {
        const auto took =
            std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - since);
        RecordProperty(name, static_cast<int>(took.count()));
    }
};

TEST_F(DatabaseFailure, killed_and_restarted) {
    serve(url, {"--database-query-timeout", "2s"});
    server.kill();
    expect_told();
    expect_reads_to_fail();
    server.start();
    expect_recovery(url);
}

TEST_F(DatabaseFailure, stopped_and_restarted) {
    serve(server.tcp_url("app"),
          {"--database-query-timeout", "2s", "--database-share-reads", "off"});
    server.stop();
    expect_told();
    expect_reads_to_fail();
    server.start();
    expect_recovery(url);
}

TEST_F(DatabaseFailure, frozen_for_20_seconds) {
    // With the default timeouts: one read is under way, the other connections are idle.
    serve(url);
    const auto frozen = Clock::now();
    freeze(server);
    expect_told();
    expect_reads_to_fail();
    std::this_thread::sleep_until(frozen + 20s);
    thaw(server);
    expect_recovery(url);
}

TEST_F(DatabaseFailure, frozen_while_every_connection_is_busy) {
    serve(url, {"--database-query-timeout", "2s", "--database-share-reads", "off"});
    execute(url,
            "ALTER TABLE users RENAME TO all_users; CREATE VIEW users AS SELECT all_users.* "
            "FROM all_users, pg_sleep(0.05)");
    freeze(server);
    expect_told();
    expect_reads_to_fail();
    thaw(server);
    expect_recovery(url);
}

TEST_F(DatabaseFailure, every_session_ended_again_and_again) {
    serve(url);
    for (int i = 0; i < 20; ++i) {
        end_all_sessions(url);
        EXPECT_TRUE(eventually([&] { return sessions_of_the_service(url) == pool_size; }));
    }
    EXPECT_GT(service->metric("signalbox_reads_retried_total"), 0);
    expect_recovery(url);
}

TEST_F(DatabaseFailure, network_cut_without_a_reset) {
    TcpProxy network(server.tcp_port());
    serve("postgresql://postgres@127.0.0.1:" + std::to_string(network.port()) + "/app",
          {"--database-query-timeout", "2s"});
    network.cut();
    expect_told();
    expect_reads_to_fail();
    network.mend();
    expect_recovery(url);
}

TEST_F(DatabaseFailure, network_cut_by_what_forgets_all_connections) {
    TcpProxy network(server.tcp_port());
    serve("postgresql://postgres@127.0.0.1:" + std::to_string(network.port()) + "/app",
          {"--database-query-timeout", "2s", "--database-share-reads", "off"});
    network.cut();
    expect_told();
    expect_reads_to_fail();
    network.mend_and_forget();
    expect_recovery(url);
}

TEST_F(DatabaseFailure, others_have_taken_all_its_connections) {
    serve(url, {"--database-query-timeout", "2s"});
    auto others = take_all_connections(url, 16);
    EXPECT_EQ(others.size(), 16U);
    expect_told();
    expect_reads_to_fail();
    EXPECT_THAT(service->output(), HasSubstr("too many clients"));
    others.clear();
    expect_recovery(url);
}

TEST_F(DatabaseFailure, failed_over_to_the_second_server_of_the_url) {
    PostgresServer second{{.tcp = true}};
    const std::string second_url = make_database(second);
    const std::string second_rows = fill_users(second_url, "second");
    execute(second_url, "ALTER SYSTEM SET default_transaction_read_only = on");
    execute(second_url, "SELECT pg_reload_conf()");
    serve("postgresql://postgres@127.0.0.1:" + std::to_string(server.tcp_port()) + ",127.0.0.1:" +
              std::to_string(second.tcp_port()) + "/app?target_session_attrs=read-write",
          {"--database-query-timeout", "2s"});
    server.kill();
    expect_told();
    expect_reads_to_fail();
    EXPECT_EQ(sessions_of_the_service(second_url), 0) << "it is read-only";

    load->accept(second_rows);
    execute(second_url, "ALTER SYSTEM SET default_transaction_read_only = off");
    execute(second_url, "SELECT pg_reload_conf()");
    EXPECT_TRUE(eventually([&] { return get(service->url("/users")).body == second_rows; }));
    expect_recovery(second_url);
}

TEST_F(DatabaseFailure, password_rotated_through_the_file) {
    const auto url_with = [&](const std::string& password) {
        return "postgresql://app:" + password + "@/app?host=" + server.socket_directory().string() +
               "&port=" + std::to_string(server.tcp_port());
    };
    execute(url, "CREATE ROLE app SUPERUSER LOGIN PASSWORD 'old-secret'");
    const auto rules = server.socket_directory() / "data" / "pg_hba.conf";
    std::ofstream(rules) << "local all app scram-sha-256\nlocal all all trust\n";
    execute(url, "SELECT pg_reload_conf()");
    const SecretFile secret;
    secret.write(url_with("old-secret"));
    serve("", {"--database-query-timeout", "2s"}, {"DATABASE_URL_FILE=" + secret.path()});

    execute(url, "ALTER ROLE app PASSWORD 'new-secret'");
    const long before = load->counts().users;
    EXPECT_TRUE(eventually([&] { return load->counts().users > before + 100; }));
    EXPECT_EQ(load->counts().unavailable, 0) << "open connections go on";

    end_all_sessions(url);
    expect_told();
    expect_reads_to_fail();
    EXPECT_THAT(service->output(), HasSubstr("password authentication failed"));
    secret.write(url_with("new-secret"));
    expect_recovery(url);
}

/// Reads that wait for a lock are in PostgreSQL for as long as the test wants.
struct BrokenRead : testing::Test {
    const std::string database = database_with_users(1);

    static std::string held_read(const std::string& database) {
        return query_value(database,
                           "SELECT pid FROM pg_stat_activity WHERE datname = current_database() "
                           "AND application_name = 'signalbox' AND wait_event_type = 'Lock'");
    }
    /// Waits for a read that the lock holds back, on another session than `before`.
    std::string next_held_read(const std::string& before = "") const {
        std::string pid;
        EXPECT_TRUE(eventually([&] {
            pid = held_read(database);
            return !pid.empty() && pid != before;
        }));
        return pid;
    }
    void terminate(const std::string& pid) const {
        execute(database, "SELECT pg_terminate_backend(" + pid + ")");
    }
};

TEST_F(BrokenRead, is_executed_once_more_and_counted) {
    const Service service(database,
                          {"--database-pool-size", "2", "--database-query-timeout", "30s"});
    EXPECT_EQ(service.metric("signalbox_reads_retried_total"), 0);
    std::optional<LockedUsers> lock(std::in_place, database);
    auto response = std::async(std::launch::async, [&] { return get(service.url("/users")); });
    const std::string first = next_held_read();
    terminate(first);
    next_held_read(first);
    lock.reset();
    EXPECT_EQ(response.get().status, 200);
    EXPECT_EQ(service.metric("signalbox_reads_retried_total"), 1);
}

TEST_F(BrokenRead, is_not_executed_a_third_time) {
    const Service service(database,
                          {"--database-pool-size", "2", "--database-query-timeout", "20s"});
    const LockedUsers lock(database);
    auto response = std::async(std::launch::async, [&] { return get(service.url("/users")); });
    const std::string first = next_held_read();
    terminate(first);
    terminate(next_held_read(first));
    const auto answer = response.get();
    EXPECT_EQ(answer.status, 503);
    EXPECT_LT(answer.duration, 15s) << "it need not wait for its deadline";
    EXPECT_TRUE(eventually([&] { return sessions_of_the_service(database) == 2; }));
    EXPECT_EQ(held_read(database), "");
    EXPECT_EQ(service.metric("signalbox_reads_retried_total"), 1);
}

TEST_F(BrokenRead, has_no_more_time_than_any_other) {
    const Service service(database,
                          {"--database-pool-size", "2", "--database-query-timeout", "4s"});
    const LockedUsers lock(database);
    auto response = std::async(std::launch::async, [&] { return get(service.url("/users")); });
    const std::string first = next_held_read();
    // Late, so that a deadline of its own would be late, too.
    EXPECT_TRUE(eventually([&] {
        return query_value(database,
                           "SELECT now() - query_start > interval '3 s' FROM "
                           "pg_stat_activity WHERE pid = " +
                               first) == "t";
    }));
    terminate(first);
    const auto answer = response.get();
    EXPECT_EQ(answer.status, 503);
    EXPECT_LT(answer.duration, 6500ms);
    EXPECT_TRUE(eventually([&] { return held_read(database).empty(); }))
        << "nobody waits for it any more";
}

/// The sessions of the service by their process, and for how many seconds each has been there.
std::map<std::string, double> sessions(pqxx::connection& connection) {
    std::map<std::string, double> found;
    for (const auto& row :
         pqxx::nontransaction(connection)
             .exec("SELECT pid, extract(epoch FROM clock_timestamp() - backend_start)::float8 FROM "
                   "pg_stat_activity WHERE datname = current_database() AND "
                   "application_name = 'signalbox'"))
        found[row[0].as<std::string>()] = row[1].as<double>();
    return found;
}

TEST(IdleConnection, that_was_closed_is_noticed_before_it_is_used) {
    const std::string database = database_with_users(1);
    const Service service(database, {"--database-pool-size", "1"});
    pqxx::connection observer(database);
    for (int i = 0; i < 4; ++i) {
        EXPECT_EQ(get(service.url("/users")).status, 200);
        std::this_thread::sleep_for(1100ms);  // what idle means here
        const auto ended = sessions(observer);
        end_all_sessions(database);
        // PostgreSQL forgets them a moment before their processes, and with these the sockets, end.
        ASSERT_TRUE(eventually([&] {
            return std::all_of(ended.begin(), ended.end(), [](auto& one) {
                return ::kill(std::stoi(one.first), 0) != 0 && errno == ESRCH;
            });
        }));
        EXPECT_EQ(get(service.url("/users")).status, 200);
    }
    EXPECT_EQ(service.metric("signalbox_reads_retried_total"), 0);
}

/// How long a session of this process lasted, in seconds; nothing while it lasts. By the log of a
/// server that is told to log disconnections, behind the process: who looks now and then at the
/// sessions sees the end of one late on a busy machine.
std::optional<double> lifetime(const std::string& log, const std::string& process) {
    const std::string before = "\n" + process + " LOG:  disconnection: session time: ";
    const std::size_t found = log.find(before);
    if (found == std::string::npos) return std::nullopt;
    const std::size_t time = found + before.size();
    const std::size_t end = log.find(" user=", time);
    int hours = 0;
    int minutes = 0;
    double seconds = 0;
    if (end == std::string::npos || std::sscanf(log.substr(time, end - time).c_str(), "%d:%d:%lf",
                                                &hours, &minutes, &seconds) != 3) {
        return std::nullopt;
    }
    return 3600 * hours + 60 * minutes + seconds;
}

TEST(Lifetime, of_connections_ends_one_by_one_and_no_read_notices) {
    PostgresServer server{{.settings = {"log_disconnections=on", "log_line_prefix=%p "}}};
    const std::string database = make_database(server);
    const std::string rows = fill_users(database, "users");
    const Service service(database, {"--database-pool-size", "10", "--database-max-lifetime", "5s",
                                     "--database-share-reads", "off"});
    Load load(service, rows);
    pqxx::connection observer(database);
    std::map<std::string, double> lives;
    ASSERT_TRUE(eventually([&] { return (lives = sessions(observer)).size() == 10; }));
    ASSERT_TRUE(eventually([&] {
        const std::string log = server.log();
        return std::all_of(lives.begin(), lives.end(), [&](auto& life) {
            const auto time = lifetime(log, life.first);
            if (time) life.second = *time;
            return time.has_value();
        });
    }));
    EXPECT_TRUE(eventually([&] { return sessions(observer).size() == 10; }));
    const auto [shortest, longest] = std::minmax_element(
        lives.begin(), lives.end(), [](auto& a, auto& b) { return a.second < b.second; });
    EXPECT_GT(shortest->second, 4);
    EXPECT_LT(longest->second, 8);
    EXPECT_GT(longest->second - shortest->second, 0.1) << "all after the same time";
    const Load::Counts counts = load.stop();
    EXPECT_THAT(counts.wrong, IsEmpty());
    EXPECT_GT(counts.users, 100);
    EXPECT_EQ(counts.unavailable, 0);
    EXPECT_LT(counts.slowest_users, 2s);
    EXPECT_EQ(service.metric("signalbox_reads_retried_total"), 0);
}

}  // namespace
}  // namespace signalbox::test
