#pragma once

#include <stop_token>

#include "signalbox/async/event_loop.hpp"
#include "signalbox/async/task.hpp"

namespace signalbox::async {

/// Runs a task on the loop to its end, for a thread that is not the loop's (Python's
/// `asyncio.run_coroutine_threadsafe(…).result()`). Rethrows what it throws; a request to stop
/// cancels it.
void run(EventLoop& loop, Task<> task, const std::stop_token& stop = {});

}  // namespace signalbox::async
