#include "signalbox/api/security.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "signalbox/ascii.hpp"
#include "signalbox/http/cookies.hpp"
#include "signalbox/http/errors.hpp"
#include "signalbox/http/query.hpp"
#include "signalbox/model/base64.hpp"

namespace signalbox::api {

bool equal_in_constant_time(std::string_view one, std::string_view other) {
    // The length is no secret; each byte of the longer one takes the same time.
    unsigned difference = one.size() == other.size() ? 0 : 1;
    const std::string_view reference = difference == 0 ? other : one;
    for (std::size_t i = 0; i < one.size(); ++i) {
        const volatile unsigned char a = static_cast<unsigned char>(one[i]);
        const volatile unsigned char b = static_cast<unsigned char>(reference[i]);
        difference |= static_cast<unsigned>(a ^ b);
    }
    return difference == 0;
}

namespace detail {

namespace {

struct Credentials {
    std::string scheme;  ///< in lower case
    std::string_view parameter;
};

/// Split at the first space, as Python's str.partition does.
std::optional<Credentials> credentials_of(const http::Request& request) {
    const auto header = request.header("authorization");
    if (!header || header->empty()) return std::nullopt;
    const auto space = header->find(' ');
    return Credentials{to_lower(header->substr(0, space)),
                       space == header->npos ? std::string_view{} : header->substr(space + 1)};
}

}  // namespace

bool read_bearer(const http::Request& request, bool must, std::string& token) {
    const auto credentials = credentials_of(request);
    if (!credentials || credentials->parameter.empty()) {
        if (must) throw http::HttpError(403, "Not authenticated");
        return false;
    }
    if (credentials->scheme != "bearer") {
        if (must) throw http::HttpError(403, "Invalid authentication credentials");
        return false;
    }
    token = credentials->parameter;
    return true;
}

bool read_oauth2(const http::Request& request, bool must, std::string& token) {
    const auto credentials = credentials_of(request);
    if (!credentials || credentials->scheme != "bearer") {
        if (must) throw http::HttpError(401, "Not authenticated", {{"WWW-Authenticate", "Bearer"}});
        return false;
    }
    token = credentials->parameter;
    return true;
}

bool read_basic(const http::Request& request, bool must, std::string_view realm,
                std::string& username, std::string& password) {
    const std::string challenge =
        realm.empty() ? std::string("Basic") : "Basic realm=\"" + std::string(realm) + '"';
    const auto credentials = credentials_of(request);
    if (!credentials || credentials->scheme != "basic") {
        if (must)
            throw http::HttpError(401, "Not authenticated", {{"WWW-Authenticate", challenge}});
        return false;
    }
    const auto text = model::decode_base64(credentials->parameter);
    const bool ascii = text && std::all_of(text->begin(), text->end(), [](char c) {
                           return static_cast<unsigned char>(c) < 0x80;
                       });
    const auto colon = ascii ? text->find(':') : std::string::npos;
    // Refused also where it need not be there, as FastAPI does.
    if (colon == std::string::npos) {
        throw http::HttpError(401, "Invalid authentication credentials",
                              {{"WWW-Authenticate", challenge}});
    }
    username = text->substr(0, colon);
    password = text->substr(colon + 1);
    return true;
}

bool read_api_key(const http::Request& request, bool must, Place place, std::string_view name,
                  std::string& key) {
    key.clear();
    if (place == Place::header) {
        key = request.header(name).value_or("");
    } else {
        const auto take = [&](std::string_view each, std::string_view value) {
            if (each == name) key = value;  // the last one counts
        };
        if (place == Place::query) {
            http::for_each_query_parameter(request.query, take);
        } else {
            http::for_each_cookie(request, take);
        }
    }
    if (!key.empty()) return true;
    if (must) throw http::HttpError(403, "Not authenticated");
    return false;
}

}  // namespace detail
}  // namespace signalbox::api
