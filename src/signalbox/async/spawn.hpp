#pragma once

#include <type_traits>
#include <utility>

#include "signalbox/async/callable.hpp"
#include "signalbox/async/task.hpp"
#include "signalbox/context/request_context.hpp"

namespace signalbox::async {

namespace detail {
void spawn(Task<> task);
/// As if this request's handler had.
void spawn_for(context::Reference<context::RequestContext> request, Task<> task);
}  // namespace detail

/// Starts a task that nobody waits for (Python's `asyncio.create_task`): `spawn([mail =
/// std::move(mail)]() -> Task<> { co_await send(mail); })`. It begins in the event loop's next
/// turn, not before the caller suspends.
///
/// `callable` is moved or copied, and kept until its task has ended, so a lambda's captures live as
/// long as the coroutine that uses them. What it captures by reference has to outlive it; the
/// handler's `Request&` does, as the request is kept for all that works for it.
///
/// A task that a request's handler spawned belongs to that request (its log lines, its trace), but
/// ends neither with the answer, nor with the client, nor at the request's deadline. An error that
/// it throws is logged (EventLoop::Watcher). A drain waits for it; when the drain's time is up it
/// is cancelled, and if it does not end then, it is destroyed with the loop, where it is suspended.
/// Nothing bounds how many there are: what belongs to a response is better one of its
/// BackgroundTasks (http/background_tasks.hpp).
///
/// A task of no request is one of the service's own loops, which `Module::on_startup` starts: what
/// goes on for as long as the service does. When a drain has seen the last request answered, and
/// what requests have spawned ended, it cancels them (whatever they await throws
/// asio::system_error, operation_aborted) and waits for them, before `Module::on_shutdown`.
///
/// For a thread of an event loop; elsewhere it throws std::logic_error.
template <class Callable>
void spawn(Callable&& callable) {
    static_assert(
        !std::is_same_v<std::remove_cvref_t<Callable>, Task<>>,
        "spawn takes a callable that returns a task, and keeps it: a task alone may refer "
        "to what ends with the caller");
    static_assert(detail::TaskCallable<Callable>,
                  "spawn takes a callable without parameters that returns a Task<>");
    detail::spawn(detail::keep<std::decay_t<Callable>>(std::forward<Callable>(callable)));
}

}  // namespace signalbox::async
