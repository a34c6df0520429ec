#pragma once

#include <concepts>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "signalbox/http/response.hpp"
#include "signalbox/json.hpp"

namespace signalbox::http {

/// Thrown by a handler to answer with an error: `throw HttpError(404)` (FastAPI's HTTPException).
/// The client reads the status's phrase, or `detail` where one is given, and `headers` as a
/// Response has them; `what()` is for the log.
class HttpError : public std::runtime_error {
  public:
    explicit HttpError(int status, std::string detail = {}, Headers headers = {});
    /// With any JSON as the detail, which is not checked. The log has the status's phrase: what is
    /// in the JSON may be the client's.
    ///
    /// A template, so that `HttpError(401, {}, {{"WWW-Authenticate", "Bearer"}})` is the other.
    HttpError(int status, std::same_as<JsonText> auto detail, Headers headers = {})
        : HttpError(status, std::string(), std::move(headers)) {
        json_detail_ = std::move(detail);
    }

    int status() const noexcept { return status_; }
    const std::string& detail() const noexcept { return detail_; }
    /// Empty when the detail is none or text.
    const JsonText& json_detail() const noexcept { return json_detail_; }
    const Headers& headers() const noexcept { return headers_; }
    /// `error.type` in log and metrics, of a bounded set and never destroyed; empty: the status.
    virtual std::string_view error_type() const noexcept { return {}; }

  private:
    int status_;
    std::string detail_;
    JsonText json_detail_;
    Headers headers_;
};

}  // namespace signalbox::http
