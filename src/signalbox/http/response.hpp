#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "signalbox/http/body.hpp"
#include "signalbox/http/stream.hpp"
#include "signalbox/json.hpp"

namespace signalbox::http {

class BackgroundTasks;

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Response {
    int status = 200;
    std::string content_type{};  ///< empty for `application/json`, as most are
    Body body{};
    /// Besides those that every response has: Content-Type, Content-Length, Date, X-Request-ID,
    /// X-Content-Type-Options, traceparent, Connection where it is needed. A field that cannot be a
    /// header, because it has control characters, is not sent; neither is such a Content-Type.
    Headers headers{};
    /// In place of `body`: written piece by piece, with `Transfer-Encoding: chunked` and no
    /// Content-Length. It does not run for HEAD, nor with a status that has no content.
    std::shared_ptr<const Stream> stream{};
    std::shared_ptr<BackgroundTasks> background{};  ///< begin when the response has been sent
};

using JsonValue = std::variant<std::nullptr_t, bool, std::int64_t, double, std::string_view>;

/// A flat object: `json({{"status", "done"}})`. Valid JSON whatever the values: bytes
/// that are not UTF-8 are replaced, NaN and infinities become null.
Response json(std::initializer_list<std::pair<std::string_view, JsonValue>> object,
              int status = 200);

/// JSON that is already written, such as the rows of a query; sent from where it is.
Response json(JsonText text);

/// A response with a body that is written piece by piece. What returns one says so in the document
/// of the API.
struct StreamingResponse : Response {
    explicit StreamingResponse(Response response) : Response(std::move(response)) {}
};

/// Starlette's StreamingResponse, which also says `charset=utf-8` of a text that says none:
///
///     return http::stream("text/csv", [&database](http::Sink& out) -> async::Task<> {
///         co_await out.write("id,name\n");
///         …
///     });
StreamingResponse stream(std::string content_type, Stream body, int status = 200);

/// FastAPI's error body, `{"detail":"Not Found"}`, with the status's standard phrase.
Response error(int status);

/// To another place (Starlette's RedirectResponse): a URL, or a path. Characters that cannot be in
/// one are percent-encoded; existing escapes stay as they are. By default the client repeats the
/// method and the body there; after 303 it sends a GET.
Response redirect(std::string_view location, int status = 307);

/// 503 that asks the client to come back in a moment; jittered, so that all do not come at once.
Response service_unavailable(std::string_view detail = {});

/// Whether a response of this status can have content at all (RFC 9110, section 6.4.1). The client
/// would mistake content that is sent anyway for the next response.
constexpr bool may_have_body(int status) {
    return status >= 200 && status != 204 && status != 304;
}

/// The standard reason phrase (RFC 9110, section 15), as Python's `http.HTTPStatus` spells it.
std::string_view reason_phrase(int status);

}  // namespace signalbox::http
