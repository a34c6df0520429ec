#pragma once

#include <string>

namespace signalbox::observe {

/// Who writes: OpenTelemetry's attributes of a resource, `service.name` and `service.version`.
struct Resource {
    std::string service_name;
    std::string service_version;
    std::string revision{};  ///< of the source; not in the log
};

}  // namespace signalbox::observe
