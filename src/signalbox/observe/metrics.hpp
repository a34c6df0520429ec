#pragma once

#include <prometheus/collectable.h>
#include <prometheus/histogram.h>
#include <prometheus/labels.h>
#include <prometheus/registry.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace signalbox::observe {

/// The process's metrics, in the names of OpenTelemetry's semantic conventions as Prometheus
/// spells them. What changes with each event is counted where it happens, by the classes that are
/// named for it (RequestMetrics, DatabaseMetrics); what is known anyway is read when asked for.
///
/// Threads: any. Lifetime: outlives everything that it counts for, and nothing that is read is
/// destroyed before the server that serves text().
class Metrics {
  public:
    Metrics();
    ~Metrics();
    Metrics(const Metrics&) = delete;
    Metrics& operator=(const Metrics&) = delete;

    prometheus::Registry& registry() noexcept { return registry_; }

    using Read = std::function<double()>;
    /// A value that is read at each scrape. The same name may come again with other labels.
    void gauge(const std::string& name, const std::string& help, prometheus::Labels labels,
               Read read);
    void counter(const std::string& name, const std::string& help, prometheus::Labels labels,
                 Read read);
    /// Several families at once, for what is costly to read one by one.
    void add(std::unique_ptr<prometheus::Collectable> collectable);

    /// Whether there is a metric of this name.
    bool has(const std::string& name) const;

    /// All of them, in Prometheus's text format, version 0.0.4.
    std::string text() const;
    static constexpr const char* content_type = "text/plain; version=0.0.4; charset=utf-8";

  private:
    class ReadAtScrape;

    std::vector<prometheus::MetricFamily> collect() const;

    prometheus::Registry registry_;
    std::unique_ptr<ReadAtScrape> read_at_scrape_;
    std::vector<std::unique_ptr<prometheus::Collectable>> collectables_;
};

/// Upper bounds in seconds, for what PostgreSQL does.
const prometheus::Histogram::BucketBoundaries& database_buckets();

}  // namespace signalbox::observe
