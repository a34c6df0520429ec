#include "signalbox/http/server/request_headers.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "signalbox/ascii.hpp"
#include "signalbox/http/wire/forwarded.hpp"
#include "signalbox/http/wire/head.hpp"

namespace signalbox::http {

namespace {

bool is_safe_request_id(std::string_view id) {
    const auto safe = [](char c) {
        return is_alphanumeric(c) ||
               std::string_view("-._~:/+=@").find(c) != std::string_view::npos;
    };
    return !id.empty() && id.size() <= 128 && std::all_of(id.begin(), id.end(), safe);
}

void set_scheme(Request& request, std::string_view scheme) {
    if (scheme == "http") request.scheme = "http";
    if (scheme == "https") request.scheme = "https";
}

/// Takes what a trusted proxy says of its client. Returns whether that is a trusted proxy again.
bool believe_client(Request& request, std::optional<std::string> address,
                    const IpAllowList& trusted) {
    if (!address) return false;
    request.forwarded_client = *std::move(address);
    request.client_address = request.forwarded_client;
    return trusted.contains(request.client_address);
}

/// Each proxy adds its client to the list or a line to the header.
void believe_x_forwarded_for(Request& request, const IpAllowList& trusted) {
    for (auto header = request.headers.rbegin(); header != request.headers.rend(); ++header) {
        if (!is_named(*header, "x-forwarded-for")) continue;
        const auto nodes = list_elements(header->value);
        for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) {
            if (!believe_client(request, parse_node(*node), trusted)) return;
        }
    }
}

/// The same of the standard header. The scheme is what the last of those who are believed says.
void believe_forwarded(Request& request, const IpAllowList& trusted) {
    for (auto header = request.headers.rbegin(); header != request.headers.rend(); ++header) {
        if (!is_named(*header, "forwarded")) continue;
        auto elements = parse_forwarded(header->value);
        if (!elements) return;
        for (auto element = elements->rbegin(); element != elements->rend(); ++element) {
            set_scheme(request, element->scheme);
            if (!believe_client(request, std::move(element->client), trusted)) return;
        }
    }
}

}  // namespace

std::optional<std::string_view> request_id_of(const Request& request) {
    const auto id = request.header("x-request-id");
    return id && is_safe_request_id(*id) ? id : std::nullopt;
}

Parsed<std::chrono::nanoseconds> timeout_of(const Request& request,
                                            std::chrono::nanoseconds longest) {
    const auto header = request.header("request-timeout");
    if (!header) return longest;
    double seconds = 0;
    const char* const end = header->data() + header->size();
    const auto [stopped, error] =
        std::from_chars(header->data(), end, seconds, std::chars_format::fixed);
    if (error != std::errc() || stopped != end || !(seconds > 0) || std::isinf(seconds)) {
        return Invalid{"Request-Timeout: expected a number of seconds above 0"};
    }
    const double most = std::chrono::duration<double>(longest).count();
    if (seconds >= most) return longest;  // also keeps what follows from overflowing
    const std::chrono::duration<double> wanted(seconds);
    // Rounded up, and so it may be above what a route has to the nanosecond.
    return std::min<std::chrono::nanoseconds>(
        std::max(std::chrono::ceil<std::chrono::milliseconds>(wanted),
                 std::chrono::milliseconds(1)),
        longest);
}

void believe_forwarded_headers(Request& request, const IpAllowList& trusted,
                               const ForwardedHeaders& believed) {
    if (believed.x_forwarded_for) believe_x_forwarded_for(request, trusted);
    if (believed.forwarded) believe_forwarded(request, trusted);
    for (const Header& header : request.headers) {
        if (believed.x_forwarded_proto && is_named(header, "x-forwarded-proto")) {
            set_scheme(request, header.value);
        }
        if (believed.x_forwarded_prefix && is_named(header, "x-forwarded-prefix") &&
            is_path_prefix(header.value)) {
            request.root_path = header.value;
        }
    }
}

}  // namespace signalbox::http
