#include "signalbox/http/watch/redact.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <stdexcept>

#include "signalbox/http/query.hpp"

namespace signalbox::http {

namespace {

/// In lower case, without `-` and `_`. What a service has besides, it names to Redaction.
constexpr std::array<std::string_view, 11> secret_parts{
    "token",  "secret",    "passw",         "passphrase", "signature", "credential",
    "apikey", "accesskey", "authorization", "session",    "jwt"};
constexpr std::array<std::string_view, 4> secret_names{"sig", "pwd", "auth", "code"};

std::string plain_name(std::string_view name) {
    std::string plain;
    for (const char c : name) {
        if (c != '-' && c != '_') {
            plain.append(1, static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
        }
    }
    return plain;
}

}  // namespace

Redaction::Redaction(const std::vector<std::string>& secret_parameters) {
    for (const std::string& name : secret_parameters) {
        own_names_.push_back(plain_name(name));
        if (own_names_.back().empty()) {
            throw std::invalid_argument("a secret parameter has no name: '" + name + "'");
        }
    }
}

bool Redaction::is_secret(std::string_view name) const {
    // A client may write any letter as an escape.
    QueryReader reader(name);
    const std::string plain = plain_name(reader.next() ? reader.name() : name);
    const auto in_name = [&](std::string_view part) {
        return plain.find(part) != std::string::npos;
    };
    return std::any_of(secret_parts.begin(), secret_parts.end(), in_name) ||
           std::find(secret_names.begin(), secret_names.end(), plain) != secret_names.end() ||
           std::find(own_names_.begin(), own_names_.end(), plain) != own_names_.end();
}

std::string Redaction::query(std::string_view query) const {
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
