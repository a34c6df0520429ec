// What /metrics says, compared with what was done to the service.

#include "support/metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <initializer_list>
#include <limits>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "signalbox/testing/postgres.hpp"
#include "support/http_client.hpp"
#include "support/locked_users.hpp"
#include "support/paths.hpp"
#include "support/prometheus.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

using namespace std::chrono_literals;
using testing::Each;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;
using testing::StartsWith;

TEST(Metrics, have_nothing_that_promtool_finds_fault_with) {
    const std::string database = database_with_users(20);
    const Service service(database,
                          {"--limit-concurrency", "2", "--database-query-timeout", "30s"});
    const Service hasty(database, {"--timeout-request", "3s", "--database-query-timeout", "200ms"});

    for (const char* path : {"/fast-task", "/users", "/users/", "/nothing"}) {
        get(service.url(path));
        send({.url = service.url(path), .method = "HEAD"});
        send({.url = service.url(path), .method = "POST", .body = "hello"});
        send({.url = service.url(path), .method = "BREW"});
    }
    for (const char* bytes :
         {"GET / HTTP/1.1\r\n\r\n", "GET / HTTP/3.0\r\nHost: a\r\n\r\n", "\x01\xff {}\"\\\n"}) {
        RawClient client(service.port());
        client.send(bytes);
        client.read_to_end();
    }
    EXPECT_EQ(get(hasty.url("/slow-task")).status, 504);
    const LockedUsers locked(database);
    EXPECT_EQ(get(hasty.url("/users")).status, 503);
    clients_that_asked(service, 1, "/users");  // and are gone at once
    ASSERT_TRUE(is_counted(service, requests_total, {{"error_type", "client_gone"}}, 1));
    const auto held = clients_that_asked(service, 2, "/users");
    ASSERT_TRUE(is_counted(service, "http_server_active_requests", {{"http_route", "/users"}}, 2));
    EXPECT_EQ(get(service.url("/fast-task")).status, 503);

    for (const Service* each : {&service, &hasty}) {
        const auto response = get(each->admin_url("/metrics"));
        EXPECT_THAT(response.header("content-type").value_or(""),
                    StartsWith("text/plain; version=0.0.4"));
        EXPECT_EQ(promtool_check_metrics(response.body), "");
        EXPECT_NO_THROW(parse_metrics(response.body));
    }
}

TEST(Metrics, are_checked_by_a_promtool_that_does_find_fault) {
    EXPECT_NE(promtool_check_metrics("# TYPE requests counter\nrequests 1\n"), "");
    EXPECT_NE(promtool_check_metrics("requests\n"), "");
}

TEST(Metrics, that_can_only_be_zero_are_there_from_the_start) {
    const Service service(database_with_users(0));
    const Samples samples = service.metrics();
    const auto known = series(samples);
    for (const char* reason :
         {"concurrency", "database_queue", "draining", "limit_buffered", "background_tasks"})
        EXPECT_TRUE(known.contains({"signalbox_requests_shed_total", {{"reason", reason}}}));
    for (const char* reason : {"client_gone", "deadline", "client_deadline", "shutdown",
                               "limit_buffered", "connection_failed"})
        EXPECT_TRUE(known.contains({"signalbox_requests_cancelled_total", {{"reason", reason}}}));
    for (const char* outcome : {"committed", "rolled_back", "unknown"})
        EXPECT_TRUE(known.contains(
            {"signalbox_database_transaction_duration_seconds_count", {{"outcome", outcome}}}));
    for (const char* reason : {"limit_connections", "limit_connections_per_address", "resources"})
        EXPECT_TRUE(known.contains({"signalbox_connections_rejected_total", {{"reason", reason}}}));
    for (const char* state : {"idle", "receiving", "sending"})
        EXPECT_TRUE(known.contains({"signalbox_connections_evicted_total", {{"state", state}}}));
    for (const char* reason : {"limit_buffered", "write_timeout", "connection_failed"})
        EXPECT_TRUE(known.contains({"signalbox_connections_cut_total", {{"reason", reason}}}));
    for (const char* result : {"completed", "failed", "cancelled"})
        EXPECT_TRUE(known.contains({"signalbox_background_tasks_total", {{"result", result}}}));
    for (const char* result : {"taken_over", "failed", "refused"})
        EXPECT_TRUE(known.contains({"signalbox_reloads_total", {{"result", result}}}));
    for (const char* reason : {"connection", "conflict"})
        EXPECT_TRUE(known.contains({"signalbox_reads_retried_total", {{"reason", reason}}}));
    for (const char* name :
         {"signalbox_shared_reads_total", "signalbox_log_messages_dropped_total"})
        EXPECT_TRUE(known.contains({name, {}})) << name;
    EXPECT_EQ(total(samples, "signalbox_state", {{"state", "ready"}}), 1);
    EXPECT_EQ(total(samples, "signalbox_state"), 1) << "it is in one state only";
}

