#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace signalbox::http {

/// Decodes `%41` to `A` (RFC 3986, section 2.1). Nothing when an escape is cut short, not
/// hexadecimal, or stands for NUL, which no path of ours contains and C strings would stop at.
std::optional<std::string> percent_decode(std::string_view text);

/// The first value of this name in a query string, decoded as HTML forms encode it: `+` is a
/// space, and a pair with a bad escape is passed over.
std::optional<std::string> find_query_parameter(std::string_view query, std::string_view name);

}  // namespace signalbox::http
