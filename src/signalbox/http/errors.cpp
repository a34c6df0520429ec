#include "signalbox/http/errors.hpp"

#include "signalbox/http/response.hpp"

namespace signalbox::http {

HttpError::HttpError(int status, std::string detail)
    : std::runtime_error(detail.empty() ? std::string(reason_phrase(status)) : detail),
      status_(status),
      detail_(std::move(detail)) {}

}  // namespace signalbox::http
