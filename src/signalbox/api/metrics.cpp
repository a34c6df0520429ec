#include "signalbox/api/metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "signalbox/ascii.hpp"
#include "signalbox/observe/metrics.hpp"

namespace signalbox::api {

namespace detail {

namespace {

/// What comes after Metrics::most_series.
constexpr std::string_view other = "other";

}  // namespace

/// One metric with its labels; a series is made when it is first counted.
template <class Metric, class... Construct>
class Series {
  public:
    Series(prometheus::Family<Metric>& family, std::string name, std::vector<std::string> labels,
           Construct... construct)
        : family_(family),
          name_(std::move(name)),
          labels_(std::move(labels)),
          construct_(std::move(construct)...) {
        if (labels_.empty()) find({});  // a series without labels is there from the start, as 0
    }

    Metric& find(LabelValues values) {
        if (values.size() != labels_.size()) {
            throw std::invalid_argument(name_ + " has " + std::to_string(labels_.size()) +
                                        " labels, given were " + std::to_string(values.size()));
        }
        const std::lock_guard lock(mutex_);
        std::vector<std::string> key(values.begin(), values.end());
        auto known = series_.find(key);
        if (known == series_.end() && series_.size() >= Metrics::most_series) {
            key.assign(labels_.size(), std::string(other));
            known = series_.find(key);
        }
        if (known != series_.end()) return *known->second;
        prometheus::Labels named;
        for (std::size_t i = 0; i < labels_.size(); ++i)
            named.emplace(labels_[i], key[i]);
        Metric& made =
            std::apply([&](const auto&... each) -> Metric& { return family_.Add(named, each...); },
                       construct_);
        series_.emplace(std::move(key), &made);
        return made;
    }

  private:
    prometheus::Family<Metric>& family_;
    const std::string name_;
    const std::vector<std::string> labels_;
    const std::tuple<Construct...> construct_;
    std::mutex mutex_;
    std::map<std::vector<std::string>, Metric*> series_;  ///< guarded by mutex_
};

class CounterFamily : public Series<prometheus::Counter> {
  public:
    using Series::Series;
};
class GaugeFamily : public Series<prometheus::Gauge> {
  public:
    using Series::Series;
};
class HistogramFamily
    : public Series<prometheus::Histogram, prometheus::Histogram::BucketBoundaries> {
  public:
    using Series::Series;
};

}  // namespace detail

namespace {

bool is_word(std::string_view name, bool colons) {
    const auto letter = [colons](char c) {
        return is_letter(c) || c == '_' || (colons && c == ':');
    };
    return !name.empty() && letter(name.front()) &&
           std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || is_digit(c); });
}

/// Prometheus's data model, "Metric names and labels".
void check(observe::Metrics& metrics, const std::string& name,
           const std::vector<std::string>& labels) {
    if (!is_word(name, true)) throw std::invalid_argument("no name for a metric: " + name);
    if (metrics.has(name)) throw std::invalid_argument("this metric is there already: " + name);
    for (auto label = labels.begin(); label != labels.end(); ++label) {
        if (!is_word(*label, false) || label->starts_with("__") || *label == "le" ||
            *label == "quantile" || std::find(labels.begin(), label, *label) != label) {
            throw std::invalid_argument("no label for the metric " + name + ": " + *label);
        }
    }
}

}  // namespace

void Counter::increment(LabelValues labels, double by) const {
    family_->find(labels).Increment(by);
}

void Gauge::set(double value, LabelValues labels) const {
    family_->find(labels).Set(value);
}

void Gauge::add(double difference, LabelValues labels) const {
    family_->find(labels).Increment(difference);
}

void Histogram::observe(double value, LabelValues labels) const {
    family_->find(labels).Observe(value);
}

Counter Metrics::counter(const std::string& name, const std::string& help,
                         std::vector<std::string> labels) const {
    check(metrics_, name, labels);
    if (!name.ends_with("_total")) {
        throw std::invalid_argument("a counter's name ends in _total: " + name);
    }
    auto& family = prometheus::BuildCounter().Name(name).Help(help).Register(metrics_.registry());
    return Counter(std::make_shared<detail::CounterFamily>(family, name, std::move(labels)));
}

Gauge Metrics::gauge(const std::string& name, const std::string& help,
                     std::vector<std::string> labels) const {
    check(metrics_, name, labels);
    auto& family = prometheus::BuildGauge().Name(name).Help(help).Register(metrics_.registry());
    return Gauge(std::make_shared<detail::GaugeFamily>(family, name, std::move(labels)));
}

Histogram Metrics::histogram(const std::string& name, const std::string& help,
                             std::vector<double> buckets, std::vector<std::string> labels) const {
    check(metrics_, name, labels);
    const bool ascending =
        std::adjacent_find(buckets.begin(), buckets.end(), std::greater_equal<>()) == buckets.end();
    const bool numbers = std::none_of(buckets.begin(), buckets.end(),
                                      [](double bound) { return std::isnan(bound); });
    if (buckets.empty() || !ascending || !numbers) {
        throw std::invalid_argument("the buckets of " + name + " are not ascending numbers");
    }
    auto& family = prometheus::BuildHistogram().Name(name).Help(help).Register(metrics_.registry());
    return Histogram(std::make_shared<detail::HistogramFamily>(family, name, std::move(labels),
                                                               std::move(buckets)));
}

}  // namespace signalbox::api
