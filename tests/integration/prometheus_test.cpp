// What the real Prometheus makes of /metrics, compared with what was done to the service.

#include "support/prometheus.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <string>
#include <vector>

#include "signalbox/testing/postgres.hpp"
#include "support/eventually.hpp"
#include "support/executions.hpp"
#include "support/http_client.hpp"
#include "support/locked_users.hpp"
#include "support/log_lines.hpp"
#include "support/metrics.hpp"
#include "support/service.hpp"

namespace signalbox::test {
namespace {

using namespace std::chrono_literals;
using testing::Each;
using testing::Field;
using testing::StartsWith;

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

}  // namespace
}  // namespace signalbox::test
