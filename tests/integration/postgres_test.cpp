#include "signalbox/testing/postgres.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>

#include "support/eventually.hpp"

namespace signalbox::test {
namespace {

TEST(PostgresServer, gives_each_test_an_empty_database) {
    const auto first = PostgresServer::shared().create_database();
    const auto second = PostgresServer::shared().create_database();
    execute(first, "CREATE TABLE t (a int); INSERT INTO t VALUES (7)");
    EXPECT_EQ(query_value(first, "SELECT a FROM t"), "7");
    EXPECT_THROW(execute(second, "SELECT a FROM t"), std::runtime_error);
}

TEST(PostgresServer, keeps_its_data_and_address_over_stop_kill_and_restart) {
    PostgresServer server{{.tcp = true, .settings = {"max_connections=7"}}};
    const auto url = server.tcp_url();
    EXPECT_EQ(query_value(url, "SHOW max_connections"), "7");
    execute(url, "CREATE TABLE t (a int); INSERT INTO t VALUES (1); CHECKPOINT");

    server.stop();
    EXPECT_THROW(execute(url, "SELECT 1"), std::runtime_error);
    server.start();
    EXPECT_EQ(query_value(url, "SELECT a FROM t"), "1");

    server.kill();
    EXPECT_FALSE(server.running());
    EXPECT_TRUE(server.processes().empty());
    EXPECT_THROW(execute(url, "SELECT 1"), std::runtime_error);
    server.start();
    EXPECT_EQ(query_value(url, "SELECT a FROM t"), "1");

    server.restart(PostgresServer::Stop::immediate);
    EXPECT_EQ(query_value(server.database_url(), "SELECT a FROM t"), "1");
}

TEST(PostgresServer, says_why_it_cannot_start) {
    try {
        PostgresServer server{{.settings = {"max_connections=none"}}};
        FAIL() << "it started";
    } catch (const std::runtime_error& error) {
        EXPECT_NE(std::string{error.what()}.find("max_connections"), std::string::npos);
    }
}

TEST(PostgresServer, removes_its_folder) {
    std::filesystem::path folder;
    {
        const PostgresServer server;
        folder = server.socket_directory();
        EXPECT_TRUE(std::filesystem::exists(folder));
    }
    EXPECT_FALSE(std::filesystem::exists(folder));
}

// The process that dies holds one end of a pipe, and so does nobody else: the end of file says
// that it and everything it started is gone.
TEST(PostgresServer, dies_with_the_test_that_started_it) {
    std::array<int, 2> folder_pipe{};
    ASSERT_EQ(::pipe2(folder_pipe.data(), O_CLOEXEC), 0);
    const pid_t crashing = ::fork();
    if (crashing == 0) {
        const PostgresServer server;
        const auto folder =
            server.socket_directory().string() + "\n" + std::to_string(server.pid()) + "\n";
        if (::write(folder_pipe[1], folder.data(), folder.size()) < 0) ::_exit(1);
        ::raise(SIGKILL);
    }
    ::close(folder_pipe[1]);
    std::string text;
    for (char c = 0; ::read(folder_pipe[0], &c, 1) == 1;)
        text += c;
    ::close(folder_pipe[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(crashing, &status, 0), crashing);
    ASSERT_TRUE(WIFSIGNALED(status));

    const auto newline = text.find('\n');
    ASSERT_NE(newline, std::string::npos);
    const std::filesystem::path folder = text.substr(0, newline);
    const auto process = "/proc/" + text.substr(newline + 1, text.size() - newline - 2);
    // The keeper is nobody's child: there is no event to wait for.
    EXPECT_TRUE(eventually([&] { return !std::filesystem::exists(folder); }));
    std::error_code gone;  // a process that waits to be reaped still has an entry, but no folder
    EXPECT_EQ(std::filesystem::read_symlink(process + "/cwd", gone), "");
}

}  // namespace
}  // namespace signalbox::test
