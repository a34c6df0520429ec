#include "signalbox/http/watch/redact.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "signalbox/http/wire/uri.hpp"

namespace signalbox::http {

namespace {

/// In lower case, without `-` and `_`. Add what your own API calls its secrets.
constexpr std::array<std::string_view, 11> secret_parts{
    "token",  "secret",    "passw",         "passphrase", "signature", "credential",
    "apikey", "accesskey", "authorization", "session",    "jwt"};
constexpr std::array<std::string_view, 4> secret_names{"sig", "pwd", "auth", "code"};

bool is_secret(std::string_view name) {
    // A client may write any letter as an escape; an escape that is none hides nothing.
    const std::string decoded = percent_decode(name).value_or(std::string(name));
    std::string plain;
    for (const char c : decoded) {
        if (c != '-' && c != '_') {
            plain.append(1, static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
        }
    }
    const auto in_name = [&](std::string_view part) {
        return plain.find(part) != std::string::npos;
    };
    return std::any_of(secret_parts.begin(), secret_parts.end(), in_name) ||
           std::find(secret_names.begin(), secret_names.end(), plain) != secret_names.end();
}

}  // namespace

std::string redact_query(std::string_view query) {
    std::string redacted;
    while (true) {
        const std::size_t end = query.find('&');
        const std::string_view pair = query.substr(0, end);
        const std::size_t equals = pair.find('=');
        if (equals != std::string_view::npos && is_secret(pair.substr(0, equals))) {
            redacted.append(pair.substr(0, equals)).append("=REDACTED");
        } else {
            redacted.append(pair);
        }
        if (end == std::string_view::npos) return redacted;
        redacted.append(1, '&');
        query.remove_prefix(end + 1);
    }
}

}  // namespace signalbox::http
