// What /metrics says, compared with what was done to the service: read directly, and through the
// real Prometheus.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <rapidjson/document.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <filesystem>
#include <fstream>
#include <future>
#include <initializer_list>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "signalbox/admin/connections.hpp"
#include "signalbox/process/file_limit.hpp"
#include "signalbox/testing/held_port.hpp"
#include "signalbox/testing/postgres.hpp"
#include "signalbox/testing/spawn.hpp"
#include "support/eventually.hpp"
#include "support/executions.hpp"
#include "support/http_client.hpp"
#include "support/locked_users.hpp"
#include "support/log_lines.hpp"
#include "support/paths.hpp"
#include "support/prometheus.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::Field;
using testing::Ge;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Le;
using testing::StartsWith;

const std::string requests_total = "http_server_request_duration_seconds_count";
const std::string errors_total = "signalbox_request_errors_total";

std::string request(const std::string& path, const std::string& headers = {}) {
    return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n";
}

Samples scrape(const Service& service) {
    const auto response = get(service.admin_url("/metrics"));
    if (response.status != 200) throw std::runtime_error("/metrics: " + response.body);
    return parse_metrics(response.body);
}

/// Waits for it: a request is counted a moment after its client has the answer.
testing::AssertionResult is_counted(const Service& service, const std::string& name,
                                    const Labels& labels, double expected) {
    double value = 0;
    if (eventually([&] { return (value = total(scrape(service), name, labels)) == expected; })) {
        return testing::AssertionSuccess();
    }
    return testing::AssertionFailure() << name << " is " << value << " instead of " << expected;
}

/// Waits for the scrape that has it.
testing::AssertionResult answers(const PrometheusServer& prometheus, const std::string& expression,
                                 double expected) {
    std::optional<double> value;
    if (eventually([&] { return (value = prometheus.value(expression)) == expected; })) {
        return testing::AssertionSuccess();
    }
    return testing::AssertionFailure()
           << expression << " is " << (value ? std::to_string(*value) : "not there")
           << " instead of " << expected;
}

/// As a matcher, for a Prometheus that scrapes several.
std::string of(const Service& service) {
    return "instance=\"127.0.0.1:" + std::to_string(service.admin_port()) + "\"";
}

/// Sends without waiting, again and again; the connection stays open.
std::vector<RawClient> clients_that_asked(const Service& service, std::size_t count,
                                          const std::string& path) {
    std::vector<RawClient> clients;
    for (std::size_t i = 0; i < count; ++i) {
        clients.emplace_back(service.port());
        clients.back().send(request(path));
    }
    return clients;
}

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
    const Samples samples = scrape(service);
    const auto known = series(samples);
    for (const char* reason : {"concurrency", "database_queue", "draining", "limit_buffered"})
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
    const Samples samples = scrape(service);
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

TEST(Prometheus, sees_the_first_errors_of_a_service_that_never_had_any) {
    const std::string database = database_with_users(1);
    const Service service(database,
                          {"--limit-concurrency", "1", "--database-query-timeout", "30s"});
    // As clients come to a service in production, by a proxy that ends TLS.
    const HttpRequest users{.url = service.url("/users"), .headers = {"X-Forwarded-Proto: https"}};
    const PrometheusServer prometheus({service.admin_port()});
    const std::string errors = "sum(" + errors_total + R"({http_route="/users"}))";
    ASSERT_TRUE(answers(prometheus, errors, 0)) << "the first scrape";
    const LockedUsers locked(database);
    const auto held = clients_that_asked(service, 1, "/users");
    ASSERT_TRUE(is_counted(service, "http_server_active_requests", {}, 1));
    EXPECT_THAT(send_all(std::vector<HttpRequest>(400, users)),
                Each(Field(&HttpResponse::status, 503)));
    EXPECT_TRUE(answers(prometheus, errors, 400));
    // Of the series that they began nobody knows how many there were.
    const auto seen = [&](const std::string& what) {
        return prometheus.value("sum(increase(" + what + R"({http_route="/users"}[5m])))");
    };
    EXPECT_TRUE(eventually([&] { return seen(errors_total).value_or(0) >= 400; }))
        << seen(errors_total).value_or(-1);
    EXPECT_TRUE(eventually([&] {
        return prometheus.value("job:http_server_request_errors:ratio_rate5m").value_or(0) > 0.9;
    }));
}

