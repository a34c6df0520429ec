#pragma once

#include <cstddef>
#include <optional>
#include <tuple>
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

/// The same for tasks and for callables that return one: `all(sleep_for(1s), [&] { return g(x);
/// })`. A callable is kept until its task has ended, and so are the captures of a coroutine.
template <class... Works>
requires(sizeof...(Works) > 0 &&
         !(std::is_same_v<std::remove_cvref_t<Works>, std::vector<Task<>>> ||
           ...)) Task<> all(Works&&... works) {
    std::vector<Task<>> tasks;
    tasks.reserve(sizeof...(works));
    (tasks.push_back(detail::task_of(std::forward<Works>(works))), ...);
    return all(std::move(tasks));
}

namespace detail {

template <class R>
Task<> keep(Task<R> task, std::optional<R>& result) {
    result.emplace(co_await std::move(task));
}

template <std::size_t... i, class... R>
Task<> all_into(std::index_sequence<i...>, std::tuple<std::optional<R>...>& results,
                Task<R>... tasks) {
    std::vector<Task<>> keeping;
    keeping.reserve(sizeof...(tasks));
    (keeping.push_back(keep(std::move(tasks), std::get<i>(results))), ...);
    return all(std::move(keeping));
}

}  // namespace detail

/// The same for tasks that return something. It returns their results, in their order:
/// `auto [users, orders] = co_await gather(count(…), count(…));`
template <class... R>
Task<std::tuple<R...>> gather(Task<R>... tasks) {
    std::tuple<std::optional<R>...> results;
    Task<> running =
        detail::all_into(std::index_sequence_for<R...>(), results, std::move(tasks)...);
    co_await std::move(running);
    co_return std::apply([](auto&... each) { return std::tuple<R...>(std::move(*each)...); },
                         results);
}

}  // namespace signalbox::async
