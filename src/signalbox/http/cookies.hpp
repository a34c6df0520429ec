#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "signalbox/http/request.hpp"

namespace signalbox::http {

/// Goes over a request's cookies in their order (RFC 6265, section 5.4), those of several Cookie
/// headers included. Reads whatever a client sends, as Starlette does: a piece without `=` is the
/// value of a cookie without a name, white space around name and value is dropped, and `\"` and
/// `\073` in a quoted value are the characters that they stand for.
///
///     CookieReader reader(request);
///     while (reader.next()) use(reader.name(), reader.value());
///
/// Allocates only for a value with a backslash. The request must outlive it.
class CookieReader {
  public:
    explicit CookieReader(const Request& request) : request_(request) {}

    /// To the next cookie. False when there is no other.
    bool next();
    /// Those of the cookie that next() went to: any bytes. Valid until the next one.
    std::string_view name() const noexcept { return name_; }
    std::string_view value();

  private:
    const Request& request_;
    std::size_t next_header_ = 0;
    std::string_view rest_;
    std::string_view name_;
    std::string_view quoted_value_;
    std::string unquoted_value_;
};

/// Calls `take(name, value)` for each cookie. The two are valid as long as the call.
template <class F>
void for_each_cookie(const Request& request, F&& take) {
    CookieReader reader(request);
    while (reader.next())
        take(reader.name(), reader.value());
}

/// When a cookie is sent with a request that another site has caused.
enum class SameSite {
    lax,     ///< only when the user goes to a page of ours
    strict,  ///< never
    none,    ///< always; browsers want `secure` with it
};

/// RFC 6265, section 4.1.2. The names and defaults are Starlette's.
struct CookieOptions {
    std::optional<std::chrono::seconds> max_age{};  ///< 0 or less: it is deleted
    std::optional<std::chrono::system_clock::time_point> expires{};
    std::string path = "/";  ///< empty: the folder of the request's path
    std::string domain{};    ///< empty: this host only
    bool secure = false;
    bool httponly = false;
    std::optional<SameSite> samesite = SameSite::lax;
};

/// The value of a Set-Cookie header, as Starlette writes it:
///
///     response.headers.emplace_back("Set-Cookie", set_cookie("session", id, {.httponly = true}));
///
/// A value with special characters gets quotes, and escapes that CookieReader undoes. Throws
/// std::invalid_argument for a name that is no token or the name of an attribute, for control
/// characters in the value, for a path or domain that is not valid, and for a date whose year has
/// not four digits.
std::string set_cookie(std::string_view name, std::string_view value,
                       const CookieOptions& options = {});

}  // namespace signalbox::http
