#include "signalbox/observe/request_metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <limits>
#include <set>
#include <stdexcept>

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
