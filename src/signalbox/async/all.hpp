#pragma once

#include <asio/co_spawn.hpp>
#include <asio/experimental/parallel_group.hpp>
#include <asio/version.hpp>

#include <array>
#include <cstddef>
#include <exception>
#include <tuple>
#include <utility>

#include "signalbox/async/event_loop.hpp"
#include "signalbox/async/task.hpp"

#if ASIO_VERSION < 103000
#include <asio/experimental/deferred.hpp>
#else
#include <asio/deferred.hpp>
#endif

namespace signalbox::async {

namespace detail {
#if ASIO_VERSION < 103000
inline constexpr auto deferred = asio::experimental::deferred;
#else
inline constexpr auto deferred = asio::deferred;
#endif

/// So that each is counted as a task of the loop.
inline Task<> counted(Task<> task) {
    const TaskScope counted_task;
    co_await std::move(task);
}
}  // namespace detail

/// Runs the tasks at the same time on the caller's event loop and resumes when all are done
/// (Python's `asyncio.gather`). When one throws, the others are cancelled, and the first error
/// that happened is rethrown once all have ended.
template <class... Tasks>
Task<> all(Tasks... tasks) {
    static_assert(sizeof...(tasks) > 0);
    const Executor executor = co_await asio::this_coro::executor;
    auto group = asio::experimental::make_parallel_group(
        asio::co_spawn(executor, detail::counted(std::move(tasks)), detail::deferred)...);
    const auto results =
        co_await group.async_wait(asio::experimental::wait_for_one_error(), use_task);

    const auto [order, errors] = std::apply(
        [](const auto& completion_order, const auto&... error) {
            return std::pair{completion_order,
                             std::array<std::exception_ptr, sizeof...(error)>{error...}};
        },
        results);
    for (const std::size_t finished : order) {
        if (errors[finished]) std::rethrow_exception(errors[finished]);
    }
}

}  // namespace signalbox::async
