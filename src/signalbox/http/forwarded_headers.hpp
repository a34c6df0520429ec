#pragma once

#include <string_view>

#include "signalbox/parsed.hpp"

namespace signalbox::http {

/// Which headers of a trusted proxy are believed. A proxy sets some of them and passes the others
/// on as the client has sent them, so no more than those that it sets may be named.
struct ForwardedHeaders {
    bool x_forwarded_for = true;
    bool x_forwarded_proto = true;
    bool x_forwarded_prefix = false;
    bool forwarded = false;  ///< RFC 7239

    /// Comma separated names, in any case; the empty text is none. X-Forwarded-For and Forwarded
    /// exclude each other: one of them is the client's.
    static Parsed<ForwardedHeaders> parse(std::string_view text);
};

}  // namespace signalbox::http
