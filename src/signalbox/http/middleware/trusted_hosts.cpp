#include "signalbox/http/middleware/trusted_hosts.hpp"

#include <algorithm>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "signalbox/ascii.hpp"

namespace signalbox::http {

namespace {

/// Without the port; an IPv6 address keeps its brackets.
std::string_view without_port(std::string_view authority) {
    const std::size_t from = authority.starts_with('[') ? authority.find(']') : 0;
    if (from == std::string_view::npos) return authority;
    return authority.substr(0, authority.find(':', from));
}

void check(const std::string& host) {
    const std::string_view name =
        host.starts_with("*.") ? std::string_view(host).substr(2) : std::string_view(host);
    const bool is_address = name.starts_with('[') && name.ends_with(']');
    if (host == "*" || (!name.empty() && (is_address || without_port(name) == name) &&
                        name.find_first_of("*/@ ,") == name.npos))
        return;
    throw std::invalid_argument("trusted_hosts: '" + host +
                                "': expected names such as example.com or *.example.com, without "
                                "a port, or *");
}

class TrustedHosts {
  public:
    explicit TrustedHosts(TrustedHostsOptions options) : options_(std::move(options)) {
        for (std::string& host : options_.allowed_hosts) {
            check(host);
            host = to_lower(host);
        }
    }

    async::Task<Response> operator()(Request& request, const Next& next) const {
        const std::string_view authority = request.header("host").value_or("");
        const std::string host = to_lower(without_port(authority));
        if (allows(host)) return next(request);
        return answer(refusal(request, authority, host));
    }

  private:
    bool allows(std::string_view host) const {
        return std::any_of(options_.allowed_hosts.begin(), options_.allowed_hosts.end(),
                           [host](const std::string& allowed) {
                               return allowed.starts_with('*')
                                          ? host.ends_with(std::string_view(allowed).substr(1))
                                          : host == allowed;
                           });
    }

    Response refusal(const Request& request, std::string_view authority,
                     std::string_view host) const {
        const auto& allowed = options_.allowed_hosts;
        const std::string www = std::string("www.").append(host);
        if (options_.www_redirect &&
            std::find(allowed.begin(), allowed.end(), www) != allowed.end()) {
            std::string url(request.scheme);
            url.append("://www.").append(authority).append(request.root_path);
            url.append(request.raw_path);
            if (!request.query.empty()) url.append("?").append(request.query);
            return redirect(url);
        }
        return {.status = 400,
                .content_type = "text/plain; charset=utf-8",
                .body = std::string("Invalid host header")};
    }

    static async::Task<Response> answer(Response response) { co_return response; }

    TrustedHostsOptions options_;
};

}  // namespace

Middleware trusted_hosts(TrustedHostsOptions options) {
    return TrustedHosts(std::move(options));
}

}  // namespace signalbox::http
