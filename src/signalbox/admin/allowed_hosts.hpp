#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "signalbox/http/request.hpp"
#include "signalbox/parsed.hpp"

namespace signalbox::admin {

/// Who the operators' routes answer to: not to a page of another site, which a browser of an
/// operator may have open. Such a page can let its own name resolve to the listener's address (DNS
/// rebinding), and is then of the same origin as what it asks for; but its name is in the Host.
/// Immutable, so that any thread may ask.
class AllowedHosts {
  public:
    /// Comma separated names: `metrics.example.com`, `*.example.com` for all below one, or `*` for
    /// any. Besides those, addresses and `localhost` are always allowed. The empty text is no
    /// other.
    static Parsed<AllowedHosts> parse(std::string_view text);

    AllowedHosts() = default;
    /// Also this Host: the listener was told to listen on it. No Origin is let in by it.
    void allow_host(std::string_view name);

    /// Why the request is refused; nothing when it is not. No Host at all is as good as one that is
    /// allowed: browsers send one, HTTP/1.0 probes do not. Each Origin (RFC 6454, section 7) has to
    /// be the Host's own, or of one of the names.
    std::optional<std::string_view> refusal(const http::Request& request) const;

  private:
    bool is_named(std::string_view host) const;
    bool is_allowed_origin(std::string_view origin, std::optional<std::string_view> host) const;

    bool any_ = false;
    std::vector<std::string> names_;  ///< in lower case
    std::vector<std::string> hosts_;  ///< in lower case; not as Origins
    std::vector<std::string> below_;  ///< `.example.com`
};

}  // namespace signalbox::admin
