#pragma once

#include "signalbox/http/middleware.hpp"

namespace signalbox::http {

/// Adds how long the answer took, as browsers show it (`Server-Timing: app;dur=12.3`, in
/// milliseconds) and as FastAPI's tutorial has it (`X-Process-Time: 0.0123`, in seconds). From the
/// middleware itself on: the outermost measures all. A streamed body is written later.
///
/// It tells everybody how long something takes, which can tell what is in a database.
Middleware process_time();

}  // namespace signalbox::http