TEST(Metrics, count_every_routes_errors_from_zero_on) {
    const Service service(database_with_users(0));
    const Samples samples = service.metrics();
    const auto known = series(samples);
    std::size_t errors = 0;
    for (const char* route :
         {"", "/fast-task", "/slow-task", "/multiple-tasks", "/users", "/docs", "/openapi.json"}) {
        EXPECT_TRUE(known.contains({"signalbox_requests_total", {{"http_route", route}}})) << route;
        for (const char* status : {"500", "503", "504"}) {
            const Labels labels{{"http_route", route}, {"http_response_status_code", status}};
            EXPECT_TRUE(known.contains({errors_total, labels})) << route << ' ' << status;
        }
    }
    for (const Sample& sample : samples) {
        if (sample.name != errors_total) continue;
        ++errors;
        EXPECT_EQ(sample.value, 0);
    }
    EXPECT_EQ(errors % 3, 0U);
    EXPECT_LE(errors, 3U * 16);
}

/// The i-th of requests that differ in all that a client can choose.
std::string varied_request(int i) {
    const std::string number = std::to_string(i);
    const std::string methods[] = {"GET", "HEAD", "get", "M" + number,
                                   std::string(200, 'A') + number};
    const std::string paths[] = {"/" + number, "/fast-task?" + number, "/users/" + number,
                                 "/fast-task/?x=" + number, "/%66ast-task?" + number + "=%0a"};
    const std::string schemes[] = {"http", "https", "HTTPS" + number, "gopher\", x=\"" + number};
    return methods[i % 5] + " " + paths[i / 5 % 5] + " HTTP/1.1\r\nHost: host-" + number +
           "\r\nX-Forwarded-Proto: " + schemes[i / 25 % 4] + "\r\nX-Forwarded-For: 10.0." +
           std::to_string(i / 256) + "." + std::to_string(i % 256) + "\r\nX-Request-ID: " + number +
           "\r\nUser-Agent: agent " + number + "\r\n";
}

/// Pipelines them, a few hundred on each connection.
void send_varied_requests(const Service& service, int from, int to) {
    constexpr int at_once = 200;
    for (int begin = from; begin < to; begin += at_once) {
        RawClient client(service.port());
        std::string all;
        for (int i = begin; i < begin + at_once; ++i) {
            all += varied_request(i);
            if (i + 1 == begin + at_once) all += "Connection: close\r\n";
            all += "\r\n";
        }
        client.send(all);
        client.read_to_end();

        RawClient malformed(service.port());
        malformed.send("G@T" + std::to_string(begin) + " / HTTP/1.1\r\nHost: a\r\n\r\n");
        malformed.read_to_end();
        RawClient unknown(service.port());
        unknown.send("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x" + std::to_string(begin) +
                     "\r\n\r\n");
        unknown.read_to_end();
    }
}

