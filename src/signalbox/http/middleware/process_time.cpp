#include "signalbox/http/middleware/process_time.hpp"

#include <fmt/format.h>

#include <chrono>

namespace signalbox::http {

namespace {

async::Task<Response> measure(Request& request, const Next& next) {
    const auto began = std::chrono::steady_clock::now();
    Response response = co_await next(request);
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - began;
    response.headers.emplace_back("X-Process-Time", fmt::format("{:.6f}", taken.count()));
    response.headers.emplace_back("Server-Timing",
                                  fmt::format("app;dur={:.3f}", taken.count() * 1000));
    co_return response;
}

}  // namespace

Middleware process_time() {
    return measure;
}

}  // namespace signalbox::http
