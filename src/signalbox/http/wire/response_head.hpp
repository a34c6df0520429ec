#pragma once

#include <string>
#include <string_view>

#include "signalbox/context/trace_context.hpp"
#include "signalbox/http/response.hpp"

namespace signalbox::http {

/// Appends status line and headers, ready to send (RFC 9112, sections 4 and 5). In an answer to
/// HTTP/1.0 (`version_minor` 0) it is said when the connection stays open (RFC 9112, section 9.3).
/// The body of a stream comes in chunks (section 7.1); to HTTP/1.0, which does not know them, it
/// ends with the connection.
void append_head(std::string& bytes, const Response& response, std::string_view request_id,
                 const context::TraceContext& trace, bool keep_alive, int version_minor);

}  // namespace signalbox::http
