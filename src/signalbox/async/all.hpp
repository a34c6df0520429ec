#pragma once

#include <type_traits>
#include <utility>
#include <vector>

#include "signalbox/async/callable.hpp"
#include "signalbox/async/task.hpp"

namespace signalbox::async {

/// Runs the tasks at the same time on the caller's event loop and resumes when all are done
/// (Python's `asyncio.gather`). When one throws, the others are cancelled, and the first error
/// that happened is rethrown once all have ended. Of no tasks: done at once.
Task<> all(std::vector<Task<>> tasks);

/// The same of tasks and of callables that return one: `all(sleep_for(1s), [&] { return g(x); })`.
/// A callable is kept until its task has ended, so a coroutine's captures are, too.
template <class... Works>
requires(sizeof...(Works) > 0 &&
         !(std::is_same_v<std::remove_cvref_t<Works>, std::vector<Task<>>> ||
           ...)) Task<> all(Works&&... works) {
    std::vector<Task<>> tasks;
    tasks.reserve(sizeof...(works));
    (tasks.push_back(detail::task_of(std::forward<Works>(works))), ...);
    return all(std::move(tasks));
}

}  // namespace signalbox::async
