// Standard streams that are closed, full or read by nobody.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "signalbox/testing/postgres.hpp"
#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/log_lines.hpp"
#include "support/paths.hpp"
#include "support/prometheus.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

/// The binary, started by a shell with these redirections.
std::vector<std::string> redirected(const std::string& redirections) {
    return {"/bin/sh", "-c", "exec \"$0\" \"$@\" " + redirections, service_binary()};
}

Exit run_redirected(const std::string& redirections, const std::vector<std::string>& arguments,
                    const std::vector<std::string>& environment = {}) {
    Process process(arguments, environment, {}, redirected(redirections));
    if (auto exit = process.wait_for_exit()) return *std::move(exit);
    throw std::runtime_error("it does not end: " + process.output());
}

std::string applied_migrations(const std::string& database) {
    return query_value(database, "SELECT count(*) FROM schema_migrations");
}

fs::path open_file(const Process& process, int number) {
    return fs::read_symlink("/proc/" + std::to_string(process.pid()) + "/fd/" +
                            std::to_string(number));
}

TEST(StandardStreams, may_be_closed_when_migrations_are_applied) {
    for (const char* closed : {"<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"}) {
        const std::string database = PostgresServer::shared().create_database();
        const Exit exit = run_redirected(closed, {"migrate", "--database-url", database});
        EXPECT_EQ(exit.status, 0) << closed << exit.output;
        EXPECT_EQ(applied_migrations(database), "1") << closed;
    }
}

TEST(StandardStreams, that_are_closed_are_no_sockets_of_the_service) {
    const std::string database = database_with_users(1);
    // Nobody can read its ready line.
    Process process({"--uds", "/tmp/signalbox-streams-" + std::to_string(::getpid()),
                     "--admin-port", "0", "--database-url", database},
                    {}, {}, redirected("<&- >&- 2>&-"));
    ASSERT_TRUE(eventually([&] { return process.listening_ports().size() == 1; }));
    const std::string admin =
        "http://127.0.0.1:" + std::to_string(*process.listening_ports().begin());
    ASSERT_TRUE(eventually([&] { return get(admin + "/readyz").status == 200; }));
    for (const int number : {0, 1, 2})
        EXPECT_EQ(open_file(process, number), "/dev/null") << number;
    process.signal(SIGTERM);
    const auto exit = process.wait_for_exit();
    ASSERT_TRUE(exit);
    EXPECT_EQ(exit->status, 0);
}

TEST(StandardStreams, that_take_nothing_make_commands_fail_that_print) {
    const std::string database = PostgresServer::shared().create_database();
    const std::vector<std::string> commands[] = {
        {"--help"},
        {"--version"},
        {"migrate", "--database-url", database},
        {"migrate", "--status", "--database-url", database}};
    for (const auto& command : commands) {
        const Exit exit = run_redirected(">/dev/full", command);
        EXPECT_EQ(exit.status, 1) << command[0];
        EXPECT_THAT(exit.output,
                    AllOf(StartsWith("{"), HasSubstr("cannot write to standard output")));
    }
    const Exit text = run_redirected(">/dev/full", {"--help"}, {"SIGNALBOX_LOG_FORMAT=text"});
    EXPECT_EQ(text.status, 1);
    EXPECT_EQ(text.output, "signalbox: cannot write to standard output\n");
    EXPECT_EQ(applied_migrations(database), "1") << "what cannot be told is still done";
    const std::vector<std::string> only_print[] = {
        {"--help"}, {"--version"}, {"migrate", "--status", "--database-url", database}};
    for (const auto& command : only_print) {
        const Exit exit = run_redirected(">&-", command);
        EXPECT_EQ(exit.status, 1) << command[0];
        EXPECT_THAT(exit.output, HasSubstr("cannot write to standard output"));
    }
}

TEST(StandardStreams, without_a_reader_end_no_migration) {
    const std::string database = PostgresServer::shared().create_database();
    Process process({"migrate", "--database-url", database}, {}, {},
                    {"/bin/bash", "-c", "exec 3> >(:); wait $!; exec \"$0\" \"$@\" >&3 3>&-",
                     service_binary()});
    const auto exit = process.wait_for_exit();
    ASSERT_TRUE(exit);
    EXPECT_EQ(exit->status, 1) << exit->output;
    EXPECT_EQ(applied_migrations(database), "1");
}

std::vector<std::string> lines_of(const std::string& text) {
    std::istringstream stream(text);
    std::vector<std::string> lines;
    for (std::string line; std::getline(stream, line);)
        lines.push_back(line);
    return lines;
}

TEST(StandardStreams, that_may_not_grow_lose_counted_lines_and_nothing_else) {
    const Service service(database_with_users(0));
    const auto request = [&](const std::string& id) {
        EXPECT_EQ(
            send({.url = service.url("/fast-task"), .headers = {"X-Request-ID: " + id}}).status,
            200);
    };
    const auto allow = [&](rlim_t bytes) {
        const rlimit limit{bytes, RLIM_INFINITY};
        ASSERT_EQ(::prlimit(service.pid(), RLIMIT_FSIZE, &limit, nullptr), 0);
    };
    const auto dropped = [&] { return service.metric("signalbox_log_messages_dropped_total", {}); };
    request("before");
    wait_for_line(service, "request_id", "before");

    // In the midst of the next line.
    allow(service.output().size() + 100);
    for (const char* id : {"lost-1", "lost-2", "lost-3"})
        request(id);
    ASSERT_TRUE(eventually([&] { return dropped() == 3; })) << dropped();

    allow(RLIM_INFINITY);
    request("after");
    ASSERT_TRUE(eventually(
        [&] { return service.output().find("\"request_id\":\"after\"") != std::string::npos; }));
    std::vector<std::string> broken;
    std::vector<std::string> requests;
    for (const std::string& line : lines_of(service.output())) {
        try {
            const LogLine parsed(line);
            if (parsed.has("request_id")) requests.push_back(parsed.text("request_id"));
        } catch (const std::runtime_error&) {
            broken.push_back(line);
        }
    }
    EXPECT_EQ(broken.size(), 1U) << service.output();
    EXPECT_THAT(requests, testing::ElementsAre("before", "after"));
    EXPECT_EQ(dropped(), 3);
}

}  // namespace
}  // namespace signalbox::test
