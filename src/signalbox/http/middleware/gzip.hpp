#pragma once

#include <cstddef>

#include "signalbox/http/middleware.hpp"

namespace signalbox::http {

/// Starlette's GZipMiddleware.
struct GzipOptions {
    std::size_t minimum_size = 500;  ///< of a body, in bytes; smaller ones are sent as they are
    int level = 6;                   ///< from 1, the fastest, to 9, the smallest
};

/// compression() with gzip alone. Throws std::invalid_argument for a level that is none.
Middleware gzip(const GzipOptions& options = {});

}  // namespace signalbox::http
