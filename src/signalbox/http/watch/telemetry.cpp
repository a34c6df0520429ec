#include "signalbox/http/watch/telemetry.hpp"

#include <chrono>
#include <optional>

#include "signalbox/http/watch/access_log.hpp"
#include "signalbox/http/wire/head.hpp"

namespace signalbox::http {

namespace {

const prometheus::Histogram::BucketBoundaries lag_buckets{.001, .0025, .005, .01, .025, .05,
                                                          .1,   .25,   .5,   1,   2.5,  5};

/// The caller's trace goes on where there is one caller's header and it is valid.
context::TraceContext trace_context(const Request* request) {
    if (request == nullptr) return context::TraceContext::start();
    const Header* traceparent = nullptr;
    for (const Header& header : request->headers) {
        if (!is_named(header, "traceparent")) continue;
        if (traceparent != nullptr) return context::TraceContext::start();  // which is it?
        traceparent = &header;
    }
    if (traceparent == nullptr) return context::TraceContext::start();
    const auto trace = context::TraceContext::continue_from(traceparent->value);
    return trace ? *trace : context::TraceContext::start();
}

}  // namespace

/// What one event loop's requests leave behind.
class Telemetry::OfLoop final : public RequestObserver {
  public:
    OfLoop(Telemetry& telemetry, async::EventLoop& loop)
        : requests_(telemetry.requests_),
          metrics_(telemetry.request_metrics_),
          in_flight_(telemetry.registry_.add_list()),
          access_log_(loop.context(), telemetry.log_, telemetry.access_log_, telemetry.redaction_) {
        auto& lag = telemetry.lag_.Add({{"loop", loop.name()}}, lag_buckets);
        loop.watch(
            {.lag = [&lag](auto late) { lag.Observe(std::chrono::duration<double>(late).count()); },
             .blocked = [this](const context::RequestContext& request,
                               auto taken) { access_log_.blocked(request, taken); },
             .task_failed =
                 [this](const context::RequestContext* request, const std::exception_ptr& error) {
                     access_log_.task_failed(request, error);
                 }});
    }

    context::TraceContext trace(const Request* request) override {
        return requests_ ? trace_context(request) : context::TraceContext{};
    }

    void started(context::RequestContext& in_flight) override {
        if (!requests_) return;
        metrics_.started(in_flight);
        in_flight_.add(in_flight);
    }

    void slow(const Request& request, const context::RequestContext& in_flight) override {
        access_log_.slow(request, in_flight);
    }

    void finished(const FinishedRequest& finished) override {
        context::RequestContext& in_flight = finished.in_flight;
        const auto duration = finished.ended - in_flight.started;
        const observe::RequestOutcome outcome{
            .status = finished.status,
            .malformed_reason = finished.malformed_reason,
            .duration = finished.streamed() ? finished.first_byte - in_flight.started : duration,
            .request_body_size = finished.request != nullptr ? finished.request->body.size() : 0,
            .response_body_size = finished.body_size,
            .stream_duration = finished.streamed()
                                   ? std::optional(finished.ended - finished.first_byte)
                                   : std::nullopt};
        if (requests_) in_flight_.remove(in_flight);
        try {
            access_log_.finished(finished, duration, observe::error_type(in_flight, outcome));
        } catch (...) {  // it is counted all the same
            if (requests_) metrics_.finished(in_flight, outcome);
            throw;
        }
        if (requests_) metrics_.finished(in_flight, outcome);
    }

    void failed(const std::exception_ptr& error) noexcept override { access_log_.failed(error); }

    void cut(std::string_view reason, std::size_t count) override {
        access_log_.cut(reason, count);
    }

    void flush() override { access_log_.flush(); }

  private:
    const bool requests_;
    observe::RequestMetrics::OfLoop metrics_;
    context::RequestList& in_flight_;
    AccessLogger access_log_;
};

Telemetry::Telemetry(observe::Metrics& metrics, observe::Log& log, const TelemetryOptions& options)
    : metrics_(metrics),
      log_(log),
      access_log_(options.access_log),
      requests_(options.requests),
      redaction_(options.secret_parameters, options.secret_paths),
      request_metrics_(metrics, options.metrics),
      lag_(prometheus::BuildHistogram()
               .Name("signalbox_event_loop_lag_seconds")
               .Help("How much later than it should an event loop came to its timer, ten times a "
                     "second.")
               .Register(metrics.registry())) {}

void Telemetry::expect(const std::vector<Route>& routes) {
    for (const Route& route : routes)
        redaction_.expect(route.path);
    if (!requests_) return;
    request_metrics_.expect("");  // of requests without a route
    for (const Route& route : routes)
        request_metrics_.expect(route.path);
}

observe::InFlightSnapshot Telemetry::in_flight(std::size_t limit) const {
    auto snapshot = registry_.snapshot(limit);
    std::string redacted;
    for (auto& entry : snapshot.entries) {
        const bool cut = entry.path.size() == observe::InFlightEntry::longest_path;
        const std::string_view path = redaction_.path(entry.path, redacted, cut);
        if (path.data() != entry.path.data()) entry.path = redacted;
    }
    return snapshot;
}

std::unique_ptr<RequestObserver> Telemetry::observe(async::EventLoop& loop) {
    metrics_.gauge("signalbox_event_loop_tasks",
                   "Coroutines that were started on an event loop and have not ended.",
                   {{"loop", loop.name()}}, [&loop] { return static_cast<double>(loop.tasks()); });
    metrics_.gauge(
        "signalbox_event_loop_since_turn_seconds",
        "How long ago an event loop last turned; it does so ten times a second at least.",
        {{"loop", loop.name()}},
        [&loop] { return std::chrono::duration<double>(loop.since_turn()).count(); });
    return std::make_unique<OfLoop>(*this, loop);
}

}  // namespace signalbox::http
