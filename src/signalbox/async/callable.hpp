#pragma once

#include <concepts>
#include <functional>
#include <type_traits>
#include <utility>

#include "signalbox/async/task.hpp"

namespace signalbox::async {

/// For functions that return a Task and take callables, with the type that a forwarding reference
/// deduces: refuses what g++ 12 miscompiles without a warning. Inside a co_await expression, g++
/// destroys a temporary callable twice when its captures have destructors.
template <class Callable>
constexpr void assert_callable_can_be_awaited_with() {
    static_assert(std::is_lvalue_reference_v<Callable> ||
                      std::is_trivially_destructible_v<std::remove_cvref_t<Callable>>,
                  "g++ 12 destroys the captures of a temporary callable twice inside co_await: "
                  "give the lambda a name first (auto work = [...] {...};), or capture by "
                  "reference");
}

namespace detail {

template <class T>
inline constexpr bool is_task = false;
template <class R>
inline constexpr bool is_task<Task<R>> = true;

template <class Callable>
concept TaskCallable = requires(std::decay_t<Callable>& callable) {
    { std::invoke(callable) } -> std::same_as<Task<>>;
};

/// Holds the callable for as long as its task runs: a lambda that is a coroutine finds its
/// captures in the lambda, not in its own frame.
template <class Callable>
std::invoke_result_t<Callable&> keep(Callable callable) {
    co_return co_await std::invoke(callable);
}

/// The task itself, or that which the callable returns.
template <class Work>
auto task_of(Work&& work) {
    if constexpr (is_task<std::remove_cvref_t<Work>>) {
        static_assert(!std::is_lvalue_reference_v<Work>, "a task runs once: move it");
        return std::remove_cvref_t<Work>(std::forward<Work>(work));
    } else {
        assert_callable_can_be_awaited_with<Work>();
        constexpr bool returns_a_task = requires(std::decay_t<Work> & callable) {
            requires is_task<std::invoke_result_t<decltype(callable)>>;
        };
        static_assert(
            returns_a_task,
            "a task, or a callable without parameters that returns one, is what can be run");
        return keep<std::decay_t<Work>>(std::forward<Work>(work));
    }
}

}  // namespace detail

}  // namespace signalbox::async
