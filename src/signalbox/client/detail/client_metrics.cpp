#include "signalbox/client/detail/client_metrics.hpp"

#include <new>

#include "signalbox/http/response.hpp"

namespace signalbox::client {

namespace {

constexpr std::string_view other = "_OTHER";

const prometheus::Histogram::BucketBoundaries& buckets() {
    static const prometheus::Histogram::BucketBoundaries bounds{
        .005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10};
    return bounds;
}

/// Of a bounded set, whatever the other sends.
std::string status_label(int status) {
    if (status == 0) return {};
    const std::string_view phrase = http::reason_phrase(status);
    const bool known = status == 200 || (phrase != "OK" && phrase != "Error");
    return known ? std::to_string(status) : std::string(other);
}

}  // namespace

ClientMetrics::ClientMetrics(observe::Metrics& metrics)
    : durations_(prometheus::BuildHistogram()
                     .Name("http_client_request_duration_seconds")
                     .Help("Requests to other services, from the look-up of the name to the last "
                           "byte of the answer; each repetition counts.")
                     .Register(metrics.registry())),
      active_(prometheus::BuildGauge()
                  .Name("http_client_active_requests")
                  .Help("Requests to other services that are on their way.")
                  .Register(metrics.registry())),
      retries_(prometheus::BuildCounter()
                   .Name("signalbox_http_client_retries_total")
                   .Help("Requests to other services that were sent once more.")
                   .Register(metrics.registry())) {}

ClientMetrics::Request::Request(ClientMetrics* metrics, http::Method method, const Url& url)
    : metrics_(metrics), method_(method) {
    if (metrics_ == nullptr) return;
    server_ = metrics_->server(url);
    active_ = &metrics_->active(method_, server_);
    active_->Increment();
}

ClientMetrics::Request::~Request() {
    if (metrics_ == nullptr) return;
    active_->Decrement();
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - began_;
    try {
        metrics_->observe(method_, server_, status_, error_, taken.count());
    } catch (const std::bad_alloc&) {
        // One that is not counted is less than a process that ends.
    }
}

ClientMetrics::Server ClientMetrics::server(const Url& url) {
    Server server(url.address(), url.port);
    const std::lock_guard lock(mutex_);
    if (servers_.contains(server)) return server;
    if (servers_.size() >= most_servers) return {std::string(other), ""};
    return *servers_.insert(std::move(server)).first;
}

prometheus::Gauge& ClientMetrics::active(http::Method method, const Server& server) {
    const std::lock_guard lock(mutex_);
    prometheus::Gauge*& known = known_active_[{server, method}];
    if (known == nullptr) {
        known = &active_.Add({{"http_request_method", std::string(to_string(method))},
                              {"server_address", server.first},
                              {"server_port", server.second}});
    }
    return *known;
}

void ClientMetrics::observe(http::Method method, const Server& server, int status,
                            std::string_view error, double seconds) {
    const std::string code = status_label(status);
    // As OpenTelemetry has it: an answer that is an error has its status for a type.
    const std::string type = error.empty() && status >= 400 ? code : std::string(error);
    const std::lock_guard lock(mutex_);
    const int known_status = code == other ? -1 : status;
    prometheus::Histogram*& known = known_durations_[{server, method, known_status, type}];
    if (known == nullptr) {
        known = &durations_.Add({{"http_request_method", std::string(to_string(method))},
                                 {"server_address", server.first},
                                 {"server_port", server.second},
                                 {"http_response_status_code", code},
                                 {"error_type", type}},
                                buckets());
    }
    known->Observe(seconds);
}

void ClientMetrics::repeated(const Url& url) {
    const Server named = server(url);
    retries_.Add({{"server_address", named.first}, {"server_port", named.second}}).Increment();
}

}  // namespace signalbox::client
