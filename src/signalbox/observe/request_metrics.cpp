#include "signalbox/observe/request_metrics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>

#include "signalbox/context/error_types.hpp"
#include "signalbox/observe/metric_family.hpp"

namespace signalbox::observe {

namespace error_types = context::error_types;

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

/// In seconds. Some streams are a large answer, others are open as long as a browser's page.
const Buckets stream_buckets{.1, 1, 10, 60, 300, 1800, 7200, 43200};

const Buckets size_buckets{0, 128, 1024, 8192, 65536, 524288, 4194304};

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
    // Whatever its handler made of being cancelled.
    if (request.cancelled == context::Cancelled::client_deadline && outcome.status >= 500) {
        return error_types::client_deadline;
    }
    if (!request.error_type.empty()) return request.error_type;
    return text_of_server_error(outcome.status);
}

Fault fault_of(int status, std::string_view error_type, bool malformed) {
    const auto is_one_of = [error_type](const auto& types) {
        return std::find(types.begin(), types.end(), error_type) != types.end();
    };
    if (is_one_of(error_types::of_the_client)) return Fault::client;
    if (is_one_of(error_types::of_an_answer_that_was_cut)) return Fault::service;
    // A method or a version of HTTP that nobody has: any client can ask for it.
    if (status == 501 || status == 505) return Fault::client;
    if (status >= 500) return Fault::service;
    return malformed ? Fault::client : Fault::none;
}

RequestMetrics::RequestMetrics(Metrics& metrics, const RequestMetricsOptions& options)
    : duration_buckets_(duration_buckets(options)),
      duration_(family<prometheus::Histogram>(
          metrics, "http_server_request_duration_seconds",
          "From the start of a request to the last byte of its response, or of a stream to its "
          "first; or to the loss of the client (status 499).")),
      active_(
          family<prometheus::Gauge>(metrics, "http_server_active_requests", "Requests in flight.")),
      request_body_size_(family<prometheus::Histogram>(
          metrics, "http_server_request_body_size_bytes", "Size of request bodies.")),
      response_body_size_(family<prometheus::Histogram>(
          metrics, "http_server_response_body_size_bytes", "Size of response bodies.")),
      stream_duration_(family<prometheus::Histogram>(
          metrics, "signalbox_stream_duration_seconds",
          "From the first byte of a streamed response to its end, by how it ended: error_type is "
          "empty when it is complete.")),
      streams_left_(family<prometheus::Counter>(
          metrics, "signalbox_streams_left_total",
          "Streamed responses that had begun and were ended by their client's doing: it left, or "
          "took nothing.")),
      requests_(family<prometheus::Counter>(
          metrics, "signalbox_requests_total",
          "Requests that count for the error budget: all but those that ended by their client's "
          "doing, as malformed ones, those that it did not wait for or take the answer of, and "
          "those that it set a deadline for which has passed.")),
      errors_(family<prometheus::Counter>(
          metrics, "signalbox_request_errors_total",
          "Of signalbox_requests_total those that failed, by status; 500 is also any other that is "
          "neither 503 nor 504, and an answer that the service cut short.")),
      malformed_(family<prometheus::Counter>(
          metrics, "signalbox_http_malformed_requests_total",
          "What arrived and was no valid HTTP request, by what was wrong with it.")) {
    auto& shed = family<prometheus::Counter>(
        metrics, "signalbox_requests_shed_total",
        "Requests answered with 503 instead of being worked on, by the limit that was reached.");
    shed_ = {nullptr,
             &shed.Add({{"reason", "concurrency"}}),
             &shed.Add({{"reason", "database_queue"}}),
             &shed.Add({{"reason", "draining"}}),
             &shed.Add({{"reason", "limit_buffered"}}),
             &shed.Add({{"reason", "background_tasks"}})};
    auto& cancelled = family<prometheus::Counter>(
        metrics, "signalbox_requests_cancelled_total",
        "Requests whose handler was ended before it was done, by the reason.");
    cancelled_ = {nullptr,
                  &cancelled.Add({{"reason", "client_gone"}}),
                  &cancelled.Add({{"reason", "deadline"}}),
                  &cancelled.Add({{"reason", "client_deadline"}}),
                  &cancelled.Add({{"reason", "shutdown"}}),
                  &cancelled.Add({{"reason", "limit_buffered"}}),
                  &cancelled.Add({{"reason", "connection_failed"}})};
}

void RequestMetrics::expect(std::string_view route) {
    requests(route);
    streams_left(route);
    for (const int status : {500, 503, 504})
        errors(route, status);
}

prometheus::Counter& RequestMetrics::requests(std::string_view route) {
    return requests_.Add({{"http_route", std::string(route)}});
}

prometheus::Counter& RequestMetrics::streams_left(std::string_view route) {
    return streams_left_.Add({{"http_route", std::string(route)}});
}

prometheus::Counter& RequestMetrics::errors(std::string_view route, int status) {
    const char* const text = status == 503 ? "503" : status == 504 ? "504" : "500";
    return errors_.Add({{"http_route", std::string(route)}, {"http_response_status_code", text}});
}

void RequestMetrics::OfLoop::started(const context::RequestContext& request) {
    endpoint(request).active->Increment();
}

void RequestMetrics::OfLoop::finished(const context::RequestContext& request,
                                      const RequestOutcome& outcome) {
    endpoint(request).active->Decrement();
    Series& counted = series(request, outcome.status, error_type(request, outcome),
                             !outcome.malformed_reason.empty());
    counted.duration->Observe(std::chrono::duration<double>(outcome.duration).count());
    counted.request_body_size->Observe(static_cast<double>(outcome.request_body_size));
    counted.response_body_size->Observe(static_cast<double>(outcome.response_body_size));
    if (outcome.stream_duration) observe_stream(request, counted, *outcome.stream_duration);
    if (counted.requests != nullptr) counted.requests->Increment();
    if (counted.errors != nullptr) counted.errors->Increment();
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

void RequestMetrics::OfLoop::observe_stream(const context::RequestContext& request, Series& counted,
                                            std::chrono::steady_clock::duration duration) {
    if (counted.stream_duration == nullptr) {
        counted.stream_duration =
            &metrics_.stream_duration_.Add({{"http_route", std::string(request.route)},
                                            {"error_type", std::string(counted.error_type)}},
                                           stream_buckets);
        const bool of_the_client =
            fault_of(counted.status, counted.error_type, false) == Fault::client;
        if (of_the_client) counted.streams_left = &metrics_.streams_left(request.route);
    }
    if (counted.streams_left != nullptr) counted.streams_left->Increment();
    counted.stream_duration->Observe(std::chrono::duration<double>(duration).count());
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
    const context::RequestContext& request, int status, std::string_view error_type,
    bool malformed) {
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
    const Fault fault = fault_of(status, error_type, malformed);
    return all.emplace_back(Series{
        .status = status,
        .error_type = error_type,
        .duration = &duration,
        .request_body_size = &request_size,
        .response_body_size = &response_size,
        .requests = fault == Fault::client ? nullptr : &metrics_.requests(request.route),
        .errors = fault == Fault::service ? &metrics_.errors(request.route, status) : nullptr});
}

}  // namespace signalbox::observe
