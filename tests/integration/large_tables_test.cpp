// GET /users of tables that are sent as they are read, by the real binary.

#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "signalbox/testing/postgres.hpp"
#include "support/eventually.hpp"
#include "support/http_client.hpp"
#include "support/log_lines.hpp"
#include "support/prometheus.hpp"
#include "support/raw_message.hpp"
#include "support/service.hpp"
#include "support/users_stream.hpp"

namespace signalbox::test {
namespace {

using namespace std::chrono_literals;

std::string get_users(std::string_view id) {
    return "GET /users HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: " + std::string(id) +
           "\r\n\r\n";
}

double metric(const Service& service, std::string_view name, const Labels& labels = {}) {
    return total(parse_metrics(get(service.admin_url("/metrics")).body), name, labels);
}

double streams_ended(const Service& service, const std::string& outcome) {
    return metric(service, "signalbox_database_streams_ended_total", {{"outcome", outcome}});
}

TEST(LargeTables, are_sent_as_they_are_read) {
    const Service service(database_with_users(12'345));
    const HttpResponse response = get(service.url("/users"));
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.header("content-type"), "application/json");
    EXPECT_EQ(response.header("transfer-encoding"), "chunked");
    EXPECT_EQ(response.header("content-length"), std::nullopt);
    rapidjson::Document users;
    users.Parse(response.body.data(), response.body.size());
    ASSERT_TRUE(users.IsArray());
    ASSERT_EQ(users.Size(), 12'345U);
    for (rapidjson::SizeType i = 0; i < users.Size(); ++i)
        ASSERT_EQ(users[i]["id"].GetUint(), i + 1);
    EXPECT_EQ(streams_ended(service, "completed"), 1);
    EXPECT_EQ(metric(service, "signalbox_database_stream_rows_total"), 12'345);
}

TEST(LargeTables, begin_with_more_than_a_thousand_rows) {
    const std::string database = database_with_users(1000);
    const Service service(database);
    const HttpResponse small = get(service.url("/users"));
    EXPECT_EQ(small.header("content-length"), std::to_string(small.body.size()));
    EXPECT_EQ(metric(service, "signalbox_database_stream_rows_total"), 0);
    execute(database, "INSERT INTO users (name, email) VALUES ('One', 'more@example.com')");
    const HttpResponse large = get(service.url("/users"));
    EXPECT_EQ(large.header("transfer-encoding"), "chunked");
    EXPECT_EQ(large.body.substr(0, small.body.size() - 1),
              small.body.substr(0, small.body.size() - 1));
    execute(database, "TRUNCATE users");
    EXPECT_EQ(get(service.url("/users")).body, "[]");
    EXPECT_EQ(get(service.url("/users")).body, "[]");
}

TEST(LargeTables, are_cut_where_the_database_is_lost) {
    const std::string database = database_with_users(200'000);
    const Service service(database);
    RawClient client(service.port(), small_receive_buffer);
    client.send(get_users("cut"));
    client.read_until("\"id\":1,");
    execute(database,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
            "current_database() AND pid <> pg_backend_pid()");
    EXPECT_TRUE(is_cut(client)) << "the client takes it for whole";
    EXPECT_EQ(wait_for_line(service, "request_id", "cut").text("error.type"), "stream_failed");
    EXPECT_TRUE(eventually([&] { return get(service.url("/users")).status == 200; }));
}

TEST(LargeTables, leave_their_connection_when_the_client_is_gone) {
    const Service service(database_with_users(200'000));
    {
        RawClient client(service.port(), small_receive_buffer);
        client.send(get_users("gone"));
        client.read_until("\"id\":1,");
        EXPECT_EQ(metric(service, "signalbox_database_streams", {{"state", "reading"}}), 1);
        client.reset_on_close();
    }
    EXPECT_TRUE(eventually([&] {
        return metric(service, "signalbox_database_streams", {{"state", "reading"}}) == 0;
    }));
    EXPECT_EQ(wait_for_line(service, "request_id", "gone").text("error.type"), "client_gone");
}

TEST(LargeTables, are_taken_from_who_stops_reading_when_others_wait) {
    const Service service(database_with_users(200'000),
                          {"--database-max-streams", "1", "--timeout-write", "5m"});
    RawClient stopped(service.port(), small_receive_buffer);
    stopped.send(get_users("stopped"));
    stopped.read_until("\"id\":1,");
    // As long as nobody waits for the connection, it may.
    std::this_thread::sleep_for(11s);  // the stretch of time that is measured, not waited for
    EXPECT_EQ(metric(service, "signalbox_database_streams", {{"state", "reading"}}), 1);
    EXPECT_EQ(metric(service, "signalbox_database_streams_max"), 1);
    EXPECT_EQ(get(service.url("/users")).status, 200);
    const LogLine line = wait_for_line(service, "request_id", "stopped");
    EXPECT_EQ(line.text("error.type"), "slow_client");
    EXPECT_EQ(streams_ended(service, "slow_client"), 1);
    EXPECT_TRUE(is_cut(stopped));
}

TEST(LargeTables, that_fit_into_the_window_are_not_kept_for_any_number_of_clients) {
    // As JSON 3.9 MB each. Those that are over may have an eighth of the budget: there is room for
    // one.
    const Service service(database_with_users(35'000), {"--limit-buffered", "32MiB"});
    const auto reading = [&] {
        return metric(service, "signalbox_database_streams", {{"state", "reading"}});
    };
    std::vector<RawClient> stopped;
    for (int i = 0; i < 4; ++i) {  // one after the other, so that they share nothing
        stopped.emplace_back(service.port(), small_receive_buffer);
        stopped.back().send(get_bytes("/users", "Connection: close\r\n"));
        stopped.back().read_until("\"id\":1,");
    }
    EXPECT_TRUE(eventually([&] {
        return metric(service, "signalbox_database_stream_rows_total") == 4 * 35'000 &&
               reading() == 3;
    })) << reading();
    EXPECT_FALSE(is_cut(stopped.back()));
    EXPECT_TRUE(eventually([&] { return reading() == 2; })) << reading();
}

}  // namespace
}  // namespace signalbox::test