TEST(Prometheus, leaves_what_clients_do_out_of_the_error_budget) {
    const std::string database = database_with_users(1);
    const Service service(database, {"--timeout-request", "10s", "--database-query-timeout", "8s"});
    const PrometheusServer prometheus({service.admin_port()});
    for (int i = 0; i < 5; ++i)
        ASSERT_EQ(get(service.url("/fast-task")).status, 200);
    const HttpRequest hasty{.url = service.url("/slow-task"),
                            .headers = {"Request-Timeout: 0.001"}};
    EXPECT_THAT(send_all(std::vector<HttpRequest>(20, hasty)),
                Each(Field(&HttpResponse::status, 504)));
    {
        const LockedUsers locked(database);
        const HttpRequest reads{.url = service.url("/users"),
                                .headers = {"Request-Timeout: 0.001"}};
        EXPECT_THAT(send_all(std::vector<HttpRequest>(20, reads)),
                    Each(Field(&HttpResponse::status, 504)));
        clients_that_asked(service, 3, "/users");  // and are gone at once
    }
    for (const char* bytes :
         {"GET / HTTP/3.0\r\nHost: a\r\n\r\n",
          "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", "nonsense\r\n\r\n"}) {
        RawClient client(service.port());
        client.send(bytes);
        client.read_to_end();
    }
    send({.url = service.url("/fast-task"), .method = "BREW"});
    EXPECT_TRUE(is_counted(service, requests_total, {{"error_type", "client_deadline"}}, 40));
    EXPECT_TRUE(is_counted(service, requests_total, {{"error_type", "client_gone"}}, 3));
    EXPECT_TRUE(is_counted(service, "signalbox_requests_cancelled_total",
                           {{"reason", "client_deadline"}}, 40));
    EXPECT_TRUE(is_counted(service, "signalbox_http_malformed_requests_total", {}, 3));
    EXPECT_TRUE(is_counted(service, "db_client_connection_timeouts_total", {}, 0));
    EXPECT_TRUE(is_counted(service, errors_total, {}, 0));
    EXPECT_TRUE(answers(prometheus, "sum(" + errors_total + ")", 0));
    EXPECT_TRUE(answers(prometheus, "job:http_server_request_errors:ratio_rate1h", 0));
    EXPECT_TRUE(answers(prometheus, R"(sum(signalbox_requests_total{http_route="/users"}))", 0));
    EXPECT_TRUE(
        answers(prometheus, R"(sum(signalbox_requests_total{http_route="/fast-task"}))", 5));
    // And their lines are no errors.
    EXPECT_EQ(log_lines_with(service.output(), "severity_text", "ERROR").size(), 0U);
}

TEST(Prometheus, counts_requests_by_method_route_status_and_scheme) {
    const Service service(database_with_users(20));
    const PrometheusServer prometheus({service.admin_port()});
    struct Kind {
        int count;
        HttpRequest sent;
        std::string labels;
    };
    const std::string http = R"(,url_scheme="http",error_type="")";
    const std::string https = R"(,url_scheme="https",error_type="")";
    const std::vector<Kind> kinds{
        {37,
         {.url = service.url("/fast-task?x=1")},
         R"(http_request_method="GET",http_route="/fast-task",http_response_status_code="200")" +
             http},
        {11,
         {.url = service.url("/users")},
         R"(http_request_method="GET",http_route="/users",http_response_status_code="200")" + http},
        {5,
         {.url = service.url("/users"), .method = "HEAD"},
         R"(http_request_method="HEAD",http_route="/users",http_response_status_code="200")" +
             http},
        {4,
         {.url = service.url("/users"), .headers = {"X-Forwarded-Proto: https"}},
         R"(http_request_method="GET",http_route="/users",http_response_status_code="200")" +
             https},
        {3,
         {.url = service.url("/users"), .method = "POST", .body = "hello"},
         R"(http_request_method="POST",http_route="",http_response_status_code="405")" + http},
        {7,
         {.url = service.url("/nothing/here")},
         R"(http_request_method="GET",http_route="",http_response_status_code="404")" + http},
        {6,
         {.url = service.url("/users/")},
         R"(http_request_method="GET",http_route="",http_response_status_code="307")" + http},
        {2,
         {.url = service.url("/nothing"), .method = "BREW"},
         R"(http_request_method="_OTHER",http_route="",http_response_status_code="501",)"
         R"(url_scheme="http",error_type="501")"},
        {8,
         {.url = service.url("/nothing"), .method = "get"},
         R"(http_request_method="_OTHER",http_route="",http_response_status_code="501",)"
         R"(url_scheme="http",error_type="501")"},
    };
    double all = 0;
    for (const Kind& kind : kinds) {
        for (int i = 0; i < kind.count; ++i)
            send(kind.sent);
        all += kind.count;
    }
    // The last two are one series.
    for (std::size_t i = 0; i + 2 < kinds.size(); ++i) {
        EXPECT_TRUE(
            answers(prometheus, requests_total + "{" + kinds[i].labels + "}", kinds[i].count));
    }
    EXPECT_TRUE(answers(prometheus, requests_total + "{" + kinds.back().labels + "}", 10));
    EXPECT_TRUE(answers(prometheus, "sum(" + requests_total + ")", all));
    EXPECT_TRUE(answers(prometheus, "sum(http_server_active_requests)", 0));
    EXPECT_TRUE(answers(prometheus,
                        R"(sum(http_server_request_duration_seconds_count{http_route="/users",)"
                        R"(http_response_status_code="200"}))",
                        20));
}

