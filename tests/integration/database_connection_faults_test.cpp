// A connection that is taken away, alone or with its server.

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "signalbox/db/detail/connection.hpp"
#include "signalbox/testing/postgres.hpp"

namespace signalbox::db {
namespace {

using namespace std::chrono_literals;
using test::execute;
using test::PostgresServer;
using test::query_value;

std::string read_value(Connection& connection, const std::string& sql) {
    return connection.read({sql, {}}).at(0).at(0).c_str();
}

Unavailable read_error(Connection& connection, const std::string& sql) {
    try {
        (void)connection.read({sql, {}});
    } catch (const Unavailable& error) {
        return error;
    }
    ADD_FAILURE() << "no error: " << sql;
    return Unavailable("");
}

Unavailable connect_error(const ConnectionOptions& options) {
    try {
        const Connection connection{options};
    } catch (const Unavailable& error) {
        return error;
    }
    ADD_FAILURE() << "it connected";
    return Unavailable("");
}

std::string terminate(const std::string& pid) {
    return "SELECT pg_terminate_backend(" + pid + ")";
}

// The server closed the connection, or did not in ten seconds.
bool closed(const Connection& connection) {
    pollfd socket{.fd = connection.socket(), .events = POLLRDHUP, .revents = 0};
    return ::poll(&socket, 1, 10000) == 1;
}

// A read that PostgreSQL has started and that does not end by itself.
class RunningRead {
  public:
    RunningRead(Connection& connection, const std::string& url)
        : error_(std::async(std::launch::async, [&connection] {
              return read_error(connection, "SELECT pg_sleep(3600)");
          })) {
        const auto sleeping =
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE wait_event = 'PgSleep' AND datname = current_database()";
        while (query_value(url, sleeping) != "1") {
        }
    }

    Unavailable error() { return error_.get(); }

  private:
    std::future<Unavailable> error_;
};

class DatabaseConnectionFaults : public testing::Test {
  protected:
    const std::string url_ = PostgresServer::shared().create_database();
    Connection connection_{{.url = url_, .query_timeout = 0ms}};
    const std::string pid_ = read_value(connection_, "SELECT pg_backend_pid()");

