#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "signalbox/context/request_context.hpp"
#include "signalbox/observe/metrics.hpp"

namespace signalbox::observe {

/// How a request ended.
struct RequestOutcome {
    int status;                         ///< what the client got of it; 499 when it went away first
    std::string_view malformed_reason;  ///< of a bounded set; empty for a proper request
    std::chrono::steady_clock::duration duration;  ///< of a stream: until it has begun
    std::size_t request_body_size;
    std::size_t response_body_size;
    /// Of a stream, from its first byte to its end. How long it takes is its reader's to say.
    std::optional<std::chrono::steady_clock::duration> stream_duration{};
};

struct RequestMetricsOptions {
    /// Upper bounds of the histogram of durations, beside those that OpenTelemetry advises: 5 ms,
    /// 10, 25, 50, 75, 100, 250, 500, 750 ms, 1 s, 2.5, 5, 7.5 and 10 s. Between two bounds a
    /// percentile is only guessed: a route that takes 3 s by design wants one a little above. In
    /// any order. They are one set for all routes, because sums over routes need that.
    std::vector<std::chrono::duration<double>> duration_buckets{};
};

/// `error.type` of OpenTelemetry, of a bounded set: what is known of the cause, else the status of
/// a server error; empty when there was no error. A proper request answered with 4xx is none.
std::string_view error_type(const context::RequestContext& request, const RequestOutcome& outcome);

/// Whose fault it is that a request got no proper answer; `error_type` is what the function of this
/// name says. The error budget counts the service's, and leaves out the client's altogether: what a
/// client can cause at will must not page anybody. An answer such as 409 is a proper one, though it
/// has a cause; that to a malformed request is not.
enum class Fault { none, service, client };
Fault fault_of(int status, std::string_view error_type, bool malformed);

/// The families of `http_server_*` (OpenTelemetry's HTTP server metrics) and what Signalbox counts
/// of its own for each request. One for the process. Throws std::invalid_argument for a bucket that
/// is not above 0.
class RequestMetrics {
  public:
    /// `metrics` must outlive it.
    RequestMetrics(Metrics& metrics, const RequestMetricsOptions& options);

    /// Counts requests of this route, and its errors, from 0 on: of a series that begins with a
    /// number above it, increase() sees only what comes later. Any thread.
    void expect(std::string_view route);

    /// One event loop's way to them. It remembers each metric it met: finding one by its labels is
    /// dear, counting is not. For the loop's thread only.
    class OfLoop {
      public:
        explicit OfLoop(RequestMetrics& metrics) : metrics_(metrics) {}

        void started(const context::RequestContext& request);
        void finished(const context::RequestContext& request, const RequestOutcome& outcome);

      private:
        struct Series {
            int status;
            std::string_view error_type;
            prometheus::Histogram* duration;
            prometheus::Histogram* request_body_size;
            prometheus::Histogram* response_body_size;
            prometheus::Counter* requests;  ///< null where the client is at fault
            prometheus::Counter* errors;    ///< null where the service is not
            prometheus::Histogram* stream_duration = nullptr;  ///< null until one was a stream
            prometheus::Counter* streams_left = nullptr;       ///< null where it was not that
        };
        struct Endpoint {
            prometheus::Gauge* active = nullptr;
            std::vector<Series> series{};
        };
        /// Where method, route and scheme are: these texts are constants, so one text nearly always
        /// is at one address, and where it is not, the family still gives the same metric.
        using Key = std::array<const char*, 3>;

        void observe_stream(const context::RequestContext& request, Series& counted,
                            std::chrono::steady_clock::duration duration);
        Endpoint& endpoint(const context::RequestContext& request);
        Series& series(const context::RequestContext& request, int status,
                       std::string_view error_type, bool malformed);

        RequestMetrics& metrics_;
        std::map<Key, Endpoint> endpoints_;
        std::map<Key, Endpoint>::value_type* last_ = nullptr;  ///< most come in rows
        std::map<std::string_view, prometheus::Counter*> malformed_;
    };

  private:
    prometheus::Counter& requests(std::string_view route);
    prometheus::Counter& streams_left(std::string_view route);
    prometheus::Counter& errors(std::string_view route, int status);

    const prometheus::Histogram::BucketBoundaries duration_buckets_;
    prometheus::Family<prometheus::Histogram>& duration_;
    prometheus::Family<prometheus::Gauge>& active_;
    prometheus::Family<prometheus::Histogram>& request_body_size_;
    prometheus::Family<prometheus::Histogram>& response_body_size_;
    prometheus::Family<prometheus::Histogram>& stream_duration_;
    prometheus::Family<prometheus::Counter>& streams_left_;
    prometheus::Family<prometheus::Counter>& requests_;
    prometheus::Family<prometheus::Counter>& errors_;
    prometheus::Family<prometheus::Counter>& malformed_;
    std::array<prometheus::Counter*, 6> shed_{};       ///< by Shed
    std::array<prometheus::Counter*, 7> cancelled_{};  ///< by Cancelled
};

}  // namespace signalbox::observe
