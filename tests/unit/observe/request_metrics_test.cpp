#include "signalbox/observe/request_metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <limits>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>

#include "support/prometheus.hpp"

namespace signalbox::observe {
namespace {

using namespace std::chrono_literals;
using Seconds = std::chrono::duration<double>;
using testing::ElementsAre;
using testing::IsSupersetOf;

/// Of the histogram of one request.
std::set<double> bounds(const RequestMetricsOptions& options) {
    Metrics metrics;
    RequestMetrics request_metrics(metrics, options);
    RequestMetrics::OfLoop of_loop(request_metrics);
    context::RequestContext request;
    request.method = "GET";
    request.route = "/items";
    request.scheme = "http";
    of_loop.started(request);
    of_loop.finished(request, {.status = 200,
                               .malformed_reason = "",
                               .duration = 3s,
                               .request_body_size = 0,
                               .response_body_size = 0});
    std::set<double> found;
    for (const auto& sample : test::parse_metrics(metrics.text())) {
        if (sample.name != "http_server_request_duration_seconds_bucket") continue;
        const std::string& bound = sample.labels.at("le");
        if (bound != "+Inf") found.insert(std::stod(bound));
    }
    return found;
}

TEST(RequestMetrics, have_the_buckets_that_opentelemetry_advises) {
    EXPECT_THAT(bounds({}),
                ElementsAre(.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10));
}

TEST(RequestMetrics, have_the_buckets_that_the_service_adds) {
    const auto found = bounds({.duration_buckets = {20s, 3250ms, 5s, 3250ms}});
    EXPECT_EQ(found.size(), 16U) << "5 s are there anyway, and none twice";
    EXPECT_THAT(found, IsSupersetOf({.005, 3.25, 5., 20.}));
}

TEST(RequestMetrics, know_whose_fault_it_is) {
    EXPECT_EQ(fault_of(200, "", false), Fault::none);
    EXPECT_EQ(fault_of(404, "", false), Fault::none);
    EXPECT_EQ(fault_of(409, "unique_violation", false), Fault::none) << "an answer as any other";
    EXPECT_EQ(fault_of(400, "host", true), Fault::client);
    EXPECT_EQ(fault_of(501, "transfer_coding", true), Fault::client);
    EXPECT_EQ(fault_of(505, "version", true), Fault::client);
    EXPECT_EQ(fault_of(499, "client_gone", false), Fault::client);
    EXPECT_EQ(fault_of(504, "client_deadline", false), Fault::client);
    EXPECT_EQ(fault_of(200, "write_timeout", false), Fault::client);
    for (const int status : {500, 502, 503, 504, 599})
        EXPECT_EQ(fault_of(status, std::to_string(status), false), Fault::service);
    EXPECT_EQ(fault_of(503, "limit_buffered", false), Fault::service);
    EXPECT_EQ(fault_of(200, "limit_buffered", false), Fault::service) << "cut in the middle";
    EXPECT_EQ(fault_of(200, "shutdown", false), Fault::service);
    EXPECT_EQ(fault_of(500, "connection_failed", false), Fault::service);
}

TEST(RequestMetrics, count_errors_of_a_route_from_zero_on_whatever_else_is_said_of_them) {
    Metrics metrics;
    RequestMetrics request_metrics(metrics, {});
    request_metrics.expect("/items");
    const auto before = test::series(test::parse_metrics(metrics.text()));
    RequestMetrics::OfLoop of_loop(request_metrics);
    const auto finish = [&](std::string_view method, int status, std::string_view type) {
        context::RequestContext request;
        request.method = method;
        request.route = "/items";
        request.scheme = "https";
        request.error_type = type;
        of_loop.started(request);
        of_loop.finished(request, {.status = status,
                                   .malformed_reason = "",
                                   .duration = 3s,
                                   .request_body_size = 0,
                                   .response_body_size = 0});
    };
    finish("GET", 200, "");
    finish("HEAD", 503, "database_unavailable");
    finish("GET", 503, "concurrency_limit");
    finish("GET", 504, "deadline");
    finish("GET", 504, "client_deadline");
    finish("GET", 502, "");
    finish("GET", 200, "limit_buffered");
    finish("GET", 499, "client_gone");
    const auto samples = test::parse_metrics(metrics.text());
    for (const auto& [name, labels] : test::series(samples)) {
        if (name.starts_with("signalbox_request")) {
            EXPECT_TRUE(before.contains({name, labels})) << name;
        }
    }
    EXPECT_EQ(test::total(samples, "signalbox_requests_total"), 6);
    const auto errors = [&](const char* status) {
        return test::total(samples, "signalbox_request_errors_total",
                           {{"http_response_status_code", status}});
    };
    EXPECT_EQ(errors("500"), 2) << "502, and what was cut";
    EXPECT_EQ(errors("503"), 2);
    EXPECT_EQ(errors("504"), 1);
}

TEST(RequestMetrics, refuse_a_bucket_that_is_none) {
    for (const double seconds : {0., -1., std::numeric_limits<double>::infinity(),
                                 std::numeric_limits<double>::quiet_NaN()}) {
        Metrics metrics;
        EXPECT_THROW(RequestMetrics(metrics, {.duration_buckets = {Seconds(seconds)}}),
                     std::invalid_argument)
            << seconds;
    }
}

}  // namespace
}  // namespace signalbox::observe
