#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "signalbox/async/event_loop.hpp"
#include "signalbox/config/config.hpp"
#include "signalbox/http/route.hpp"
#include "signalbox/http/server/request_observer.hpp"
#include "signalbox/http/watch/redact.hpp"
#include "signalbox/observe/in_flight_registry.hpp"
#include "signalbox/observe/log.hpp"
#include "signalbox/observe/metrics.hpp"
#include "signalbox/observe/request_metrics.hpp"

namespace signalbox::http {

struct TelemetryOptions {
    config::AccessLog access_log = config::AccessLog::all;
    bool requests = true;  ///< else only the access log is left, to measure what the rest costs
    observe::RequestMetricsOptions metrics{};
    /// For Redaction.
    std::vector<std::string> secret_parameters{};
    std::vector<SecretPath> secret_paths{};
};

/// Makes a server's requests visible: metrics, trace context, access log and the list of those in
/// flight.
///
/// Threads: any. Lifetime: outlives the server; `metrics` and `log` outlive it.
class Telemetry {
  public:
    /// Throws std::invalid_argument, as RequestMetrics and Redaction do.
    Telemetry(observe::Metrics& metrics, observe::Log& log, const TelemetryOptions& options = {});

    /// The routes that it will see requests of, before it does: what goes wrong with the first of
    /// them is to be seen as well, and no log is to show what is secret in their paths.
    void expect(const std::vector<Route>& routes);

    /// For the server: the observer of one of its event loops.
    std::unique_ptr<RequestObserver> observe(async::EventLoop& loop);

    observe::InFlightSnapshot in_flight(std::size_t limit) const;

    /// Can be changed at any time.
    config::AccessLog access_log() const noexcept { return access_log_; }
    void set_access_log(config::AccessLog which) noexcept { access_log_ = which; }

  private:
    class OfLoop;

    observe::Metrics& metrics_;
    observe::Log& log_;
    std::atomic<config::AccessLog> access_log_;
    const bool requests_;
    Redaction redaction_;  ///< constant once there are requests
    observe::RequestMetrics request_metrics_;
    prometheus::Family<prometheus::Histogram>& lag_;
    observe::InFlightRegistry registry_;
};

}  // namespace signalbox::http