TEST(Metrics, do_not_become_more_by_what_clients_choose) {
    const Service service(database_with_users(0), {"--workers", "2"});
    const auto all_are_counted = [&](int count) {
        const int malformed = 2 * (count / 200);
        return is_counted(service, requests_total, {}, count + malformed);
    };
    send_varied_requests(service, 0, 1000);
    ASSERT_TRUE(all_are_counted(1000));
    const auto before = series(service.metrics());
    send_varied_requests(service, 1000, 10'000);
    ASSERT_TRUE(all_are_counted(10'000));

    const Samples samples = service.metrics();
    std::set<std::string> new_ones;
    std::map<std::string, std::set<std::string>> values;
    for (const Sample& sample : samples) {
        if (!before.contains({sample.name, sample.labels})) new_ones.insert(sample.name);
        if (!sample.name.starts_with("http_server_")) continue;
        for (const auto& [label, value] : sample.labels)
            values[label].insert(value);
    }
    EXPECT_THAT(new_ones, IsEmpty());
    EXPECT_EQ(samples.size(), before.size());
    EXPECT_THAT(values["http_request_method"], ElementsAre("GET", "HEAD", "_OTHER"));
    EXPECT_THAT(values["url_scheme"], ElementsAre("http", "https"));
    EXPECT_THAT(values["http_route"], ElementsAre("", "/fast-task"));
    // Of five methods two are known. Of the four schemes one is https.
    EXPECT_EQ(total(samples, requests_total, {{"http_request_method", "_OTHER"}}), 6000 + 100);
    EXPECT_EQ(total(samples, requests_total, {{"http_request_method", "GET"}}), 2000);
    EXPECT_EQ(total(samples, requests_total, {{"url_scheme", "https"}}), 2500);
}

TEST(Metrics, are_served_without_a_database) {
    PostgresServer server;
    execute(server.database_url(), "CREATE DATABASE app");
    const std::string url = server.database_url("app");
    ASSERT_EQ(run_signalbox({"migrate", "--database-url", url}).status, 0);
    const Service service(url, {"--database-pool-size", "3", "--database-query-timeout", "500ms"});
    const std::string connections = "db_client_connections";
    const Labels idle{{"db_client_connection_state", "idle"}};
    ASSERT_TRUE(is_counted(service, connections, idle, 3));
    EXPECT_TRUE(is_counted(service, "db_client_connection_create_time_seconds_count", {}, 3));

    server.stop();
    EXPECT_TRUE(is_counted(service, connections, idle, 0));
    EXPECT_TRUE(is_counted(service, connections, {}, 0));
    EXPECT_EQ(get(service.url("/users")).status, 503);
    const Samples samples = service.metrics();
    EXPECT_EQ(total(samples, "signalbox_state", {{"state", "ready"}}), 1);
    EXPECT_EQ(total(samples, "db_client_connection_max"), 3);
    EXPECT_TRUE(is_counted(service, requests_total,
                           {{"http_route", "/users"}, {"http_response_status_code", "503"}}, 1));
    EXPECT_TRUE(is_counted(service, "db_client_connection_timeouts_total", {}, 1));

    server.start();
    EXPECT_TRUE(is_counted(service, connections, idle, 3));
    EXPECT_TRUE(is_counted(service, "db_client_connection_create_time_seconds_count", {}, 6));
}

TEST(Metrics, tell_who_has_a_connection_and_who_waits_for_one) {
    const std::string database = database_with_users(1);
    for (const bool share : {true, false}) {
        std::vector<std::string> arguments{"--database-pool-size", "1", "--database-query-timeout",
                                           "30s"};
        if (!share) arguments.insert(arguments.end(), {"--database-share-reads", "off"});
        const Service service(database, arguments);
        const std::string connections = "db_client_connections";
        const std::string pending = "db_client_connection_pending_requests";
        std::vector<RawClient> clients;
        {
            const LockedUsers locked(database);
            clients = clients_that_asked(service, 1, "/users");
            EXPECT_TRUE(
                is_counted(service, connections, {{"db_client_connection_state", "used"}}, 1));
            for (RawClient& client : clients_that_asked(service, 3, "/users"))
                clients.push_back(std::move(client));
            EXPECT_TRUE(is_counted(service, "http_server_active_requests", {}, 4));
            EXPECT_TRUE(is_counted(service, pending, {}, share ? 1 : 3));
            EXPECT_TRUE(
                is_counted(service, connections, {{"db_client_connection_state", "idle"}}, 0));
        }
        for (RawClient& client : clients)
            EXPECT_THAT(client.read_response(), StartsWith("HTTP/1.1 200 "));
        EXPECT_TRUE(is_counted(service, connections, {{"db_client_connection_state", "used"}}, 0));
        EXPECT_TRUE(is_counted(service, connections, {{"db_client_connection_state", "idle"}}, 1));
        EXPECT_TRUE(is_counted(service, pending, {}, 0));
    }
}

TEST(Metrics, know_how_long_every_read_waited_that_got_a_connection_or_gave_up) {
    const std::string database = database_with_users(1);
    const Service service(database, {"--database-pool-size", "1", "--database-share-reads", "off",
                                     "--database-query-timeout", "3s"});
    {
        const LockedUsers locked(database);
        // The first runs into its timeout. One of the others gets the connection shortly before its
        // own time is up, if at all.
        const auto responses =
            send_all(std::vector<HttpRequest>(4, {.url = service.url("/users")}));
        EXPECT_THAT(responses, Each(Field(&HttpResponse::status, 503)));
    }
    EXPECT_TRUE(is_counted(service, "db_client_connection_wait_time_seconds_count", {}, 4));
    EXPECT_TRUE(is_counted(service, requests_total, {{"error_type", "database_timeout"}}, 4));
    // Those that waited did for about the timeout, the first did not at all.
    EXPECT_TRUE(
        is_counted(service, "db_client_connection_wait_time_seconds_bucket", {{"le", "1"}}, 1));
    EXPECT_EQ(get(service.url("/users")).status, 200);
}

TEST(Metrics, tell_that_the_service_drains) {
    const std::string database = database_with_users(1);
    Service service(database, {"--database-query-timeout", "30s"});
    std::vector<RawClient> held;
    {
        const LockedUsers locked(database);
        held = clients_that_asked(service, 1, "/users");
        ASSERT_TRUE(is_counted(service, "http_server_active_requests", {}, 1));
        service.signal(SIGTERM);
        EXPECT_TRUE(is_counted(service, "signalbox_state", {{"state", "draining"}}, 1));
        EXPECT_TRUE(is_counted(service, "signalbox_state", {}, 1));
    }
    EXPECT_THAT(held[0].read_to_end(), StartsWith("HTTP/1.1 200 "));
    const auto exit = service.wait_for_exit();
    ASSERT_TRUE(exit);
    EXPECT_EQ(exit->status, 0);
}

/// The agreement with those who write dashboards and alerts: a name, type or label that changes
/// here breaks theirs.
TEST(Metrics, have_the_names_types_and_labels_that_were_agreed) {
    struct Family {
        std::string type;
        std::set<std::string> labels;
    };
    const std::set<std::string> request_labels{"http_request_method", "http_route", "url_scheme"};
    const auto and_more = [&](std::initializer_list<std::string> more) {
        auto labels = request_labels;
        labels.insert(more);
        return labels;
    };
    const std::string pool_name = "db_client_connection_pool_name";
    const std::map<std::string, Family> agreed{
        {"http_server_request_duration_seconds",
         {"histogram", and_more({"http_response_status_code", "error_type"})}},
        {"http_server_active_requests", {"gauge", request_labels}},
        {"http_server_request_body_size_bytes",
         {"histogram", and_more({"http_response_status_code"})}},
        {"http_server_response_body_size_bytes",
         {"histogram", and_more({"http_response_status_code"})}},
        {"db_client_operation_duration_seconds",
         {"histogram",
          {pool_name, "db_system_name", "db_operation_name", "db_collection_name", "error_type"}}},
        {"db_client_connections", {"gauge", {pool_name, "db_client_connection_state"}}},
        {"db_client_connection_max", {"gauge", {pool_name}}},
        {"db_client_connection_pending_requests", {"gauge", {pool_name}}},
        {"db_client_connection_timeouts_total", {"counter", {pool_name}}},
        {"db_client_connection_create_time_seconds", {"histogram", {pool_name}}},
        {"db_client_connection_wait_time_seconds", {"histogram", {pool_name}}},
        {"db_client_connection_use_time_seconds", {"histogram", {pool_name}}},
        {"signalbox_build_info", {"gauge", {"service", "version", "revision", "compiler"}}},
        {"signalbox_state", {"gauge", {"state"}}},
        {"signalbox_requests_total", {"counter", {"http_route"}}},
        {"signalbox_request_errors_total",
         {"counter", {"http_route", "http_response_status_code"}}},
        {"signalbox_requests_shed_total", {"counter", {"reason"}}},
        {"signalbox_requests_cancelled_total", {"counter", {"reason"}}},
        {"signalbox_reloads_total", {"counter", {"result"}}},
        {"signalbox_shared_reads_total", {"counter", {}}},
        {"signalbox_reads_retried_total", {"counter", {"reason"}}},
        {"signalbox_database_reachable", {"gauge", {}}},
        {"signalbox_database_migrations", {"gauge", {"state"}}},
        {"signalbox_database_streams", {"gauge", {"state"}}},
        {"signalbox_database_streams_max", {"gauge", {}}},
        {"signalbox_database_streams_ended_total", {"counter", {"outcome"}}},
        {"signalbox_database_stream_rows_total", {"counter", {}}},
        {"signalbox_database_stream_bytes_total", {"counter", {}}},
        {"signalbox_database_transactions", {"gauge", {}}},
        {"signalbox_database_transaction_duration_seconds", {"histogram", {"outcome"}}},
        {"signalbox_event_loop_lag_seconds", {"histogram", {"loop"}}},
        {"signalbox_event_loop_since_turn_seconds", {"gauge", {"loop"}}},
        {"signalbox_event_loop_tasks", {"gauge", {"loop"}}},
        {"signalbox_connections", {"gauge", {"state"}}},
        {"signalbox_connections_rejected_total", {"counter", {"reason"}}},
        {"signalbox_connections_evicted_total", {"counter", {"state"}}},
        {"signalbox_connections_cut_total", {"counter", {"reason"}}},
        {"signalbox_streams_open", {"gauge", {}}},
        {"signalbox_stream_sent_bytes_total", {"counter", {}}},
        {"signalbox_streams_left_total", {"counter", {"http_route"}}},
        {"signalbox_buffered_bytes", {"gauge", {"what"}}},
        {"signalbox_buffered_max_bytes", {"gauge", {}}},
        {"signalbox_background_tasks", {"gauge", {}}},
        {"signalbox_background_tasks_max", {"gauge", {}}},
        {"signalbox_background_tasks_total", {"counter", {"result"}}},
        {"signalbox_upload_disk_bytes", {"gauge", {}}},
        {"signalbox_upload_disk_max_bytes", {"gauge", {}}},
        {"signalbox_upload_disk_files", {"gauge", {}}},
        {"signalbox_upload_disk_written_bytes_total", {"counter", {}}},
        {"signalbox_upload_disk_refused_total", {"counter", {}}},
        {"signalbox_http_malformed_requests_total", {"counter", {"reason"}}},
        {"signalbox_log_messages_dropped_total", {"counter", {}}},
        {"process_cpu_seconds_total", {"counter", {}}},
        {"process_resident_memory_bytes", {"gauge", {}}},
        {"process_virtual_memory_bytes", {"gauge", {}}},
        {"process_open_fds", {"gauge", {}}},
        {"process_max_fds", {"gauge", {}}},
        {"process_start_time_seconds", {"gauge", {}}},
        {"process_threads", {"gauge", {}}},
    };
    const std::string database = database_with_users(1);
    const Service service(database);
    EXPECT_EQ(get(service.url("/users")).status, 200);
    RawClient malformed(service.port());
    malformed.send("nonsense\r\n\r\n");
    malformed.read_to_end();
    ASSERT_TRUE(is_counted(service, "signalbox_http_malformed_requests_total", {}, 1));
    ASSERT_TRUE(is_counted(service, requests_total, {{"http_route", "/users"}}, 1));

    const std::string text = get(service.admin_url("/metrics")).body;
    std::map<std::string, std::string> types;
    std::istringstream stream(text);
    for (std::string hash, keyword, name, type, line; std::getline(stream, line);) {
        std::istringstream words(line);
        if (words >> hash >> keyword >> name >> type && hash == "#" && keyword == "TYPE") {
            types[name] = type;
        }
    }
    for (const auto& [name, type] : types)
        EXPECT_TRUE(agreed.contains(name)) << name << " is new: agree on it here";
    const Samples samples = parse_metrics(text);
    for (const auto& [name, family] : agreed) {
        EXPECT_EQ(types[name], family.type) << name;
        const std::string sample = name + (family.type == "histogram" ? "_count" : "");
        const auto found = std::find_if(samples.begin(), samples.end(),
                                        [&](const Sample& one) { return one.name == sample; });
        ASSERT_NE(found, samples.end()) << sample;
        std::set<std::string> labels;
        for (const auto& [label, value] : found->labels)
            labels.insert(label);
        EXPECT_EQ(labels, family.labels) << name;
    }
    std::set<std::string> buffered;
    for (const Sample& sample : samples) {
        if (sample.name == "signalbox_buffered_bytes") buffered.insert(sample.labels.at("what"));
    }
    EXPECT_EQ(buffered, (std::set<std::string>{"requests", "requests_in_kernel", "responses",
                                               "responses_in_kernel"}));

    const auto buckets = [&](const std::string& histogram) {
        std::set<double> bounds;
        for (const Sample& sample : samples) {
            if (sample.name == histogram + "_bucket")
                bounds.insert(std::stod(sample.labels.at("le")));
        }
        return bounds;
    };
    constexpr double infinity = std::numeric_limits<double>::infinity();
    EXPECT_EQ(buckets("http_server_request_duration_seconds"),
              (std::set<double>{.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 3.25, 5, 5.25,
                                7.5, 10, infinity}));
    EXPECT_EQ(buckets("db_client_operation_duration_seconds"),
              (std::set<double>{.001, .005, .01, .05, .1, .5, 1, 5, 10, infinity}));
}

}  // namespace
}  // namespace signalbox::test
