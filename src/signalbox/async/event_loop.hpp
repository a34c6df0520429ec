#pragma once

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <string>
#include <thread>

#include "signalbox/async/spawned_tasks.hpp"

namespace signalbox::async {

/// One thread that runs one io_context, as in Python: what runs on it needs no lock for its own
/// data, and must not block. The loop watches that nothing does.
class EventLoop {
  public:
    using Duration = std::chrono::steady_clock::duration;

    /// Told what a loop notices about itself, on the loop's thread, which it must not block.
    struct Watcher {
        /// Ten times a second: how much later than it should the loop came to its timer.
        std::function<void(Duration)> lag = [](Duration) {};
        /// A request's code kept the loop from turning for longer than Turn::longest.
        std::function<void(const context::RequestContext&, Duration)> blocked =
            [](const context::RequestContext&, Duration) {};
        /// A spawned task has thrown, for this request, or for none. When there is no watcher, the
        /// error goes to the standard error stream.
        std::function<void(const context::RequestContext*, const std::exception_ptr&)> task_failed =
            complain;
    };

    /// Starts the thread under this name (at most 15 characters are kept by the kernel).
    explicit EventLoop(std::string name);
    /// Stops, and destroys what is still queued without running it.
    ~EventLoop();
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;

    /// From the loop's next turn on. Any thread.
    void watch(Watcher watcher);

    /// Lets the handler that runs now end, then joins the thread. Call it from another thread.
    void stop();

    const std::string& name() const noexcept { return name_; }
    asio::io_context& context() noexcept { return context_; }
    asio::io_context::executor_type executor() noexcept { return context_.get_executor(); }

    /// How long ago the loop last turned: grows while a handler blocks it. Any thread.
    Duration since_turn() const noexcept;

    /// Coroutines that were started on the loop and have not ended (Python's
    /// `len(asyncio.all_tasks())`). Any thread.
    std::size_t tasks() const noexcept { return tasks_.load(std::memory_order_relaxed); }

    /// Those of them that spawn() started.
    SpawnedTasks& spawned() noexcept { return spawned_; }
    const SpawnedTasks& spawned() const noexcept { return spawned_; }

    /// The loop whose thread this is, or null.
    static EventLoop* current() noexcept;

    /// For Turn and TaskScope.
    void blocked_by(const context::RequestContext& request, Duration taken) const {
        watcher_.blocked(request, taken);
    }
    std::atomic<std::size_t>& task_counter() noexcept { return tasks_; }

  private:
    static void complain(const context::RequestContext* request, const std::exception_ptr& error);

    void beat();
    void tell(const std::exception_ptr& error) noexcept;

    const std::string name_;
    std::atomic<std::size_t> tasks_{0};
    Watcher watcher_;  ///< the loop's
    SpawnedTasks spawned_;
    asio::io_context context_;
    asio::executor_work_guard<asio::io_context::executor_type> work_;
    asio::steady_timer heartbeat_;
    std::atomic<std::chrono::steady_clock::rep> last_beat_;
    std::thread thread_;
};

/// Counts a coroutine as one of its loop's tasks for as long as the scope lives. Outside of a
/// loop it counts nothing.
class TaskScope {
  public:
    TaskScope() noexcept : loop_(EventLoop::current()) {
        if (loop_ != nullptr) loop_->task_counter().fetch_add(1, std::memory_order_relaxed);
    }
    ~TaskScope() {
        if (loop_ != nullptr) loop_->task_counter().fetch_sub(1, std::memory_order_relaxed);
    }
    TaskScope(const TaskScope&) = delete;
    TaskScope& operator=(const TaskScope&) = delete;

  private:
    EventLoop* const loop_;
};

}  // namespace signalbox::async
