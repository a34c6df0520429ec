#include "signalbox/http/server/request_headers.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "signalbox/http/wire/head.hpp"

namespace signalbox::http {

namespace {

bool is_safe_request_id(std::string_view id) {
    const auto safe = [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               std::string_view("-._~:/+=@").find(c) != std::string_view::npos;
    };
    return !id.empty() && id.size() <= 128 && std::all_of(id.begin(), id.end(), safe);
}

/// Each proxy adds its client to the list or a line to the header.
std::string_view forwarded_client(const Request& request, const IpAllowList& trusted) {
    std::string_view client = request.peer_address;
    for (auto header = request.headers.rbegin(); header != request.headers.rend(); ++header) {
        if (!is_named(*header, "x-forwarded-for")) continue;
        const auto addresses = list_elements(header->value);
        for (auto address = addresses.rbegin(); address != addresses.rend(); ++address) {
            client = *address;
            if (!trusted.contains(client)) return client;
        }
    }
    return client;
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

void believe_forwarded_headers(Request& request, const IpAllowList& trusted) {
    request.client_address = forwarded_client(request, trusted);
    for (const Header& header : request.headers) {
        if (!is_named(header, "x-forwarded-proto")) continue;
        if (header.value == "http") request.scheme = "http";
        if (header.value == "https") request.scheme = "https";
    }
}

}  // namespace signalbox::http
