#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace signalbox::http {

/// The address that a proxy says its client has, in one of the forms that are in use: `192.0.2.1`,
/// `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:4711`, `::ffff:192.0.2.1`; a
/// port may be obfuscated (RFC 7239, section 6.3), and a zone is left out. As inet_ntop(3) writes
/// it, a mapped one as IPv4's. Nothing of `unknown`, `_hidden` and whatever else is no address.
std::optional<std::string> parse_node(std::string_view node);

/// What one proxy says in a Forwarded header.
struct ForwardedElement {
    std::optional<std::string> client;  ///< parse_node() of `for`
    std::string scheme{};               ///< `proto`, in lower case; may be empty
};

/// The elements of one Forwarded header (RFC 7239, section 4), the last proxy's last. Nothing when
/// it is malformed.
std::optional<std::vector<ForwardedElement>> parse_forwarded(std::string_view value);

/// Whether the text may be the path below which a proxy has the API: `(/[A-Za-z0-9._~-]+)+`.
bool is_path_prefix(std::string_view text);

}  // namespace signalbox::http
