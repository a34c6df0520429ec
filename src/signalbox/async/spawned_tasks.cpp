#include "signalbox/async/spawned_tasks.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/co_spawn.hpp>
#include <asio/error.hpp>
#include <asio/post.hpp>
#include <asio/system_error.hpp>

#include <memory>
#include <utility>
#include <vector>

#include "signalbox/async/event_loop.hpp"

namespace signalbox::async {

namespace {

bool is_cancellation(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const asio::system_error& system_error) {
        return system_error.code() == asio::error::operation_aborted;
    } catch (...) {
        return false;
    }
}

}  // namespace

/// One task, from spawn() to its end or its destruction. Its completion keeps it, and with it the
/// cancellation signal at which asio looks until then.
class SpawnedTasks::Entry : public std::enable_shared_from_this<Entry> {
  public:
    Entry(SpawnedTasks& tasks, context::Reference<context::RequestContext> request)
        : tasks_(tasks),
          request_(std::move(request)),
          place_(tasks.entries_.insert(tasks.entries_.end(), this)) {
        const std::lock_guard lock(tasks_.mutex_);
        ++count();
    }
    ~Entry() {
        tasks_.entries_.erase(place_);
        const std::lock_guard lock(tasks_.mutex_);
        if (--count() == 0) tasks_.all_ended_.notify_all();
    }
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;

    void start(const Executor& executor, Task<> task) {
        asio::co_spawn(
            executor, std::move(task),
            asio::bind_cancellation_slot(
                signal_.slot(), [self = shared_from_this()](const std::exception_ptr& error) {
                    self->tasks_.end(*self, error);
                }));
        started_ = true;
        if (tasks_.cancelling_) cancel();
    }

    void cancel() {
        cancelled_ = true;
        if (started_) signal_.emit(asio::cancellation_type::terminal);
    }

    context::RequestContext* request() const noexcept { return request_.get(); }
    Owner owner() const noexcept { return request_ ? Owner::request : Owner::service; }
    bool cancelled() const noexcept { return cancelled_; }

  private:
    std::size_t& count() noexcept { return tasks_.counts_[static_cast<std::size_t>(owner())]; }

    SpawnedTasks& tasks_;
    const context::Reference<context::RequestContext> request_;
    const std::list<Entry*>::iterator place_;
    const TaskScope counted_;
    asio::cancellation_signal signal_;
    bool started_ = false;
    bool cancelled_ = false;
};

void SpawnedTasks::start(const Executor& executor, Task<> task) {
    asio::post(executor, [executor, entry = std::make_shared<Entry>(*this, executor.request()),
                          its_task = std::move(task)]() mutable {
        entry->start(executor, std::move(its_task));
    });
}

void SpawnedTasks::cancel() {
    cancelling_ = true;
    // One that ends at once leaves the list, and may take others with it.
    std::vector<std::shared_ptr<Entry>> all;
    for (Entry* const entry : entries_) {
        if (auto kept = entry->weak_from_this().lock()) all.push_back(std::move(kept));
    }
    for (const auto& entry : all)
        entry->cancel();
}

void SpawnedTasks::end(const Entry& entry, const std::exception_ptr& error) {
    const bool cancelled = entry.cancelled() && error && is_cancellation(error);
    if (entry.owner() == Owner::request) {
        count_as_ended(!error ? &Ended::completed : cancelled ? &Ended::cancelled : &Ended::failed);
    }
    if (error && !cancelled) failed_(entry.request(), error);
}

void SpawnedTasks::count_as_ended(std::uint64_t Ended::*how) {
    const std::lock_guard lock(mutex_);
    ++(ended_.*how);
}

std::size_t SpawnedTasks::count(Owner whose) const {
    const std::lock_guard lock(mutex_);
    return counts_[static_cast<std::size_t>(whose)];
}

SpawnedTasks::Ended SpawnedTasks::ended() const {
    const std::lock_guard lock(mutex_);
    return ended_;
}

bool SpawnedTasks::wait_until_ended(Owner whose,
                                    std::chrono::steady_clock::time_point deadline) const {
    std::unique_lock lock(mutex_);
    return all_ended_.wait_until(
        lock, deadline, [this, whose] { return counts_[static_cast<std::size_t>(whose)] == 0; });
}

}  // namespace signalbox::async
