#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "signalbox/http/middleware.hpp"

namespace signalbox::http {

/// Which pages of other origins may read the answers in a browser: Starlette's CORSMiddleware, with
/// its options and defaults.
struct CorsOptions {
    /// `https://shop.example`, as browsers send it: without a path, and with the port where it is
    /// not the scheme's. `*` for all.
    std::vector<std::string> allow_origins{};
    /// Further origins, besides those in `allow_origins`: a whole origin has to match (RE2's
    /// syntax).
    std::string allow_origin_regex{};
    std::vector<std::string> allow_methods{"GET"};  ///< `*` for all but CONNECT and TRACE
    /// Of the request, besides those that are always allowed; `*` for all.
    std::vector<std::string> allow_headers{};
    bool allow_credentials = false;             ///< cookies and Authorization
    std::vector<std::string> expose_headers{};  ///< of the response, for the page to read
    std::chrono::seconds max_age{600};          ///< for which a browser may keep a preflight
};

/// Answers preflights, whatever their path, and adds the headers of CORS to all responses of
/// requests that have an Origin, errors included (the Fetch standard, section 3.3). It refuses no
/// request but preflights: it is the browser that keeps the answer from the page.
///
/// Throws std::invalid_argument for an origin, a regular expression or a name that is none.
Middleware cors(CorsOptions options);

}  // namespace signalbox::http