TEST(Prometheus, counts_the_bytes_of_bodies) {
    const Service service(database_with_users(500));
    const PrometheusServer prometheus({service.admin_port()});
    double users = 0;
    double errors = 0;
    for (int i = 0; i < 10; ++i) {
        users += static_cast<double>(get(service.url("/users")).body.size());
        send({.url = service.url("/users"), .method = "HEAD"});
        const HttpRequest post{
            .url = service.url("/users"), .method = "POST", .body = std::string(1000, 'x')};
        errors += static_cast<double>(send(post).body.size());
    }
    EXPECT_GT(users, 10 * 8192);
    const auto sum = [&](const std::string& name, const std::string& labels) {
        return "sum(http_server_" + name + "{" + labels + "})";
    };
    const std::string get_users = R"(http_request_method="GET",http_route="/users")";
    const std::string head = R"(http_request_method="HEAD")";
    const std::string post = R"(http_request_method="POST",http_response_status_code="405")";
    EXPECT_TRUE(answers(prometheus, sum("response_body_size_bytes_sum", get_users), users));
    EXPECT_TRUE(answers(prometheus, sum("response_body_size_bytes_sum", post), errors));
    EXPECT_TRUE(answers(prometheus, sum("response_body_size_bytes_count", head), 10));
    EXPECT_TRUE(answers(prometheus, sum("response_body_size_bytes_sum", head), 0));
    EXPECT_TRUE(answers(prometheus, sum("response_body_size_bytes_bucket", head + ",le=\"0\""), 10))
        << "no body is in the smallest bucket";
    EXPECT_TRUE(
        answers(prometheus, sum("response_body_size_bytes_bucket", get_users + ",le=\"8192\""), 0));
    EXPECT_TRUE(answers(prometheus, sum("request_body_size_bytes_sum", post), 10 * 1000));
    EXPECT_TRUE(answers(prometheus, sum("request_body_size_bytes_sum", get_users), 0));
}

TEST(Prometheus, sees_requests_while_they_are_in_flight) {
    const std::string database = database_with_users(1);
    const Service service(database, {"--database-query-timeout", "30s"});
    const PrometheusServer prometheus({service.admin_port()});
    std::vector<RawClient> held;
    {
        const LockedUsers locked(database);
        held = clients_that_asked(service, 7, "/users");
        const auto idle = clients_that_asked(service, 3, "/fast-task");
        EXPECT_TRUE(answers(prometheus,
                            R"(http_server_active_requests{http_request_method="GET",)"
                            R"(http_route="/users",url_scheme="http"})",
                            7));
        EXPECT_TRUE(answers(prometheus, "sum(http_server_active_requests)", 7));
        EXPECT_TRUE(answers(prometheus, R"(signalbox_connections{state="active"})", 7));
        EXPECT_TRUE(answers(prometheus, R"(signalbox_connections{state="idle"})", 3));
        EXPECT_TRUE(answers(prometheus, "sum(signalbox_event_loop_tasks)", 7));
    }
    EXPECT_TRUE(answers(prometheus, "sum(http_server_active_requests)", 0));
    EXPECT_TRUE(answers(prometheus, R"(signalbox_connections{state="active"})", 0));
    EXPECT_TRUE(answers(prometheus, R"(signalbox_connections{state="idle"})", 7));
    EXPECT_TRUE(answers(prometheus, "sum(signalbox_event_loop_tasks)", 0));
    for (RawClient& client : held)
        EXPECT_THAT(client.read_response(), StartsWith("HTTP/1.1 200 "));
}

TEST(Prometheus, finds_that_executions_and_shared_reads_add_up_to_the_requests) {
    const std::string database = database_with_users(0);
    Executions counter(database);
    execute(database,
            "CREATE FUNCTION execution() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN "
            "PERFORM pg_sleep(0.05); RETURN count_execution(); END $$;"
            "DROP TABLE users; CREATE VIEW users AS SELECT execution()");
    const Service sharing(database, {"--workers", "2"});
    const Service alone(database, {"--database-share-reads", "off"});
    const PrometheusServer prometheus({sharing.admin_port(), alone.admin_port()});
    for (const Service* service : {&sharing, &alone}) {
        const int before = counter.count();
        constexpr int count = 200;
        const auto responses =
            send_all(std::vector<HttpRequest>(count, {.url = service->url("/users")}));
        ASSERT_THAT(responses, Each(Field(&HttpResponse::status, 200)));
        const double executions = counter.count() - before;
        EXPECT_EQ(executions < count, service == &sharing);

        const std::string here = "{" + of(*service) + "}";
        EXPECT_TRUE(answers(prometheus,
                            R"(db_client_operation_duration_seconds_count{)"
                            R"(db_client_connection_pool_name="signalbox",)"
                            R"(db_system_name="postgresql",db_operation_name="SELECT",)"
                            R"(db_collection_name="users",error_type="",)" +
                                of(*service) + "}",
                            executions));
        EXPECT_TRUE(answers(prometheus, "signalbox_shared_reads_total" + here, count - executions));
        EXPECT_TRUE(
            answers(prometheus, "db_client_connection_use_time_seconds_count" + here, executions));
        EXPECT_TRUE(
            answers(prometheus, "db_client_connection_wait_time_seconds_count" + here, count));
        EXPECT_TRUE(answers(
            prometheus,
            "sum(" + requests_total + R"({http_route="/users",http_response_status_code="200",)" +
                of(*service) + "}) - sum(db_client_operation_duration_seconds_count" + here +
                ") - sum(signalbox_shared_reads_total" + here + ")",
            0));
        // Each took 50 ms at least, and was in a connection's use for as long.
        EXPECT_TRUE(answers(prometheus,
                            "db_client_connection_use_time_seconds_sum" + here +
                                " >= bool 0.05 * " + std::to_string(executions),
                            1));
    }
}

