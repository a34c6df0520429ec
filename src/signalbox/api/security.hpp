#pragma once

#include <string>
#include <string_view>

#include "signalbox/api/operation.hpp"
#include "signalbox/http/request.hpp"
#include "signalbox/model/rules.hpp"

/// Credentials: parameters of handlers, or better of the dependencies that find out whose they are.
/// The function decides whether they are right. A request without them is answered before it runs,
/// as FastAPI 0.115 does: with 403, and for Basic and OAuth2 with 401 and WWW-Authenticate. A
/// `std::optional<Bearer>`, and so on, is empty instead.
namespace signalbox::api {

/// The token of `Authorization: Bearer …` (RFC 6750, section 2.1).
struct Bearer {
    std::string token;
};

/// Name and password of `Authorization: Basic …` (RFC 7617). `BasicIn<"…">` has a realm, which a
/// browser may show.
template <model::detail::Text realm = "">
struct BasicIn {
    std::string username;
    std::string password;
};
using Basic = BasicIn<>;

/// A key in the header, query parameter or cookie of this name.
template <model::detail::Text name>
struct ApiKeyHeader {
    std::string key;
};
template <model::detail::Text name>
struct ApiKeyQuery {
    std::string key;
};
template <model::detail::Text name>
struct ApiKeyCookie {
    std::string key;
};

/// A token as Bearer's. The documents say at which URL one is given for a password (OAuth 2.0,
/// RFC 6749, section 4.3): `OAuth2PasswordBearer<"token">`.
template <model::detail::Text token_url>
struct OAuth2PasswordBearer {
    std::string token;
};

/// Whether two secrets are the same, in a time that does not tell how much of them is. Threads:
/// any.
bool equal_in_constant_time(std::string_view one, std::string_view other);

namespace detail {

// Each throws http::HttpError, or without `must` returns false.
bool read_bearer(const http::Request& request, bool must, std::string& token);
bool read_basic(const http::Request& request, bool must, std::string_view realm,
                std::string& username, std::string& password);
bool read_oauth2(const http::Request& request, bool must, std::string& token);
bool read_api_key(const http::Request& request, bool must, Place place, std::string_view name,
                  std::string& key);

/// Text that is assembled while the program is compiled.
template <std::size_t size>
struct Assembled {
    char characters[size]{};
    constexpr std::string_view view() const { return {characters, size}; }
};
template <model::detail::Text... parts>
consteval auto assemble() {
    Assembled<(parts.view().size() + ... + 0)> text;
    std::size_t at = 0;
    ((std::char_traits<char>::copy(text.characters + at, parts.characters, parts.view().size()),
      at += parts.view().size()),
     ...);
    return text;
}
template <model::detail::Text... parts>
inline constexpr auto assembled = assemble<parts...>();

template <class T>
struct Security {
    static constexpr bool known = false;
};
template <>
struct Security<Bearer> {
    static constexpr bool known = true;
    static constexpr SecurityScheme scheme{"HTTPBearer", R"({"type":"http","scheme":"bearer"})"};
    static bool read(const http::Request& request, bool must, Bearer& value) {
        return read_bearer(request, must, value.token);
    }
};
template <model::detail::Text realm>
struct Security<BasicIn<realm>> {
    static constexpr bool known = true;
    static constexpr SecurityScheme scheme{"HTTPBasic", R"({"type":"http","scheme":"basic"})"};
    static bool read(const http::Request& request, bool must, BasicIn<realm>& value) {
        return read_basic(request, must, model::detail::kept<realm>.view(), value.username,
                          value.password);
    }
};
template <model::detail::Text name>
struct Security<ApiKeyHeader<name>> {
    static constexpr bool known = true;
    static constexpr SecurityScheme scheme{
        "APIKeyHeader",
        assembled<R"({"type":"apiKey","in":"header","name":")", name, R"("})">.view()};
    static bool read(const http::Request& request, bool must, ApiKeyHeader<name>& value) {
        return read_api_key(request, must, Place::header, model::detail::kept<name>.view(),
                            value.key);
    }
};
template <model::detail::Text name>
struct Security<ApiKeyQuery<name>> {
    static constexpr bool known = true;
    static constexpr SecurityScheme scheme{
        "APIKeyQuery",
        assembled<R"({"type":"apiKey","in":"query","name":")", name, R"("})">.view()};
    static bool read(const http::Request& request, bool must, ApiKeyQuery<name>& value) {
        return read_api_key(request, must, Place::query, model::detail::kept<name>.view(),
                            value.key);
    }
};
template <model::detail::Text name>
struct Security<ApiKeyCookie<name>> {
    static constexpr bool known = true;
    static constexpr SecurityScheme scheme{
        "APIKeyCookie",
        assembled<R"({"type":"apiKey","in":"cookie","name":")", name, R"("})">.view()};
    static bool read(const http::Request& request, bool must, ApiKeyCookie<name>& value) {
        return read_api_key(request, must, Place::cookie, model::detail::kept<name>.view(),
                            value.key);
    }
};
template <model::detail::Text token_url>
struct Security<OAuth2PasswordBearer<token_url>> {
    static constexpr bool known = true;
    static constexpr SecurityScheme scheme{
        "OAuth2PasswordBearer",
        assembled<R"({"type":"oauth2","flows":{"password":{"scopes":{},"tokenUrl":")", token_url,
                  R"("}}})">.view()};
    static bool read(const http::Request& request, bool must,
                     OAuth2PasswordBearer<token_url>& value) {
        return read_oauth2(request, must, value.token);
    }
};

}  // namespace detail
}  // namespace signalbox::api
