#pragma once

#include <concepts>
#include <cstddef>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "signalbox/async/callable.hpp"
#include "signalbox/async/task.hpp"

namespace signalbox::async {

/// Runs the tasks at the same time on the caller's event loop and resumes when all are done
/// (Python's `asyncio.gather`). When one throws, the others are cancelled, and the first error
/// that happened is rethrown once all have ended. Of no tasks: done at once.
Task<> all(std::vector<Task<>> tasks);

/// The same for tasks that return something. Returns their results, in the order of the tasks.
template <class R>
requires(!std::is_void_v<R>) Task<std::vector<R>> all(std::vector<Task<R>> tasks);

namespace detail {

template <class T>
inline constexpr bool is_vector_of_tasks = false;
template <class R>
inline constexpr bool is_vector_of_tasks<std::vector<Task<R>>> = true;

template <class R>
using Result = std::conditional_t<std::is_void_v<R>, std::monostate, R>;

template <class R>
Task<> keep_result(Task<R> task, std::optional<Result<R>>& result) {
    if constexpr (std::is_void_v<R>) {
        co_await std::move(task);
        result.emplace();
    } else {
        result.emplace(co_await std::move(task));
    }
}

template <std::size_t... i, class... R>
Task<> all_into(std::index_sequence<i...>, std::tuple<std::optional<Result<R>>...>& results,
                Task<R>... tasks) {
    std::vector<Task<>> keeping;
    keeping.reserve(sizeof...(tasks));
    (keeping.push_back(keep_result(std::move(tasks), std::get<i>(results))), ...);
    return all(std::move(keeping));
}

template <class R>
Task<> all_into(std::vector<std::optional<R>>& results, std::vector<Task<R>> tasks) {
    std::vector<Task<>> keeping;
    keeping.reserve(tasks.size());
    for (std::size_t i = 0; i < tasks.size(); ++i)
        keeping.push_back(keep_result(std::move(tasks[i]), results[i]));
    return all(std::move(keeping));
}

inline Task<> all_of(std::same_as<Task<>> auto... tasks) {
    std::vector<Task<>> all_tasks;
    all_tasks.reserve(sizeof...(tasks));
    (all_tasks.push_back(std::move(tasks)), ...);
    return all(std::move(all_tasks));
}

template <class... R>
requires(!(std::is_void_v<R> && ...)) Task<std::tuple<Result<R>...>> all_of(Task<R>... tasks) {
    std::tuple<std::optional<Result<R>>...> results;
    Task<> running = all_into(std::index_sequence_for<R...>(), results, std::move(tasks)...);
    co_await std::move(running);
    co_return std::apply(
        [](auto&... each) { return std::tuple<Result<R>...>(std::move(*each)...); }, results);
}

}  // namespace detail

template <class R>
requires(!std::is_void_v<R>) Task<std::vector<R>> all(std::vector<Task<R>> tasks) {
    std::vector<std::optional<R>> results(tasks.size());
    Task<> running = detail::all_into(results, std::move(tasks));
    co_await std::move(running);
    std::vector<R> values;
    values.reserve(results.size());
    for (std::optional<R>& result : results)
        values.push_back(std::move(*result));
    co_return values;
}

/// The same for tasks of different types, and for callables that return one:
/// `auto [users, orders] = co_await all(count(…), [&] { return count(…); });`
/// Returns a tuple of what they return, with std::monostate for nothing; nothing at all where none
/// returns something. A callable is kept until its task has ended, and so are the captures of a
/// coroutine.
template <class... Works>
requires(sizeof...(Works) > 0 && !(detail::is_vector_of_tasks<std::remove_cvref_t<Works>> ||
                                   ...)) auto all(Works&&... works) {
    return detail::all_of(detail::task_of(std::forward<Works>(works))...);
}

}  // namespace signalbox::async