TEST(Prometheus, counts_what_was_shed_and_what_was_cancelled) {
    const std::string database = database_with_users(1);
    const Service narrow(database, {"--limit-concurrency", "2", "--database-query-timeout", "30s"});
    const Service hasty(database, {"--timeout-request", "3s", "--database-query-timeout", "200ms"});
    const Service queue(database,
                        {"--database-pool-size", "1", "--database-max-queue", "1",
                         "--database-share-reads", "off", "--database-query-timeout", "30s"});
    const PrometheusServer prometheus(
        {narrow.admin_port(), hasty.admin_port(), queue.admin_port()});
    std::vector<RawClient> held;
    {
        const LockedUsers locked(database);
        for (int i = 0; i < 2; ++i) {
            {
                const auto goes_away = clients_that_asked(narrow, 1, "/users");
                ASSERT_TRUE(is_counted(narrow, "http_server_active_requests", {}, 1));
            }
            ASSERT_TRUE(is_counted(narrow, "http_server_active_requests", {}, 0));
        }
        held = clients_that_asked(narrow, 2, "/users");
        ASSERT_TRUE(is_counted(narrow, "http_server_active_requests", {}, 2));
        for (int i = 0; i < 4; ++i)
            EXPECT_EQ(get(narrow.url("/fast-task")).status, 503);

        EXPECT_EQ(get(hasty.url("/users")).status, 503);

        const auto running = clients_that_asked(queue, 1, "/users");
        ASSERT_TRUE(is_counted(queue, "db_client_connections",
                               {{"db_client_connection_state", "used"}}, 1));
        const auto waiting = clients_that_asked(queue, 1, "/users");
        ASSERT_TRUE(is_counted(queue, "db_client_connection_pending_requests", {}, 1));
        for (int i = 0; i < 5; ++i)
            EXPECT_EQ(get(queue.url("/users")).status, 503);
    }
    EXPECT_THAT(send_all(std::vector<HttpRequest>(3, {.url = hasty.url("/slow-task")})),
                Each(Field(&HttpResponse::status, 504)));

    const auto shed = [](const Service& service, const std::string& reason) {
        return "signalbox_requests_shed_total{reason=\"" + reason + "\"," + of(service) + "}";
    };
    const auto cancelled = [](const Service& service, const std::string& reason) {
        return "signalbox_requests_cancelled_total{reason=\"" + reason + "\"," + of(service) + "}";
    };
    const auto failed = [](const Service& service, const std::string& status,
                           const std::string& error) {
        return "sum(" + requests_total + "{http_response_status_code=\"" + status +
               "\",error_type=\"" + error + "\"," + of(service) + "})";
    };
    EXPECT_TRUE(answers(prometheus, shed(narrow, "concurrency"), 4));
    EXPECT_TRUE(answers(prometheus, failed(narrow, "503", "concurrency_limit"), 4));
    EXPECT_TRUE(answers(prometheus, cancelled(narrow, "client_gone"), 2));
    EXPECT_TRUE(answers(prometheus, failed(narrow, "499", "client_gone"), 2));
    EXPECT_TRUE(answers(prometheus, failed(hasty, "504", "deadline"), 3));
    EXPECT_TRUE(answers(prometheus, cancelled(hasty, "deadline"), 3));
    EXPECT_TRUE(answers(prometheus, failed(hasty, "503", "database_timeout"), 1));
    EXPECT_TRUE(answers(prometheus, shed(queue, "database_queue"), 5));
    EXPECT_TRUE(answers(prometheus, failed(queue, "503", "database_queue_full"), 5));

    EXPECT_TRUE(answers(prometheus, "sum(signalbox_requests_shed_total{reason=\"draining\"})", 0));
    EXPECT_TRUE(answers(prometheus, "sum(signalbox_requests_shed_total)", 4 + 5));
}

TEST(Prometheus, counts_malformed_requests_by_what_was_wrong) {
    const Service service(database_with_users(0));
    const PrometheusServer prometheus({service.admin_port()});
    struct Kind {
        int count;
        std::string bytes;
        std::string reason;
        std::string status;
        std::string method = "_OTHER";  // of a head that is not in order nothing is believed
    };
    const std::vector<Kind> kinds{
        {2, "GET / HTTP/1.1\nHost: a\n\n", "bare_line_feed", "400"},
        {3, "GET / HTTP/2.0\r\nHost: a\r\n\r\n", "version", "505"},
        {1, "GET / HTTP/1.1\r\n\r\n", "host", "400"},
        {4, "G@T / HTTP/1.1\r\nHost: a\r\n\r\n", "method", "400"},
        {2, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n", "body_too_large", "413",
         "GET"},
        {1, "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", "transfer_coding",
         "501"},
        {1, "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(33000, 'x') + "\r\n\r\n",
         "head_too_large", "431"},
    };
    for (const Kind& kind : kinds) {
        for (int i = 0; i < kind.count; ++i) {
            RawClient client(service.port());
            client.send(kind.bytes);
            EXPECT_THAT(client.read_to_end(), StartsWith("HTTP/1.1 " + kind.status + " "));
        }
    }
    for (const Kind& kind : kinds) {
        EXPECT_TRUE(answers(
            prometheus, "signalbox_http_malformed_requests_total{reason=\"" + kind.reason + "\"}",
            kind.count));
        EXPECT_TRUE(answers(prometheus,
                            requests_total + "{http_request_method=\"" + kind.method +
                                R"(",http_route="",error_type=")" + kind.reason +
                                R"(",http_response_status_code=")" + kind.status + "\"}",
                            kind.count));
    }
    EXPECT_TRUE(answers(prometheus, "sum(" + requests_total + ")", 14));
}

