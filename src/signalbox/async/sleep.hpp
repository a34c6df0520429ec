#pragma once

#include <chrono>

#include "signalbox/async/task.hpp"

namespace signalbox::async {

/// Suspends the calling coroutine; no thread is held meanwhile (Python's `asyncio.sleep`).
/// Resumes on the coroutine's event loop. Cancellation of the request ends it with
/// `asio::system_error` (`asio::error::operation_aborted`).
Task<> sleep_for(std::chrono::steady_clock::duration duration);

}  // namespace signalbox::async
