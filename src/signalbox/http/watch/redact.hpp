#pragma once

#include <string>
#include <string_view>

namespace signalbox::http {

/// A query string as it may be logged: the values of parameters whose names say that they are
/// secret (`token`, `password`, `signature` and the like, also as part of a name) are replaced by
/// `REDACTED`, as OpenTelemetry's conventions for `url.query` ask.
std::string redact_query(std::string_view query);

}  // namespace signalbox::http
