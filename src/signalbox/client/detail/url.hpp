#pragma once

#include <string>
#include <string_view>

namespace signalbox::client {

/// An http or https URL that libcurl takes, and where it leads.
struct Url {
    std::string text;
    std::string scheme;
    std::string host;  ///< in lower case; of an IPv6 address, in brackets
    std::string port;
    bool is_address = false;  ///< the host is one, and no name

    std::string origin() const { return scheme + "://" + host + ":" + port; }
    /// The host, without brackets.
    std::string_view address() const noexcept;

    /// Throws std::invalid_argument, which does not repeat it: there can be secrets in it.
    static Url parse(std::string_view text);
};

}  // namespace signalbox::client
