#pragma once

#include <prometheus/collectable.h>

namespace signalbox::observe {

/// Prometheus's standard `process_*` metrics, and the number of threads. Read from /proc at each
/// scrape; one that cannot be read is left out.
class ProcessMetrics final : public prometheus::Collectable {
  public:
    ProcessMetrics();
    std::vector<prometheus::MetricFamily> Collect() const override;

  private:
    /// In seconds of the epoch, 0 when unknown. Read once: the kernel's answer moves when the clock
    /// is set, and one that changes would say that the process was started anew.
    const double started_;
};

}  // namespace signalbox::observe
