#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <list>
#include <mutex>
#include <utility>

#include "signalbox/async/task.hpp"

namespace signalbox::async {

/// The tasks of an event loop that nobody awaits (spawn.hpp). Outlives the loop's io_context, which
/// destroys those that have not ended.
class SpawnedTasks {
  public:
    using Failed = std::function<void(context::RequestContext*, const std::exception_ptr&)>;

    /// Whose they are.
    enum class Owner : std::uint8_t {
        request,  ///< they work for a request, and end by themselves
        service,  ///< of no request, as the service's own loops, which end when they are cancelled
    };
    /// Of requests' tasks, ever; cancelled before they came to an end by themselves.
    struct Ended {
        std::uint64_t completed = 0;
        std::uint64_t failed = 0;
        std::uint64_t cancelled = 0;
    };

    /// `failed` is called on the loop with what a task has thrown and the request, which may be
    /// null. It is not called when a task was cancelled.
    explicit SpawnedTasks(Failed failed) : failed_(std::move(failed)) {}
    SpawnedTasks(const SpawnedTasks&) = delete;
    SpawnedTasks& operator=(const SpawnedTasks&) = delete;

    /// Begins in the loop's next turn. For the loop's thread.
    void start(const Executor& executor, Task<> task);
    /// Cancels all tasks, and each that is started from now on. For the loop's thread.
    void cancel();

    /// How many have not ended. Any thread.
    std::size_t count(Owner whose) const;
    Ended ended() const;
    /// Whether all of these have ended by then. Another thread than the loop's.
    bool wait_until_ended(Owner whose, std::chrono::steady_clock::time_point deadline) const;

  private:
    class Entry;

    void end(const Entry& entry, const std::exception_ptr& error);
    void count_as_ended(std::uint64_t Ended::*how);

    const Failed failed_;
    std::list<Entry*> entries_;  ///< the loop's
    bool cancelling_ = false;    ///< the loop's

    mutable std::mutex mutex_;
    mutable std::condition_variable all_ended_;  ///< of one owner
    std::array<std::size_t, 2> counts_{};        ///< by Owner; guarded by mutex_
    Ended ended_;                                ///< guarded by mutex_
};

}  // namespace signalbox::async
