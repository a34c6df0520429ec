#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "signalbox/http/request.hpp"

namespace signalbox::http {

/// Why a message was refused: the status that the client gets, and a reason for the log and the
/// metric, of a bounded set and never with the client's bytes in it.
struct Malformed {
    int status = 0;  ///< 0: nothing wrong
    std::string_view reason{};

    explicit operator bool() const noexcept { return status != 0; }
};

/// How the body of a message is delimited (RFC 9112, section 6.3).
struct Framing {
    bool chunked = false;
    std::uint64_t content_length = 0;
    bool expects_continue = false;
};

/// Checks a complete message head strictly against RFC 9112 and fills in what it says.
///
/// `request.head` holds the request line and the header lines, each with its CRLF, without the
/// empty line. The views in `request` point into it. Pistache's parser, which is not used, is lax
/// about nearly all of this: it takes a missing Host, a bad Content-Length, NUL bytes.
Malformed check_head(Request& request, Framing& framing);

/// Names of headers are the same in any case (RFC 9110, section 5.1).
bool is_named(const Header& header, std::string_view name);

/// The elements of a list header's value, the empty ones left out (RFC 9110, section 5.6.1).
std::vector<std::string_view> list_elements(std::string_view list);

/// Whether the value of a list header such as Connection has this token (RFC 9110, section 5.6.1).
bool has_token(std::string_view list, std::string_view token);

/// One header or trailer line without its CRLF, or nothing when it is malformed. A line that
/// begins with white space (obs-fold; RFC 9112, section 5.2) is, because no name does.
std::optional<Header> parse_field_line(std::string_view line);

/// Whether the text may be a header's name (RFC 9110, section 5.6.2).
bool is_token(std::string_view text);

/// Whether the text may stand in a header value (RFC 9110, section 5.5).
bool is_field_value(std::string_view text);

}  // namespace signalbox::http
