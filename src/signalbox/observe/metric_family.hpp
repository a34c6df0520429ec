#pragma once

#include <prometheus/detail/builder.h>
#include <prometheus/family.h>

#include "signalbox/observe/metrics.hpp"

namespace signalbox::observe {

/// Registers one: prometheus::Counter, Gauge or Histogram. It lives as long as `metrics`.
template <class Metric>
prometheus::Family<Metric>& family(Metrics& metrics, const char* name, const char* help) {
    return prometheus::detail::Builder<Metric>().Name(name).Help(help).Register(metrics.registry());
}

}  // namespace signalbox::observe
