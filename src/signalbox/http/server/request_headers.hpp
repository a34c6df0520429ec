#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "signalbox/http/forwarded_headers.hpp"
#include "signalbox/http/ip_allow_list.hpp"
#include "signalbox/http/request.hpp"
#include "signalbox/parsed.hpp"

namespace signalbox::http {

/// The client's X-Request-ID when it is one to 128 characters that are safe in any log or URL.
std::optional<std::string_view> request_id_of(const Request& request);

/// How long the client is willing to wait, of at most `longest`: a Request-Timeout header says it
/// in seconds, `0.25` or `2`. Invalid when it says something else.
Parsed<std::chrono::nanoseconds> timeout_of(const Request& request,
                                            std::chrono::nanoseconds longest);

/// Sets client, scheme and root path to what a trusted proxy says of them in the headers that are
/// `believed`. As in uvicorn, all lines with addresses are one list, and the client is the first
/// from the right that is no trusted proxy. The list ends at a text that is no address: then the
/// client is the last address before it.
void believe_forwarded_headers(Request& request, const IpAllowList& trusted,
                               const ForwardedHeaders& believed);

}  // namespace signalbox::http
