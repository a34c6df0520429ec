#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "signalbox/async/task.hpp"

namespace signalbox::http {

/// What is to be done when the response has been sent (FastAPI's BackgroundTasks):
///
///     Task<Item> create_item(ItemIn item, db::Pool& database, BackgroundTasks& background) {
///         …
///         background.add(tell_the_owner, made.id, *item.owner);
///
/// They run one after the other, in the order in which they were added, on the event loop of the
/// request, which they must not block, and with its log lines and its trace. They begin when the
/// response has been sent, or its client turned out to be gone, and not at all when the handler
/// throws. What one of them throws is logged, and the next one begins all the same. They have
/// neither the request's deadline nor its concurrency slot; a drain waits for them, cancels the one
/// that still runs when its time is up, and drops the others.
///
/// At most --limit-background-tasks requests have some at once: beyond that a request to an
/// endpoint that takes BackgroundTasks gets 503 before its handler runs, so no work is half done.
///
/// For the loop's thread.
class BackgroundTasks {
  public:
    /// `function(arguments…)` has to return a Task<>. Both are moved or copied and kept until it
    /// has ended, as std::thread does: what lives in the handler is gone by then, so capture
    /// nothing of it by reference. A service, which outlives it, goes by std::ref.
    template <class Function, class... Arguments>
    void add(Function&& function, Arguments&&... arguments) {
        static_assert(
            std::is_same_v<std::invoke_result_t<std::decay_t<Function>, std::decay_t<Arguments>...>,
                           async::Task<>>,
            "a background task is a function that returns async::Task<>, and its arguments");
        tasks_.push_back(call<std::decay_t<Function>, std::decay_t<Arguments>...>(
            std::forward<Function>(function), std::forward<Arguments>(arguments)...));
    }

    bool empty() const noexcept { return tasks_.empty(); }
    std::size_t size() const noexcept { return tasks_.size(); }

    /// Runs them, and rethrows what one throws once the others have been spawned to go on.
    /// `whole_time` is kept until the last one has ended.
    static async::Task<> run(std::shared_ptr<BackgroundTasks> tasks,
                             std::shared_ptr<void> whole_time);

  private:
    template <class Function, class... Arguments>
    static async::Task<> call(Function function, Arguments... arguments) {
        async::Task<> task = std::invoke(std::move(function), std::move(arguments)...);
        co_await std::move(task);
    }

    std::deque<async::Task<>> tasks_;
};

}  // namespace signalbox::http
