#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace signalbox::observe {
class Metrics;
}

namespace signalbox::api {

namespace detail {
class CounterFamily;
class GaugeFamily;
class HistogramFamily;
}  // namespace detail

/// The values of a metric's labels, in the order in which their names were given.
using LabelValues = std::initializer_list<std::string_view>;

/// What only goes up. Copies count the same. Threads: any.
class Counter {
  public:
    explicit Counter(std::shared_ptr<detail::CounterFamily> family) : family_(std::move(family)) {}
    /// `by` is not negative. Throws std::invalid_argument for a wrong number of labels.
    void increment(LabelValues labels = {}, double by = 1) const;

  private:
    std::shared_ptr<detail::CounterFamily> family_;
};

/// What goes up and down. Copies are the same. Threads: any.
class Gauge {
  public:
    explicit Gauge(std::shared_ptr<detail::GaugeFamily> family) : family_(std::move(family)) {}
    void set(double value, LabelValues labels = {}) const;
    void add(double difference, LabelValues labels = {}) const;

  private:
    std::shared_ptr<detail::GaugeFamily> family_;
};

/// How values are distributed. Copies are the same. Threads: any.
class Histogram {
  public:
    explicit Histogram(std::shared_ptr<detail::HistogramFamily> family)
        : family_(std::move(family)) {}
    void observe(double value, LabelValues labels = {}) const;

  private:
    std::shared_ptr<detail::HistogramFamily> family_;
};

/// Makes the application's own metrics, at its start (Module::provide):
///
///     struct SalesMetrics { api::Counter sold; };
///     SalesMetrics sales_metrics(api::Metrics& metrics) {
///         return {metrics.counter("items_sold_total", "Items sold.", {"status"})};
///     }
///
/// They appear in /metrics beside the library's. Names are Prometheus's (Prometheus, "Metric and
/// label naming"): a counter ends in `_total`, seconds in `_seconds`.
///
/// A metric has at most `most_series` combinations of label values. Further ones are counted with
/// `other` in each label, so that no client can make series without end.
class Metrics {
  public:
    static constexpr std::size_t most_series = 100;

    explicit Metrics(observe::Metrics& metrics) : metrics_(metrics) {}

    /// Each throws std::invalid_argument for a name or label that Prometheus does not take, and for
    /// a name that is there already.
    Counter counter(const std::string& name, const std::string& help,
                    std::vector<std::string> labels = {}) const;
    Gauge gauge(const std::string& name, const std::string& help,
                std::vector<std::string> labels = {}) const;
    /// `buckets` are upper bounds, ascending.
    Histogram histogram(const std::string& name, const std::string& help,
                        std::vector<double> buckets, std::vector<std::string> labels = {}) const;

    /// What it makes them in, for the library's own.
    observe::Metrics& all() const noexcept { return metrics_; }

  private:
    observe::Metrics& metrics_;
};

}  // namespace signalbox::api
