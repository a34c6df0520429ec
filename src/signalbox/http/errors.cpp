#include "signalbox/http/errors.hpp"

namespace signalbox::http {

HttpError::HttpError(int status, std::string detail, Headers headers)
    : std::runtime_error(detail.empty() ? std::string(reason_phrase(status)) : detail),
      status_(status),
      detail_(std::move(detail)),
      headers_(std::move(headers)) {}

}  // namespace signalbox::http
