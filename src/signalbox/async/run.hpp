#pragma once

#include <optional>
#include <stop_token>
#include <utility>

#include "signalbox/async/event_loop.hpp"
#include "signalbox/async/task.hpp"

namespace signalbox::async {

namespace detail {

template <class T>
Task<> run_into(Task<T> task, std::optional<T>& value) {
    value.emplace(co_await std::move(task));
}

}  // namespace detail

/// Runs a task on the loop to its end, for a thread that is not the loop's (Python's
/// `asyncio.run_coroutine_threadsafe(…).result()`). Rethrows what it throws; a request to stop
/// cancels it.
void run(EventLoop& loop, Task<> task, const std::stop_token& stop = {});

/// The same of a task that returns something.
template <class T>
T run(EventLoop& loop, Task<T> task, const std::stop_token& stop = {}) {
    std::optional<T> value;
    run(loop, detail::run_into(std::move(task), value), stop);
    return std::move(*value);
}

}  // namespace signalbox::async
