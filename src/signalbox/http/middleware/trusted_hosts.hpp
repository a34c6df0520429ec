#pragma once

#include <string>
#include <vector>

#include "signalbox/http/middleware.hpp"

namespace signalbox::http {

/// Which names the service is reached by: Starlette's TrustedHostMiddleware.
struct TrustedHostsOptions {
    /// `example.com`, `*.example.com` for all below one, or `*` for any; without a port.
    std::vector<std::string> allowed_hosts{"*"};
    /// A request to `example.com` is sent on to `www.example.com` where only that is allowed.
    bool www_redirect = true;
};

/// Answers requests whose Host is another name with 400: who makes links of it, or caches by it,
/// may trust it then. Probes and whatever else asks by an address are refused, too, unless that is
/// listed.
///
/// Throws std::invalid_argument for what cannot be a host.
Middleware trusted_hosts(TrustedHostsOptions options);

}  // namespace signalbox::http
