// From the start of the process to its end: what listens when, what the probes say, and what is
// said when it cannot start.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <optional>
#include <pqxx/pqxx>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "signalbox/testing/held_port.hpp"
#include "signalbox/testing/postgres.hpp"
#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/locked_users.hpp"
#include "support/log_lines.hpp"
#include "support/paths.hpp"
#include "support/service.hpp"
#include "support/silent_server.hpp"

namespace signalbox::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// A folder that everybody may read, and that goes with the test.
class Folder {
  public:
    Folder() {
        std::string name = (fs::temp_directory_path() / "signalbox-startup-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp " + name);
        path_ = name;
        fs::permissions(path_, fs::perms(0755));
    }
    ~Folder() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    std::string write(const std::string& name, const std::string& text) const {
        std::ofstream(path_ / name) << text;
        return path_ / name;
    }
    std::string path() const { return path_; }

  private:
    fs::path path_;
};

std::string local(int port, std::string_view path) {
    return "http://127.0.0.1:" + std::to_string(port) + std::string(path);
}

std::string failing(const std::string& check, const std::string& output) {
    return "\"" + check + R"(":[{"status":"fail","output":")" + output + "\"}]";
}

std::string passing(const std::string& check) {
    return "\"" + check + R"(":[{"status":"pass"}])";
}

TEST(Life, of_the_process_is_told_by_the_probes_at_each_step) {
    PostgresServer postgres;
    execute(postgres.database_url(), "CREATE DATABASE app");
    const std::string url = postgres.database_url("app");
    postgres.stop();
    const Folder migrations;
    for (const auto& file : fs::directory_iterator(test::source_folder() + "/migrations"))
        fs::copy(file, migrations.path());
    migrations.write("29990101000000_wait_for_the_gate.sql",
                     "-- migrate:up\n"
                     "DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM pg_class WHERE relname = 'gate') "
                     "LOOP PERFORM pg_sleep(0.02); END LOOP; END $$;\n"
                     "-- migrate:down\n");

    Process process({"--port", "0", "--admin-port", "0", "--log-format", "json", "--database-url",
                     url, "--migrate", "--migrations-dir", migrations.path(), "--shutdown-delay",
                     "6s", "--database-query-timeout", "30s"});
    std::set<int> ports;
    const auto listens_on = [&](std::size_t count) {
        return eventually([&] { return (ports = process.listening_ports()).size() == count; });
    };

    // The database is away.
    ASSERT_TRUE(
        eventually([&] { return process.output().find("trying again") != std::string::npos; }));
    ASSERT_TRUE(listens_on(1)) << process.output();
    const int admin = *ports.begin();
    EXPECT_EQ(get(local(admin, "/livez")).status, 200);
    auto ready = get(local(admin, "/readyz"));
    EXPECT_EQ(ready.status, 503);
    EXPECT_THAT(ready.body, AllOf(HasSubstr(failing("started", "starting")),
                                  HasSubstr(failing("database", "no connection"))));
    EXPECT_EQ(get(local(admin, "/readyz?exclude=database")).status, 503);

    // The database is there, and migrations run.
    postgres.start();
    ASSERT_TRUE(eventually([&] {
        return get(local(admin, "/readyz")).body.find(passing("database")) != std::string::npos;
    }));
    ready = get(local(admin, "/readyz?exclude=database"));
    EXPECT_EQ(ready.status, 503);
    EXPECT_THAT(ready.body, HasSubstr(failing("started", "starting")));
    EXPECT_EQ(get(local(admin, "/livez")).status, 200);
    EXPECT_EQ(process.listening_ports(), std::set{admin}) << "nobody may send requests yet";

    // It is ready.
    execute(url, "CREATE TABLE gate ()");
    ASSERT_TRUE(eventually([&] { return get(local(admin, "/readyz")).status == 200; }));
    EXPECT_EQ(get(local(admin, "/livez")).status, 200);
    ASSERT_TRUE(listens_on(2));
    ports.erase(admin);
    const int api = *ports.begin();
    EXPECT_EQ(get(local(api, "/users")).body, "[]");

    // It was asked to stop, and serves until load balancers have noticed.
    std::optional<LockedUsers> lock(std::in_place, url);
    auto read = std::async(std::launch::async, [&] { return get(local(api, "/users")); });
    ASSERT_TRUE(eventually([&] { return reads_held_by_a_lock(url) == 1; }));
    process.signal(SIGTERM);
    ASSERT_TRUE(eventually([&] { return get(local(admin, "/readyz")).status == 503; }));
    EXPECT_EQ(get(local(api, "/fast-task")).status, 200);
    ready = get(local(admin, "/readyz"));
    EXPECT_THAT(ready.body,
                AllOf(HasSubstr(passing("started")), HasSubstr(failing("accepting", "draining")),
                      HasSubstr(passing("database"))));
    EXPECT_EQ(get(local(admin, "/livez")).status, 200);

    // It drains: no more connections, and a request is still in flight.
    ASSERT_TRUE(eventually([&] { return process.listening_ports() == std::set{admin}; }));
    EXPECT_EQ(get(local(admin, "/readyz")).status, 503);
    EXPECT_EQ(get(local(admin, "/livez")).status, 200);
    EXPECT_THROW(get(local(api, "/fast-task")), std::runtime_error);
    lock.reset();
    EXPECT_EQ(read.get().status, 200);
    const auto exit = process.wait_for_exit();
    ASSERT_TRUE(exit);
    EXPECT_EQ(exit->status, 0);
}

/// A start that fails: with this status, and with this one line and no other.
void expect_failure(const std::vector<std::string>& arguments, int status,
                    const testing::Matcher<std::string>& line) {
    std::vector<std::string> all{"--port", "0", "--admin-port", "0", "--log-level", "critical"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const Exit exit = run_signalbox(all);
    EXPECT_EQ(exit.status, status) << exit.output;
    const auto lines = log_lines(exit.output);  // throws when one is no JSON
    ASSERT_EQ(lines.size(), 1U) << exit.output;
    EXPECT_EQ(lines.front().text("severity_text"), "FATAL");
    EXPECT_THAT(lines.front().text("body"), line);
    EXPECT_THAT(exit.output, Not(HasSubstr("hunter2")));
}

TEST(FailedStart, names_the_port_that_is_taken_and_its_flag) {
    const std::string database = database_with_users(0);
    const Service first(database);
    const auto port = [](int number) { return std::to_string(number); };
    expect_failure({"--database-url", database, "--port", port(first.port())}, 1,
                   AllOf(HasSubstr("127.0.0.1:" + port(first.port())), HasSubstr("in use"),
                         HasSubstr("--port")));
    expect_failure({"--database-url", database, "--admin-port", port(first.admin_port())}, 1,
                   AllOf(HasSubstr("127.0.0.1:" + port(first.admin_port())), HasSubstr("in use"),
                         HasSubstr("--admin-port")));
    expect_failure({"--database-url", database, "--host", "192.0.2.1"}, 1,
                   AllOf(HasSubstr("192.0.2.1:0"), HasSubstr("--host")));
}

TEST(FailedStart, says_what_is_wrong_with_the_database) {
    const Folder folder;
    const std::string rules = folder.write("pg_hba.conf",
                                           "local all postgres trust\n"
                                           "local all all scram-sha-256\n");
    const PostgresServer server({.settings = {"hba_file=" + rules}});
    execute(server.database_url(), "CREATE ROLE someone LOGIN PASSWORD 'right'");
    const std::string host = "?host=" + server.socket_directory().string();
    expect_failure({"--database-url", "postgresql://someone:hunter2@/postgres" + host,
                    "--database-startup-timeout", "2s"},
                   1,
                   AllOf(HasSubstr("password authentication failed"), HasSubstr("someone"),
                         HasSubstr("DATABASE_URL")));
    expect_failure({"--database-url", "postgresql://postgres:hunter2@/nowhere" + host,
                    "--database-startup-timeout", "2s"},
                   1, AllOf(HasSubstr("\"nowhere\" does not exist"), HasSubstr("DATABASE_URL")));
    const HeldPort nobody;
    const std::string address = "127.0.0.1:" + nobody.text();
    expect_failure({"--database-url", "postgresql://postgres:hunter2@" + address + "/nowhere",
                    "--database-startup-timeout", "500ms"},
                   1, AllOf(HasSubstr(address), HasSubstr("refused"), HasSubstr("DATABASE_URL")));
}

/// Ends at once, and not when what it waits for has ended.
void expect_stopped(Process& process, const testing::Matcher<std::string>& last_word) {
    const auto start = std::chrono::steady_clock::now();
    process.signal(SIGTERM);
    const auto exit = process.wait_for_exit();
    EXPECT_LT(std::chrono::steady_clock::now() - start, 3s);
    ASSERT_TRUE(exit);
    EXPECT_EQ(exit->status, 1) << exit->output;
    EXPECT_THAT(log_lines(exit->output).back().text("body"), last_word);
}

std::vector<std::string> start_arguments(const std::string& database_url) {
    return {"--port",       "0",    "--admin-port",   "0",
            "--log-format", "json", "--database-url", database_url};
}

TEST(Start, can_be_stopped_inside_of_a_connect_that_gets_no_answer) {
    const SilentServer server;
    Process process(start_arguments(server.url("connect_timeout=60")));
    ASSERT_TRUE(server.is_asked());
    expect_stopped(process, HasSubstr("stopped"));
}

TEST(Start, can_be_stopped_while_another_process_migrates) {
    const std::string url = PostgresServer::shared().create_database();
    pqxx::connection connection(url);
    pqxx::work another(connection);
    another.exec("SELECT pg_advisory_xact_lock(8316291910694888047)");
    auto arguments = start_arguments(url);
    arguments.emplace_back("--migrate");
    Process process(arguments);
    wait_for_line(process, "body", "Waiting: another process is migrating this database");
    expect_stopped(process, "stopped by a signal");
}

TEST(Start, waits_for_connections_to_become_free) {
    const std::string url = database_with_users(0);
    execute(url,
            "CREATE ROLE three LOGIN CONNECTION LIMIT 3; GRANT SELECT ON ALL TABLES IN SCHEMA "
            "public TO three");
    const std::string database = url + "&user=three";
    {
        std::vector<std::unique_ptr<pqxx::connection>> others;
        for (int i = 0; i < 3; ++i)
            others.push_back(std::make_unique<pqxx::connection>(database));
        Process process(start_arguments(database));
        ASSERT_TRUE(eventually([&] {
            return process.output().find("too many connections for role") != std::string::npos;
        })) << process.output();
        others.clear();
        ASSERT_TRUE(eventually([&] {
            return process.output().find("ready: serving on") != std::string::npos;
        })) << process.output();
    }
    // The pool's own are no others: it leaves one for the look at the schema.
    const Service service(database,
                          {"--database-pool-size", "3", "--database-startup-timeout", "5s"});
    EXPECT_EQ(get(service.url("/users")).body, "[]");
    execute(url, "DROP OWNED BY three");
}

TEST(Start, waits_for_a_standby_to_be_promoted) {
    PostgresServer server;
    execute(server.database_url(), "CREATE DATABASE app");
    const std::string url = server.database_url("app");
    ASSERT_EQ(run_signalbox({"migrate", "--database-url", url}).status, 0);
    execute(url, "ALTER DATABASE app SET default_transaction_read_only = on");
    Process process(start_arguments(url + "&target_session_attrs=read-write"));
    ASSERT_TRUE(eventually([&] {
        return process.output().find("session is read-only") != std::string::npos;
    })) << process.output();
    execute(url + "&options=-c%20default_transaction_read_only%3Doff",
            "ALTER DATABASE app SET default_transaction_read_only = off");
    ASSERT_TRUE(eventually([&] {
        return process.output().find("ready: serving on") != std::string::npos;
    })) << process.output();
}

TEST(Start, has_the_service_manager_wait_while_it_migrates) {
    const Folder folder;
    const std::string path = folder.path() + "/notify";
    const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    const auto told = [&] {
        char text[256];
        pollfd message{.fd = socket, .events = POLLIN, .revents = 0};
        if (::poll(&message, 1, 20000) != 1) return std::string("nothing");
        const auto size = ::recv(socket, text, sizeof text, 0);
        return std::string(text, static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    };
    const std::string url = PostgresServer::shared().create_database();
    {
        const Service service(url, {"--migrate"}, {"NOTIFY_SOCKET=" + path});
        EXPECT_EQ(told(), "EXTEND_TIMEOUT_USEC=30000000");
        EXPECT_EQ(told(), "READY=1");
    }
    ::close(socket);
}

TEST(Start, depends_on_nothing_that_a_database_has_set) {
    const std::string url = database_with_users(1);
    const std::string before = [&] {
        const Service service(url);
        return get(service.url("/users")).body;
    }();
    const std::string database = query_value(url, "SELECT quote_ident(current_database())");
    for (const std::string setting :
         {"lock_timeout = '1ms'", "idle_session_timeout = '300ms'", "extra_float_digits = -10",
          "intervalstyle = 'iso_8601'", "bytea_output = 'escape'", "timezone = 'Asia/Kolkata'",
          "datestyle = 'German'"})
        execute(url, "ALTER DATABASE " + database + " SET " + setting);
    execute(url,
            "ALTER TABLE users ADD COLUMN f float8 DEFAULT 0.1::float8 + 0.2::float8, ADD COLUMN i "
            "interval DEFAULT "
            "'1 day 2 hours', ADD COLUMN b bytea DEFAULT '\\x00ff'");
    const Service service(url, {"--database-pool-size", "2"});
    const std::string answer = get(service.url("/users")).body;
    EXPECT_THAT(answer, HasSubstr(before.substr(0, before.size() - 2)));
    EXPECT_THAT(answer,
                AllOf(HasSubstr("\"f\":0.30000000000000004"), HasSubstr("\"i\":\"1 day 02:00:00\""),
                      HasSubstr("\"b\":\"\\\\x00ff\"")));

    std::optional<LockedUsers> lock(
        std::in_place, url + "&options=-c%20lock_timeout%3D0%20-c%20idle_session_timeout%3D0");
    auto read = std::async(std::launch::async, [&] { return get(service.url("/users")).status; });
    ASSERT_TRUE(eventually([&] { return reads_held_by_a_lock(url) == 1; }));
    std::this_thread::sleep_for(100ms);  // longer than lock_timeout
    lock.reset();
    EXPECT_EQ(read.get(), 200);

    // Longer than an idle session may be: no connection was lost meanwhile.
    std::this_thread::sleep_for(1s);
    EXPECT_EQ(get(service.url("/users")).body, answer);
    EXPECT_THAT(service.output(), Not(HasSubstr("lost a connection")));
}

TEST(FailedStart, says_what_is_wrong_with_the_migrations) {
    const std::string database = PostgresServer::shared().create_database();
    const Folder folder;
    const auto with = [&](const std::string& migrations) {
        return std::vector<std::string>{"--database-url", database, "--migrate", "--migrations-dir",
                                        migrations};
    };
    expect_failure({"--database-url", database}, 1,
                   AllOf(HasSubstr("1 pending migration"), HasSubstr("signalbox migrate")));
    expect_failure(with(folder.path() + "/missing"), 1,
                   AllOf(HasSubstr(folder.path() + "/missing"), HasSubstr("--migrations-dir")));
    expect_failure(with(folder.path()), 1,
                   AllOf(HasSubstr(folder.path()), HasSubstr("--migrations-dir")));
    expect_failure(with(folder.write("20260101000000_broken.sql", "SELECT 1;\n")), 1,
                   AllOf(HasSubstr(folder.path()), HasSubstr("--migrations-dir")));
    expect_failure(with(folder.path()), 1,
                   AllOf(HasSubstr("20260101000000_broken.sql"), HasSubstr("migrate:up")));
}

TEST(FormerNames, are_taken_with_a_warning_in_the_log) {
    const std::string database = database_with_users(0);
    const Service service(database, {"--no-share-reads", "--log-format", "json"},
                          {"SIGNALBOX_REQUEST_TIMEOUT=29s"});
    std::vector<std::string> warnings;
    for (const LogLine& line : log_lines(service.output())) {  // throws when one is no JSON
        if (line.text("severity_text") == "WARN") warnings.push_back(line.text("body"));
    }
    EXPECT_THAT(warnings, testing::UnorderedElementsAre(
                              AllOf(StartsWith("--no-share-reads has become"),
                                    HasSubstr("--database-share-reads on or off")),
                              AllOf(StartsWith("SIGNALBOX_REQUEST_TIMEOUT has become"),
                                    HasSubstr("SIGNALBOX_TIMEOUT_REQUEST"))));
}

TEST(FailedStart, names_the_variable_whose_value_makes_no_sense) {
    const std::vector<std::string> variables[] = {
        {"SIGNALBOX_PORT=x"},           {"SIGNALBOX_DATABASE_PREPARE=x"},
        {"SIGNALBOX_TIMEOUT_WRITE=5"},  {"SIGNALBOX_LIMIT_REQUEST_BODY=x"},
        {"SIGNALBOX_LOG_LEVEL=x"},      {"SIGNALBOX_MIGRATE=x"},
        {"FORWARDED_ALLOW_IPS=x"},      {"DATABASE_URL=hunter2"},
        {"SIGNALBOX_REQUEST_TIMEOUT=x"}};
    for (const auto& variable : variables) {
        const Exit exit = run_signalbox({"serve"}, variable);
        const std::string name = variable[0].substr(0, variable[0].find('='));
        EXPECT_EQ(exit.status, 2) << exit.output;
        const auto lines = log_lines(exit.output);
        ASSERT_EQ(lines.size(), 1U) << exit.output;
        EXPECT_THAT(lines.front().text("body"), StartsWith(name + ": "));
        EXPECT_THAT(exit.output, Not(HasSubstr("hunter2")));
    }
}

TEST(FailedStart, names_the_flag_whose_value_makes_no_sense) {
    struct {
        std::vector<std::string> arguments;
        std::string says;
    } const cases[] = {
        {{"--database-url", "postgresql://someone:hunter2@x@y/z"}, "--database-url"},
        {{"--database-url", "mysql://someone:hunter2@host/z"}, "--database-url"},
        {{"--database-url", "postgresql://someone:hunter2@host/z?sslmode=requir"}, "sslmode"},
        {{"--database-url", "postgresql://someone:hunter2@host/z?schema=x"}, "parameter schema"},
        {{"--database-url", "postgresql+asyncpg://someone:hunter2@host/z"}, "postgresql://"},
        {{"--database-url", "'postgresql://someone:hunter2@host/z'"}, "quotation mark"},
        {{"--forwarded-headers", "x-forwarded-for,forwarded"}, "--forwarded-headers"},
        {{"--port", "99999"}, "--port"},
        {{"--admin-port", "-1"}, "--admin-port"},
        {{"--limit-concurrency", "0"}, "--limit-concurrency"},
        {{"--limit-connections", "1000001"}, "--limit-connections"},
        {{"--limit-connections", "1000000"}, "ulimit -Hn"},
        {{"--limit-request-head", "10"}, "--limit-request-head"},
        {{"--database-pool-size", "0"}, "--database-pool-size"},
        {{"--database-query-timeout", "31s"}, "--timeout-request"},
        {{"--timeout-graceful-shutdown", "soon"}, "--timeout-graceful-shutdown"},
        {{"--no-such-flag"}, "--no-such-flag"},
    };
    for (const auto& [arguments, says] : cases)
        expect_failure(arguments, 2, HasSubstr(says));
}

TEST(FailedStart, is_told_in_the_form_that_the_log_has) {
    const auto line = [](std::vector<std::string> arguments,
                         const std::vector<std::string>& environment = {}) {
        arguments.insert(arguments.end(), {"--port", "x"});
        return run_signalbox(arguments, environment).output;
    };
    EXPECT_THAT(line({"--log-format", "text"}), StartsWith("signalbox: --port: "));
    EXPECT_THAT(line({"--log-format=text"}), StartsWith("signalbox: --port: "));
    EXPECT_THAT(line({}, {"SIGNALBOX_LOG_FORMAT=text"}), StartsWith("signalbox: --port: "));
    EXPECT_THAT(line({"--log-format", "json"}, {"SIGNALBOX_LOG_FORMAT=text"}), StartsWith("{"));
    EXPECT_THAT(line({}), StartsWith("{"));
}

/// The binary, of a user that nobody else is, with so many threads.
std::vector<std::string> with_threads(int threads) {
    const std::string limit = std::to_string(threads);
    return {"/usr/bin/prlimit", "--nproc=" + limit + ":" + limit,           "/usr/bin/setpriv",
            "--reuid",          std::to_string(1'000'000'000 + ::getpid()), "--clear-groups",
            service_binary()};
}

// As a container's pids.max and `ulimit -u` allow it few.
TEST(FailedStart, says_that_threads_are_missing_however_few_there_are) {
    if (::geteuid() != 0) GTEST_SKIP() << "a user of its own takes root";
    // That user may not enter the folder of a Unix socket.
    const PostgresServer server({.tcp = true});
    execute(server.database_url(), "CREATE DATABASE app");
    const std::string database = server.tcp_url("app");
    ASSERT_EQ(run_signalbox({"migrate", "--database-url", database}).status, 0);
    bool served = false;
    for (int threads = 1; !served; ++threads) {
        ASSERT_LE(threads, 40);
        Process process({"--port", "0", "--admin-port", "0", "--database-url", database,
                         "--workers", "2", "--database-pool-size", "3", "--log-format", "json"},
                        {}, {}, with_threads(threads));
        ASSERT_TRUE(eventually([&] {
            return process.has_ended() ||
                   process.output().find("ready: serving") != std::string::npos;
        })) << threads;
        if (!process.has_ended()) {
            served = true;
            continue;
        }
        const auto exit = process.wait_for_exit();
        ASSERT_TRUE(exit);
        EXPECT_EQ(exit->status, 1) << threads << " threads: " << exit->output;
        EXPECT_THAT(exit->output, AllOf(HasSubstr("cannot start another thread"),
                                        HasSubstr("--workers"), HasSubstr("--database-pool-size")))
            << threads;
    }
}

}  // namespace
}  // namespace signalbox::test
