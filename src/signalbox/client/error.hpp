#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "signalbox/http/errors.hpp"

// What goes wrong with a call to another service. Where nothing catches it, the client that waits
// for the answer is told so, and never that it was its own fault: each is an http::HttpError.
//
// | Error          | status | error.type                  | because                             |
// |----------------|--------|-----------------------------|-------------------------------------|
// | Unreachable    | 502    | upstream_unreachable        | no address for the name, nobody     |
// |                |        |                             | listens, TLS failed: it was not     |
// |                |        |                             | sent                                |
// | ConnectionLost | 502    | upstream_connection_lost    | it was sent, and the connection     |
// |                |        |                             | broke before the end of the answer: |
// |                |        |                             | it was done, or it was not          |
// | Timeout        | 504    | upstream_timeout            | no answer in time                   |
// | InvalidAnswer  | 502    | upstream_invalid_answer     | no HTTP, too large, no JSON of the  |
// |                |        |                             | type, or a redirect too many        |
// | StatusError    | 502    | upstream_status             | Response::raise_for_status()        |
//
// Messages are for the log: they name method, host and cause, never the path, a header or a body.

namespace signalbox::client {

class Error : public http::HttpError {
  public:
    /// `detail` is for clients, `cause` for the log; `error_type` is never destroyed.
    Error(int status, std::string_view error_type, std::string detail, std::string cause)
        : HttpError(status, std::move(detail)), error_type_(error_type), cause_(std::move(cause)) {}

    [[nodiscard]] const char* what() const noexcept override { return cause_.c_str(); }
    [[nodiscard]] std::string_view error_type() const noexcept override { return error_type_; }

  private:
    std::string_view error_type_;
    std::string cause_;
};

class Unreachable : public Error {
  public:
    explicit Unreachable(std::string cause)
        : Error(502, "upstream_unreachable", "A service that this one calls cannot be reached",
                std::move(cause)) {}
};

class ConnectionLost : public Error {
  public:
    explicit ConnectionLost(std::string cause)
        : Error(502, "upstream_connection_lost",
                "The connection to a service that this one calls broke", std::move(cause)) {}
};

class Timeout : public Error {
  public:
    explicit Timeout(std::string cause)
        : Error(504, "upstream_timeout", "A service that this one calls did not answer in time",
                std::move(cause)) {}
};

class InvalidAnswer : public Error {
  public:
    explicit InvalidAnswer(std::string cause)
        : Error(502, "upstream_invalid_answer",
                "The answer of a service that this one calls cannot be used", std::move(cause)) {}
};

class StatusError : public Error {
  public:
    StatusError(int upstream_status, std::string cause)
        : Error(502, "upstream_status", "A service that this one calls answered with an error",
                std::move(cause)),
          upstream_status_(upstream_status) {}

    [[nodiscard]] int upstream_status() const noexcept { return upstream_status_; }

  private:
    int upstream_status_;
};

}  // namespace signalbox::client
