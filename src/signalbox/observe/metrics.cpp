#include "signalbox/observe/metrics.hpp"

#include <prometheus/text_serializer.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <mutex>
#include <utility>

namespace signalbox::observe {

class Metrics::ReadAtScrape final : public prometheus::Collectable {
  public:
    void add(prometheus::MetricType type, const std::string& name, const std::string& help,
             prometheus::Labels labels, Read read) {
        const std::lock_guard lock(mutex_);
        Family& family = families_[name];
        family.type = type;
        family.help = help;
        family.values.emplace_back(std::move(labels), std::move(read));
    }

    std::vector<prometheus::MetricFamily> Collect() const override {
        const std::lock_guard lock(mutex_);
        std::vector<prometheus::MetricFamily> result;
        for (const auto& [name, family] : families_) {
            prometheus::MetricFamily collected{
                .name = name, .help = family.help, .type = family.type, .metric = {}};
            for (const auto& [labels, read] : family.values) {
                prometheus::ClientMetric metric;
                for (const auto& [label, value] : labels)
                    metric.label.push_back({label, value});
                // The serializer takes the one that the type says.
                metric.gauge.value = metric.counter.value = read();
                collected.metric.push_back(std::move(metric));
            }
            result.push_back(std::move(collected));
        }
        return result;
    }

  private:
    struct Family {
        prometheus::MetricType type = prometheus::MetricType::Gauge;
        std::string help;
        std::vector<std::pair<prometheus::Labels, Read>> values;
    };

    mutable std::mutex mutex_;
    std::map<std::string, Family> families_;  ///< guarded by mutex_
};

Metrics::Metrics() : read_at_scrape_(std::make_unique<ReadAtScrape>()) {}

Metrics::~Metrics() = default;

void Metrics::gauge(const std::string& name, const std::string& help, prometheus::Labels labels,
                    Read read) {
    read_at_scrape_->add(prometheus::MetricType::Gauge, name, help, std::move(labels),
                         std::move(read));
}

void Metrics::counter(const std::string& name, const std::string& help, prometheus::Labels labels,
                      Read read) {
    read_at_scrape_->add(prometheus::MetricType::Counter, name, help, std::move(labels),
                         std::move(read));
}

void Metrics::add(std::unique_ptr<prometheus::Collectable> collectable) {
    collectables_.push_back(std::move(collectable));
}

std::vector<prometheus::MetricFamily> Metrics::collect() const {
    auto families = registry_.Collect();
    const auto append = [&families](std::vector<prometheus::MetricFamily> more) {
        families.insert(families.end(), std::make_move_iterator(more.begin()),
                        std::make_move_iterator(more.end()));
    };
    append(read_at_scrape_->Collect());
    for (const auto& collectable : collectables_)
        append(collectable->Collect());
    return families;
}

bool Metrics::has(const std::string& name) const {
    const auto families = collect();
    return std::any_of(families.begin(), families.end(),
                       [&name](const auto& family) { return family.name == name; });
}

std::string Metrics::text() const {
    return prometheus::TextSerializer().Serialize(collect());
}

const prometheus::Histogram::BucketBoundaries& database_buckets() {
    static const prometheus::Histogram::BucketBoundaries buckets{.001, .005, .01, .05, .1,
                                                                 .5,   1,    5,   10};
    return buckets;
}

}  // namespace signalbox::observe
