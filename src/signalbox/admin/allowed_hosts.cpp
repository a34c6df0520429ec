#include "signalbox/admin/allowed_hosts.hpp"

#include <asio/ip/address.hpp>

#include <algorithm>
#include <system_error>

#include "signalbox/ascii.hpp"
#include "signalbox/config/units.hpp"
#include "signalbox/http/wire/head.hpp"

namespace signalbox::admin {

namespace {

/// Without port, brackets and the dot of a fully qualified name: `[::1]:9464`, `localhost.`
std::string host_of(std::string_view authority) {
    std::string_view host = authority;
    if (host.starts_with('[')) {
        host = host.substr(1, host.find(']') - 1);
    } else {
        host = host.substr(0, host.rfind(':'));
        if (host.ends_with('.')) host.remove_suffix(1);
    }
    return to_lower(host);
}

bool has_no_port_or_a_number(std::string_view authority) {
    const std::size_t colon = authority.rfind(':');
    if (colon == std::string_view::npos || authority.ends_with(']')) return true;
    const std::string_view port = authority.substr(colon + 1);
    return std::all_of(port.begin(), port.end(), is_digit);
}

bool is_address(std::string_view host) {
    std::error_code error;
    asio::ip::make_address(host, error);
    return !error;
}

bool is_name(std::string_view text) {
    return !text.empty() && text.front() != '.' && text.back() != '.' &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return is_alphanumeric(c) || c == '-' || c == '.' || c == '_';
           });
}

}  // namespace

Parsed<AllowedHosts> AllowedHosts::parse(std::string_view text) {
    AllowedHosts hosts;
    while (!text.empty()) {
        const std::string_view name = text.substr(0, text.find(','));
        text.remove_prefix(std::min(text.size(), name.size() + 1));
        if (name == "*") {
            hosts.any_ = true;
        } else if (name.starts_with("*.") && is_name(name.substr(2))) {
            hosts.below_.push_back(to_lower(name.substr(1)));
        } else if (is_name(name)) {
            hosts.names_.push_back(to_lower(name));
        } else {
            return Invalid{config::printable(name) +
                           ": expected names such as metrics.example.com or *.example.com, without "
                           "a port, or *"};
        }
    }
    return hosts;
}

void AllowedHosts::allow_host(std::string_view name) {
    hosts_.push_back(to_lower(name));
}

bool AllowedHosts::is_named(std::string_view host) const {
    return any_ || std::find(names_.begin(), names_.end(), host) != names_.end() ||
           std::any_of(below_.begin(), below_.end(),
                       [host](const std::string& end) { return host.ends_with(end); });
}

std::optional<std::string_view> AllowedHosts::refusal(const http::Request& request) const {
    const auto host = request.header("host");
    if (host) {
        const std::string name = host_of(*host);
        if (!is_address(name) && name != "localhost" && !is_named(name) &&
            std::find(hosts_.begin(), hosts_.end(), name) == hosts_.end()) {
            return "The Host is neither an address nor a name that --admin-allowed-hosts allows";
        }
    }
    for (const http::Header& header : request.headers) {
        if (http::is_named(header, "origin") && !is_allowed_origin(header.value, host)) {
            return "The Origin is neither the Host's nor of a name that --admin-allowed-hosts "
                   "allows";
        }
    }
    return std::nullopt;
}

bool AllowedHosts::is_allowed_origin(std::string_view origin,
                                     std::optional<std::string_view> host) const {
    const std::size_t scheme_end = origin.find("://");
    if (scheme_end == std::string_view::npos) return false;
    const std::string scheme = to_lower(origin.substr(0, scheme_end));
    if (scheme != "http" && scheme != "https") return false;
    const std::string_view authority = origin.substr(scheme_end + 3);
    if (host && to_lower(authority) == to_lower(*host)) return true;
    return has_no_port_or_a_number(authority) && is_named(host_of(authority));
}

}  // namespace signalbox::admin
