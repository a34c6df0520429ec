#pragma once

#include <chrono>
#include <stdexcept>
#include <string>

namespace signalbox::http {

/// Thrown by a handler to answer with an error: `throw HttpError(404)` (FastAPI's HTTPException).
/// The client reads the status's phrase, or `detail` where one is given; `what()` is for the log.
class HttpError : public std::runtime_error {
  public:
    explicit HttpError(int status, std::string detail = {});

    int status() const noexcept { return status_; }
    const std::string& detail() const noexcept { return detail_; }

  private:
    int status_;
    std::string detail_;
};

}  // namespace signalbox::http
