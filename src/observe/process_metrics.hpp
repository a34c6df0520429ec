#pragma once

#include <prometheus/collectable.h>

namespace signalbox::observe {

/// Prometheus's standard `process_*` metrics, and the number of threads. Read from /proc at each
/// scrape; one that cannot be read is left out.
class ProcessMetrics final : public prometheus::Collectable {
  public:
    std::vector<prometheus::MetricFamily> Collect() const override;
};

}  // namespace signalbox::observe
