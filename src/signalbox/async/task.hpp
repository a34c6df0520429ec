#pragma once

#include <asio/awaitable.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

#include "signalbox/async/executor.hpp"

namespace signalbox::async {

/// What `async def` returns in Python: a coroutine that runs when it is awaited (`co_await`),
/// on its event loop's thread. Any asio operation can be awaited in it with `use_task`.
template <class T = void>
using Task = asio::awaitable<T, Executor>;

inline constexpr asio::use_awaitable_t<Executor> use_task{};

}  // namespace signalbox::async
