#include "signalbox/observe/request_metrics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>

namespace signalbox::observe {

namespace {

using Buckets = prometheus::Histogram::BucketBoundaries;

/// In seconds: what OpenTelemetry advises, and what the service adds.
Buckets duration_buckets(const RequestMetricsOptions& options) {
    Buckets buckets{.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10};
    for (const auto bucket : options.duration_buckets) {
        const double seconds = bucket.count();
        if (!std::isfinite(seconds) || seconds <= 0) {
            throw std::invalid_argument(
                fmt::format("a bucket for the duration of requests ends at {} s", seconds));
        }
        buckets.push_back(seconds);
    }
    std::sort(buckets.begin(), buckets.end());
    buckets.erase(std::unique(buckets.begin(), buckets.end()), buckets.end());
    return buckets;
}

const Buckets size_buckets{0, 128, 1024, 8192, 65536, 524288, 4194304};

template <class Metric>
prometheus::Family<Metric>& family(Metrics& metrics, const char* name, const char* help) {
    return prometheus::detail::Builder<Metric>().Name(name).Help(help).Register(metrics.registry());
}

/// Of server errors, as text that lives for ever.
std::string_view text_of_server_error(int status) {
    static const auto texts = [] {
        std::array<std::string, 100> all;
        for (std::size_t i = 0; i < all.size(); ++i)
            all[i] = std::to_string(500 + i);
        return all;
    }();
    if (status < 500 || status >= 600) return {};
    return texts[static_cast<std::size_t>(status - 500)];
}

prometheus::Labels labels_of(const context::RequestContext& request) {
    return {{"http_request_method", std::string(request.method)},
            {"http_route", std::string(request.route)},
            {"url_scheme", std::string(request.scheme)}};
}

}  // namespace

std::string_view error_type(const context::RequestContext& request, const RequestOutcome& outcome) {
    if (!outcome.malformed_reason.empty()) return outcome.malformed_reason;
    if (!request.error_type.empty()) return request.error_type;
    return text_of_server_error(outcome.status);
}

RequestMetrics::RequestMetrics(Metrics& metrics, const RequestMetricsOptions& options)
    : duration_buckets_(duration_buckets(options)),
      duration_(family<prometheus::Histogram>(
          metrics, "http_server_request_duration_seconds",
          "From the start of a request to the last byte of its response, or to the loss of the "
          "client (status 499).")),
      active_(
          family<prometheus::Gauge>(metrics, "http_server_active_requests", "Requests in flight.")),
      request_body_size_(family<prometheus::Histogram>(
          metrics, "http_server_request_body_size_bytes", "Size of request bodies.")),
      response_body_size_(family<prometheus::Histogram>(
          metrics, "http_server_response_body_size_bytes", "Size of response bodies.")),
      malformed_(family<prometheus::Counter>(
          metrics, "signalbox_http_malformed_requests_total",
          "What arrived and was no valid HTTP request, by what was wrong with it.")) {
    auto& shed = family<prometheus::Counter>(
        metrics, "signalbox_requests_shed_total",
        "Requests answered with 503 instead of being worked on, by the limit that was reached.");
    shed_ = {nullptr, &shed.Add({{"reason", "concurrency"}}),
             &shed.Add({{"reason", "database_queue"}}), &shed.Add({{"reason", "draining"}})};
    auto& cancelled = family<prometheus::Counter>(
        metrics, "signalbox_requests_cancelled_total",
        "Requests whose handler was ended before it was done, by the reason.");
    cancelled_ = {nullptr, &cancelled.Add({{"reason", "client_gone"}}),
                  &cancelled.Add({{"reason", "deadline"}}),
                  &cancelled.Add({{"reason", "shutdown"}})};
}

void RequestMetrics::OfLoop::started(const context::RequestContext& request) {
    endpoint(request).active->Increment();
}

void RequestMetrics::OfLoop::finished(const context::RequestContext& request,
                                      const RequestOutcome& outcome) {
    endpoint(request).active->Decrement();
    const Series& counted = series(request, outcome.status, error_type(request, outcome));
    counted.duration->Observe(std::chrono::duration<double>(outcome.duration).count());
    counted.request_body_size->Observe(static_cast<double>(outcome.request_body_size));
    counted.response_body_size->Observe(static_cast<double>(outcome.response_body_size));
    if (request.shed != context::Shed::no) {
        metrics_.shed_[static_cast<std::size_t>(request.shed)]->Increment();
    }
    // A cancellation can come when the handler has all it needs, and then it is no more than late.
    if (request.cancelled != context::Cancelled::no && outcome.status >= 499) {
        metrics_.cancelled_[static_cast<std::size_t>(request.cancelled)]->Increment();
    }
    if (!outcome.malformed_reason.empty()) {
        auto& counter = malformed_[outcome.malformed_reason];
        if (counter == nullptr) {
            counter = &metrics_.malformed_.Add({{"reason", std::string(outcome.malformed_reason)}});
        }
        counter->Increment();
    }
}

RequestMetrics::OfLoop::Endpoint& RequestMetrics::OfLoop::endpoint(
    const context::RequestContext& request) {
    const Key key{request.method.data(), request.route.data(), request.scheme.data()};
    if (last_ != nullptr && last_->first == key) return last_->second;
    auto& found = *endpoints_.try_emplace(key).first;
    Endpoint& endpoint = found.second;
    if (endpoint.active == nullptr) endpoint.active = &metrics_.active_.Add(labels_of(request));
    last_ = &found;
    return endpoint;
}

RequestMetrics::OfLoop::Series& RequestMetrics::OfLoop::series(
    const context::RequestContext& request, int status, std::string_view error_type) {
    auto& all = endpoint(request).series;
    for (Series& known : all) {
        if (known.status == status && known.error_type == error_type) return known;
    }
    auto labels = labels_of(request);
    labels.emplace("http_response_status_code", std::to_string(status));
    auto& request_size = metrics_.request_body_size_.Add(labels, size_buckets);
    auto& response_size = metrics_.response_body_size_.Add(labels, size_buckets);
    labels.emplace("error_type", std::string(error_type));
    auto& duration = metrics_.duration_.Add(labels, metrics_.duration_buckets_);
    return all.emplace_back(Series{status, error_type, &duration, &request_size, &response_size});
}

}  // namespace signalbox::observe