    void expect_lost() {
        EXPECT_TRUE(connection_.lost());
        const auto error = read_error(connection_, "SELECT 1");
        EXPECT_EQ(error.reason(), Unavailable::Reason::unreachable);
        Connection next{{.url = url_}};
        EXPECT_EQ(read_value(next, "SELECT 1"), "1");
    }
};

TEST_F(DatabaseConnectionFaults, terminated_while_idle) {
    EXPECT_FALSE(connection_.hung_up());
    execute(url_, terminate(pid_));
    ASSERT_TRUE(closed(connection_));
    EXPECT_TRUE(connection_.hung_up());
    EXPECT_FALSE(connection_.lost());
    const auto error = read_error(connection_, "SELECT 1");
    EXPECT_EQ(error.reason(), Unavailable::Reason::unreachable) << error.what();
    expect_lost();
}

TEST_F(DatabaseConnectionFaults, terminated_while_running) {
    RunningRead read{connection_, url_};
    execute(url_, terminate(pid_));
    const auto error = read.error();
    EXPECT_EQ(error.reason(), Unavailable::Reason::unreachable) << error.what();
    expect_lost();
}

TEST_F(DatabaseConnectionFaults, shut_down_by_us_while_running) {
    RunningRead read{connection_, url_};
    ASSERT_EQ(::shutdown(connection_.socket(), SHUT_RDWR), 0);
    EXPECT_EQ(read.error().reason(), Unavailable::Reason::unreachable);
    expect_lost();
}

TEST_F(DatabaseConnectionFaults, cancelled_from_another_thread) {
    RunningRead read{connection_, url_};
    connection_.cancel();
    const auto error = read.error();
    EXPECT_EQ(error.reason(), Unavailable::Reason::timeout);
    EXPECT_EQ(error.sqlstate(), "57014");
    EXPECT_FALSE(connection_.lost());
    EXPECT_EQ(read_value(connection_, "SELECT 1"), "1");
}

TEST_F(DatabaseConnectionFaults, news_from_the_server_is_no_hang_up) {
    (void)connection_.read({"LISTEN news", {}});
    execute(url_, "NOTIFY news");
    pollfd connection{.fd = connection_.socket(), .events = POLLIN, .revents = 0};
    ASSERT_EQ(::poll(&connection, 1, 10000), 1);
    EXPECT_FALSE(connection_.hung_up());
    EXPECT_EQ(read_value(connection_, "SELECT 1"), "1");
}

TEST(DatabaseServer, killed_while_running_and_while_idle) {
    PostgresServer server{{.tcp = true}};
    for (const auto& url : {server.database_url(), server.tcp_url()}) {
        Connection running{{.url = url, .query_timeout = 0ms}}, idle{{.url = url}};
        RunningRead read{running, url};
        server.kill();
        EXPECT_EQ(read.error().reason(), Unavailable::Reason::unreachable);
        EXPECT_TRUE(running.lost());
        EXPECT_TRUE(closed(idle));
        EXPECT_EQ(read_error(idle, "SELECT 1").reason(), Unavailable::Reason::unreachable);
        EXPECT_TRUE(idle.lost());
        EXPECT_THROW(idle.cancel(), Unavailable);

        const auto error = connect_error({.url = url});
        EXPECT_EQ(error.reason(), Unavailable::Reason::unreachable);

        server.start();
        Connection next{{.url = url}};
        EXPECT_EQ(read_value(next, "SELECT 1"), "1");
        // Back at the same address, an old connection must not come to life again.
        EXPECT_EQ(read_error(idle, "SELECT 1").reason(), Unavailable::Reason::unreachable);
    }
}

TEST(DatabaseServer, stopped_while_running) {
    PostgresServer server;
    for (const auto mode : {PostgresServer::Stop::fast, PostgresServer::Stop::immediate}) {
        Connection connection{{.url = server.database_url(), .query_timeout = 0ms}};
        RunningRead read{connection, server.database_url()};
        server.stop(mode);
        const auto error = read.error();
        EXPECT_EQ(error.reason(), Unavailable::Reason::unreachable) << error.what();
        EXPECT_TRUE(connection.lost());
        server.start();
    }
}

TEST(DatabaseServer, has_no_place_for_one_more) {
    PostgresServer server{{.settings = {"max_connections=8"}}};
    execute(server.database_url(),
            "CREATE ROLE app LOGIN; CREATE ROLE single LOGIN CONNECTION LIMIT 1");
    const ConnectionOptions single{.url = server.database_url() + "&user=single"};
    std::vector<std::unique_ptr<Connection>> connections;
    connections.push_back(std::make_unique<Connection>(single));
    EXPECT_EQ(connect_error(single).reason(), Unavailable::Reason::unreachable);

    // First all that is not reserved for superusers, then that.
    for (const auto* user : {"app", "postgres"}) {
        const ConnectionOptions options{.url = server.database_url() + "&user=" + user};
        try {
            for (int i = 0; i < 20; ++i)
                connections.push_back(std::make_unique<Connection>(options));
            FAIL() << "it connected 20 times";
        } catch (const Unavailable& error) {
            EXPECT_EQ(error.reason(), Unavailable::Reason::unreachable) << error.what();
        }
    }
}

TEST(DatabaseServer, tries_each_host_of_the_url) {
    PostgresServer server{{.tcp = true}};
    const auto port = std::to_string(server.tcp_port());
    Connection connection{
        {.url = "postgresql://postgres@/postgres?host=/nowhere,127.0.0.1&port=5432," + port}};
    EXPECT_EQ(read_value(connection, "SELECT 1"), "1");
}

TEST(DatabaseServer, a_refused_connect_names_the_database_but_not_the_password) {
    PostgresServer server{{.tcp = true}};
    const auto port = std::to_string(server.tcp_port());
    const auto absent =
        connect_error({.url = "postgresql://postgres:secret@127.0.0.1:" + port + "/absent"});
    EXPECT_NE(std::string{absent.what()}.find("absent on 127.0.0.1:" + port), std::string::npos)
        << absent.what();
    EXPECT_EQ(std::string{absent.what()}.find("secret"), std::string::npos);

    server.stop();
    const auto stopped =
        connect_error({.url = "postgresql://postgres:secret@127.0.0.1:" + port + "/absent"});
    EXPECT_EQ(stopped.reason(), Unavailable::Reason::unreachable);
    EXPECT_EQ(std::string{stopped.what()}.find("secret"), std::string::npos);
}

}  // namespace
}  // namespace signalbox::db