TEST(Prometheus, counts_connections_that_were_turned_away) {
    const Service service(database_with_users(0),
                          {"--limit-connections", "3", "--timeout-request-head", "5m"});
    const PrometheusServer prometheus({service.admin_port()});
    std::vector<RawClient> inside = clients_that_asked(service, 3, "/fast-task");
    for (RawClient& client : inside) {
        client.read_response();
        client.send("GET");  // idle they would give way after a second
    }
    for (int i = 0; i < 5; ++i) {
        RawClient outside(service.port());
        EXPECT_THAT(outside.read_to_end(), StartsWith("HTTP/1.1 503 "));
    }
    EXPECT_TRUE(answers(prometheus, "sum(signalbox_connections_rejected_total)", 5));
    EXPECT_TRUE(answers(prometheus, "sum(signalbox_connections)", 3));
    EXPECT_TRUE(answers(prometheus, "sum(" + requests_total + ")", 3))
        << "nothing was read from those that were turned away";
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
    const auto before = series(scrape(service));
    send_varied_requests(service, 1000, 10'000);
    ASSERT_TRUE(all_are_counted(10'000));

    const Samples samples = scrape(service);
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
    const Samples samples = scrape(service);
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

/// Clients that ask without a pause, for as long as it lives.
class Flood {
  public:
    Flood(const Service& service, int clients) {
        for (int i = 0; i < clients; ++i) {
            clients_.push_back(std::async(std::launch::async, [this, &service] {
                constexpr int at_once = 50;
                std::string requests;
                for (int n = 0; n < at_once; ++n)
                    requests += request("/fast-task");
                RawClient client(service.port());
                while (!over_) {
                    client.send(requests);
                    for (int n = 0; n < at_once; ++n)
                        client.read_response();
                }
            }));
        }
    }
    ~Flood() { over_ = true; }

  private:
    std::atomic<bool> over_ = false;
    std::vector<std::future<void>> clients_;  ///< each waits for its end
};

TEST(AdminListener, answers_while_the_api_has_more_to_do_than_it_can) {
    constexpr std::size_t count = 1000;
    ASSERT_GT(process::raise_file_limit(), 2 * count);
    const std::string database = database_with_users(1);
    const Service service(database, {"--database-query-timeout", "1m", "--timeout-request", "1m"});
    std::vector<RawClient> held;
    const LockedUsers locked(database);
    held = clients_that_asked(service, count, "/users");
    const Labels users{{"http_route", "/users"}};
    ASSERT_TRUE(is_counted(service, "http_server_active_requests", users, count));

    const Flood flood(service, 4);
    const Labels fast{{"http_route", "/fast-task"}};
    ASSERT_TRUE(eventually([&] { return total(scrape(service), requests_total, fast) > 0; }));
    const double answered_before = total(scrape(service), requests_total, fast);
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(total(scrape(service), "http_server_active_requests", users), count);
        const auto response = get(service.admin_url("/debug/requests"));
        ASSERT_EQ(response.status, 200);
        rapidjson::Document in_flight;
        in_flight.Parse(response.body.c_str());
        ASSERT_TRUE(in_flight.IsObject()) << response.body;
        EXPECT_GE(in_flight["total"].GetUint64(), count);
        EXPECT_EQ(in_flight["requests"].Size(), in_flight["total"].GetUint64());
        std::size_t in_summary = 0;
        for (const auto& group : in_flight["summary"].GetArray()) {
            if (std::string_view(group["http.route"].GetString()) == "/users") {
                in_summary += group["count"].GetUint64();
            }
        }
        EXPECT_EQ(in_summary, count);
    }
    EXPECT_EQ(get(service.admin_url("/livez")).status, 200);
    EXPECT_GT(total(scrape(service), requests_total, fast), answered_before);
}

TEST(AdminListener, is_not_filled_by_clients_that_ask_for_nothing) {
    const std::string database = database_with_users(0);
    const Service service(database);
    std::deque<RawClient> silent;
    for (std::size_t i = 0; i < 3 * admin::max_connections; ++i) {
        RawClient& client = silent.emplace_back(service.admin_port());
        if (i % 3 == 1) client.send("GET /live");
        if (i % 3 == 2) {
            client.send(request("/livez"));
            EXPECT_THAT(client.read_response(), StartsWith("HTTP/1.1 200 "));
        }
        if (i % 16 == 0) {
            EXPECT_EQ(get(service.admin_url("/livez")).status, 200) << "beside " << i;
        }
    }
    EXPECT_EQ(silent.front().read_to_end(), "") << "it made room for others";
    silent.back().send(request("/livez"));
    EXPECT_THAT(silent.back().read_response(), StartsWith("HTTP/1.1 200 "));
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
        {"signalbox_database_transactions", {"gauge", {}}},
        {"signalbox_database_transaction_duration_seconds", {"histogram", {"outcome"}}},
        {"signalbox_event_loop_lag_seconds", {"histogram", {"loop"}}},
        {"signalbox_event_loop_since_turn_seconds", {"gauge", {"loop"}}},
        {"signalbox_event_loop_tasks", {"gauge", {"loop"}}},
        {"signalbox_connections", {"gauge", {"state"}}},
        {"signalbox_connections_rejected_total", {"counter", {"reason"}}},
        {"signalbox_connections_evicted_total", {"counter", {"state"}}},
        {"signalbox_connections_cut_total", {"counter", {"reason"}}},
        {"signalbox_buffered_bytes", {"gauge", {"what"}}},
        {"signalbox_buffered_max_bytes", {"gauge", {}}},
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

double max_open_files(pid_t pid) {
    std::ifstream limits("/proc/" + std::to_string(pid) + "/limits");
    const std::string name = "Max open files";
    for (std::string line; std::getline(limits, line);) {
        if (line.starts_with(name)) return std::stod(line.substr(name.size()));
    }
    return 0;
}

TEST(ProcessMetrics, agree_with_the_kernel) {
    const auto wall_clock = [] {
        return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch())
            .count();
    };
    const double before_start = wall_clock();
    const Service service(database_with_users(1), {"--database-pool-size", "2"});
    const double after_start = wall_clock();
    ASSERT_TRUE(is_counted(service, "db_client_connections", {}, 2));

    // On a connection that stays, so that there is no file more or less when it is compared.
    RawClient admin(service.admin_port());
    const auto scrape_on_it = [&admin] {
        admin.send(request("/metrics"));
        const std::string response = admin.read_response();
        return parse_metrics(response.substr(response.find("\r\n\r\n") + 4));
    };
    const auto value = [](const Samples& samples, const char* name) {
        EXPECT_EQ(std::count_if(samples.begin(), samples.end(),
                                [name](const Sample& sample) { return sample.name == name; }),
                  1)
            << name;
        return total(samples, name);
    };
    EXPECT_TRUE(eventually([&] {
        return value(scrape_on_it(), "process_open_fds") ==
               static_cast<double>(service.open_files());
    }));
    const double rest = value(scrape_on_it(), "process_open_fds");
    const auto seconds = [](auto duration) {
        return std::chrono::duration<double>(duration).count();
    };
    for (int i = 0; i < 2000; ++i)
        get(service.url("/fast-task"));  // processor time worth comparing
    const double cpu_before = seconds(service.cpu_time());
    const Samples samples = scrape_on_it();
    const double cpu_after = seconds(service.cpu_time());
    EXPECT_GT(cpu_before, 0);
    EXPECT_THAT(value(samples, "process_cpu_seconds_total"), AllOf(Ge(cpu_before), Le(cpu_after)));
    EXPECT_EQ(value(samples, "process_threads"), static_cast<double>(service.threads()));
    EXPECT_EQ(value(samples, "process_max_fds"), max_open_files(service.pid()));
    const double resident = value(samples, "process_resident_memory_bytes");
    EXPECT_GT(resident, 1 << 20);
    EXPECT_LT(resident, value(samples, "process_virtual_memory_bytes"));
    // The kernel tells when it was booted in whole seconds.
    const double started = value(samples, "process_start_time_seconds");
    EXPECT_THAT(started, AllOf(Ge(before_start - 2), Le(after_start + 2)));
    EXPECT_EQ(value(scrape_on_it(), "process_start_time_seconds"), started);

    // A file more is one more, when those of all the others are closed.
    EXPECT_TRUE(eventually([&] {
        const Samples now = scrape_on_it();
        return total(now, "signalbox_connections") == 0 && value(now, "process_open_fds") <= rest;
    }));
    const double open = value(scrape_on_it(), "process_open_fds");
    RawClient client(service.port());
    client.send(request("/fast-task"));
    client.read_response();
    EXPECT_EQ(value(scrape_on_it(), "process_open_fds"), open + 1) << "a socket";
}

TEST(ProcessMetrics, name_the_version_that_the_binary_names) {
    const Service service(database_with_users(0));
    const Samples samples = scrape(service);
    const auto info = std::find_if(samples.begin(), samples.end(), [](const Sample& sample) {
        return sample.name == "signalbox_build_info";
    });
    ASSERT_NE(info, samples.end());
    EXPECT_EQ(info->value, 1);
    const Exit version = run_signalbox({"--version"});
    EXPECT_THAT(version.output, HasSubstr(info->labels.at("version")));
    EXPECT_THAT(version.output, HasSubstr(info->labels.at("revision")));
    EXPECT_THAT(info->labels.at("compiler"), StartsWith("g++ "));
    EXPECT_EQ(info->labels.at("service"), "signalbox");
    const std::string in_json = "{\"service\":\"signalbox\",\"version\":\"" +
                                info->labels.at("version") + "\",\"revision\":\"" +
                                info->labels.at("revision") + "\"}";
    EXPECT_EQ(get(service.admin_url("/version")).body, in_json);
}

/// A FIFO as standard output of a process, with as little room as the kernel allows. Read only when
/// the test wants to.
class Pipe {
  public:
    Pipe() {
        if (::mkfifo(path_.c_str(), 0600) != 0) throw std::runtime_error("mkfifo");
        // Before the writer, who would wait for somebody to open this end.
        descriptor_ = ::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        if (descriptor_ < 0 || ::fcntl(descriptor_, F_SETPIPE_SZ, 4096) < 0) {
            throw std::runtime_error("cannot open the FIFO");
        }
    }
    ~Pipe() {
        ::close(descriptor_);
        std::error_code ignored;
        fs::remove_all(folder_, ignored);
    }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;

    const fs::path& path() const { return path_; }
    const std::string& text() const { return text_; }

    /// What there is now.
    void read() {
        char chunk[65536];
        ssize_t size = 0;
        while ((size = ::read(descriptor_, chunk, sizeof chunk)) > 0)
            text_.append(chunk, static_cast<std::size_t>(size));
    }

    std::size_t count(std::string_view part) const {
        std::size_t found = 0;
        for (std::size_t at = 0; (at = text_.find(part, at)) != std::string::npos; ++at)
            ++found;
        return found;
    }

  private:
    static fs::path new_folder() {
        std::string path = fs::temp_directory_path() / "signalbox-pipe-XXXXXX";
        if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("mkdtemp");
        return path;
    }

    const fs::path folder_ = new_folder();
    const fs::path path_ = folder_ / "pipe";
    int descriptor_ = -1;
    std::string text_;
};

TEST(LogDrops, are_counted_to_the_line_and_hold_up_no_request) {
    Pipe pipe;
    SpawnOptions options;
    options.arguments = {test::service_binary(),
                         "--port",
                         "0",
                         "--admin-port",
                         "0",
                         "--log-format",
                         "json",
                         "--database-url",
                         database_with_users(0),
                         "--timeout-graceful-shutdown",
                         "30s"};
    options.output = pipe.path();
    options.dies_with_caller = true;
    struct Child {
        pid_t pid;
        ~Child() {
            if (pid == 0) return;
            ::kill(pid, SIGKILL);
            wait_for_exit(pid, 10s);
        }
    } child{spawn(options)};
    const auto port_after = [&pipe](const std::string& label) {
        const std::size_t found = pipe.text().find(label);
        return std::stoi(pipe.text().substr(found + label.size(), 5));
    };
    ASSERT_TRUE(eventually(
        [&] {
            pipe.read();
            return pipe.count("ready: serving on ") == 1 && pipe.text().back() == '\n';
        },
        60s));
    const int port = port_after("serving on http://127.0.0.1:");
    const int admin_port = port_after("admin on http://127.0.0.1:");
    const auto dropped = [admin_port] {
        const auto metrics = get("http://127.0.0.1:" + std::to_string(admin_port) + "/metrics");
        return static_cast<std::size_t>(
            total(parse_metrics(metrics.body), "signalbox_log_messages_dropped_total"));
    };
    EXPECT_EQ(dropped(), 0U);

    // From here on nobody reads. Lines as long as they get, to fill the log's memory with few of
    // them.
    constexpr std::size_t rounds = 1500;
    constexpr std::size_t at_once = 10;
    std::string requests;
    for (std::size_t i = 0; i < at_once; ++i)
        requests += request("/" + std::string(8000, 'x'));
    RawClient client(port);
    for (std::size_t i = 0; i < rounds; ++i) {
        client.send(requests);
        for (std::size_t n = 0; n < at_once; ++n)
            ASSERT_THAT(client.read_response(), StartsWith("HTTP/1.1 404 "));
    }
    EXPECT_TRUE(eventually([&] { return dropped() > 0; }));

    // And now somebody does, to the end.
    constexpr std::size_t sent = rounds * at_once;
    const auto written = [&pipe] { return pipe.count(R"("body":"request")"); };
    EXPECT_TRUE(eventually(
        [&] {
            pipe.read();
            return written() + dropped() >= sent;
        },
        60s))
        << written() << " written, " << dropped() << " dropped";
    EXPECT_GT(written(), 0U);
    const std::size_t finally_dropped = dropped();
    ASSERT_EQ(::kill(child.pid, SIGTERM), 0);
    std::optional<int> status;
    ASSERT_TRUE(eventually(
        [&] {
            pipe.read();
            return (status = wait_for_exit(child.pid, 0ms)).has_value();
        },
        60s));
    child.pid = 0;
    pipe.read();
    EXPECT_EQ(status, 0);
    EXPECT_EQ(written() + finally_dropped, sent);
    EXPECT_EQ(pipe.count(R"("body":"stopped")"), 1U);

    std::istringstream lines(pipe.text());
    for (std::string line; std::getline(lines, line);) {
        rapidjson::Document document;
        document.Parse(line.c_str());
        ASSERT_TRUE(document.IsObject()) << "not a whole line: " << line.substr(0, 200);
    }
}

TEST(ObservabilityOff, leaves_out_what_it_costs_and_serves_all_the_same) {
    const std::string database = database_with_users(1);
    for (const bool on : {true, false}) {
        const Service service(
            database, {"--observability", on ? "on" : "off", "--database-query-timeout", "30s"});
        std::vector<RawClient> held;
        {
            const LockedUsers locked(database);
            held = clients_that_asked(service, 3, "/users");
            // What is known anyway is told in any case.
            EXPECT_TRUE(is_counted(service, "signalbox_connections", {{"state", "active"}}, 3));
            const auto response = get(service.admin_url("/debug/requests"));
            EXPECT_EQ(response.status, 200);
            EXPECT_THAT(response.body, StartsWith(on ? R"({"total":3,)" : R"({"total":0,)"));
        }
        for (RawClient& client : held)
            EXPECT_THAT(client.read_response(), StartsWith("HTTP/1.1 200 "));
        const auto response = get(service.url("/fast-task"));
        EXPECT_EQ(response.status, 200);
        EXPECT_EQ(response.header("traceparent").has_value(), on);
        EXPECT_TRUE(response.header("x-request-id"));

        EXPECT_TRUE(is_counted(service, requests_total, {}, on ? 4 : 0));
        const Samples samples = scrape(service);
        const auto counts_requests = [](const Sample& sample) {
            return sample.name.starts_with("http_server_") ||
                   sample.name.starts_with("db_client_operation_");
        };
        EXPECT_EQ(std::any_of(samples.begin(), samples.end(), counts_requests), on);
        EXPECT_EQ(total(samples, "signalbox_state", {{"state", "ready"}}), 1);
        EXPECT_GT(total(samples, "process_threads"), 0);
        EXPECT_TRUE(eventually([&] {
            return service.output().find("/fast-task") != std::string::npos;
        })) << "the access log has a switch of its own";
    }
}

/// An address of this machine that is not the loopback, if it has one.
std::optional<std::string> other_local_address() {
    ifaddrs* all = nullptr;
    if (::getifaddrs(&all) != 0) return std::nullopt;
    std::optional<std::string> found;
    for (const ifaddrs* each = all; each != nullptr; each = each->ifa_next) {
        if (each->ifa_addr == nullptr || each->ifa_addr->sa_family != AF_INET) continue;
        char text[NI_MAXHOST];
        if (::getnameinfo(each->ifa_addr, sizeof(sockaddr_in), text, sizeof text, nullptr, 0,
                          NI_NUMERICHOST) == 0 &&
            !std::string_view(text).starts_with("127.")) {
            found = text;
        }
    }
    ::freeifaddrs(all);
    return found;
}

TEST(AdminOnTheApisPort, tells_others_than_this_machine_nothing_of_single_requests) {
    const std::string database = database_with_users(0);
    const HeldPort held;
    const std::string port = held.text();
    const Service service(database, {"--host", "0.0.0.0", "--port", port, "--admin-port", port,
                                     "--forwarded-allow-ips", "*"});
    struct Client {
        std::string host;
        std::vector<std::string> headers;
        bool local;
    };
    std::vector<Client> clients{
        {"127.0.0.1", {}, true},
        {"127.0.0.1", {"X-Forwarded-For: 127.0.0.1"}, false},  // a proxy's word, or a client's
        {"127.0.0.1", {"Forwarded: for=127.0.0.1"}, false},
        {"127.0.0.1", {"X-Forwarded-For: 192.0.2.1"}, false},
        {"127.0.0.1", {"X-Forwarded-For: 2001:db8::1"}, false},
    };
    if (const auto other = other_local_address()) {
        clients.push_back({*other, {}, false});
        clients.push_back({*other, {"X-Forwarded-For: 127.0.0.1"}, false});
    }
    for (const Client& client : clients) {
        const auto ask = [&](const std::string& path) {
            return send(
                {.url = "http://" + client.host + ":" + port + path, .headers = client.headers});
        };
        SCOPED_TRACE(client.host + " " + (client.headers.empty() ? "" : client.headers[0]));
        EXPECT_EQ(ask("/readyz").status, 200);
        EXPECT_EQ(ask("/fast-task").status, 200);
        const auto metrics = ask("/metrics");
        if (client.local) {
            EXPECT_EQ(total(parse_metrics(metrics.body), "signalbox_state"), 1);
        }
        for (const char* path : {"/", "/metrics", "/debug/requests", "/debug/log-level"}) {
            const auto response = ask(path);
            EXPECT_EQ(response.status, client.local ? 200 : 404) << path;
            if (client.local) continue;
            EXPECT_EQ(response.body, R"({"detail":"Not Found"})");
        }
        const auto put = send({.url = "http://" + client.host + ":" + port + "/debug/log-level",
                               .method = "PUT",
                               .headers = client.headers,
                               .body = R"({"access_log":"all"})"});
        EXPECT_EQ(put.status, client.local ? 200 : 404);
    }
}

}  // namespace
}  // namespace signalbox::test
