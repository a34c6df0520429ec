#include "signalbox/async/all.hpp"

#include <asio/associated_cancellation_slot.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/dispatch.hpp>

#include <cstddef>
#include <exception>
#include <memory>

#include "signalbox/async/counted.hpp"
#include "signalbox/async/memory_reserve.hpp"

namespace signalbox::async {

namespace {

/// What the tasks share. Kept by the completions of those that have not ended, and keeps their
/// cancellation signals, at which asio looks until then.
template <class Resume>
class Group : public std::enable_shared_from_this<Group<Resume>> {
  public:
    /// `first_error` lives in the coroutine that `resume` resumes.
    Group(std::size_t size, std::exception_ptr& first_error, Resume resume)
        : size_(size),
          signals_(std::make_unique<asio::cancellation_signal[]>(size)),
          first_error_(first_error),
          resume_(std::move(resume)) {}

    void start(const Executor& executor, std::vector<Task<>>& tasks) {
        for (std::size_t i = 0; i < size_; ++i) {
            try {
                asio::co_spawn(executor, counted(std::move(tasks[i])),
                               asio::bind_cancellation_slot(signals_[i].slot(),
                                                            [self = this->shared_from_this(),
                                                             i](const std::exception_ptr& error) {
                                                                self->ended(i, error);
                                                            }));
            } catch (...) {
                ended(i, std::current_exception());  // no memory for it
            }
        }
        starting_ = false;
        if (first_error_) cancel_others(size_);
        // This lives as long as the coroutine that has the slot: it keeps that coroutine.
        slot_ = asio::get_associated_cancellation_slot(resume_);
        if (slot_.is_connected()) {
            slot_.assign([this](asio::cancellation_type type) {
                const auto kept = this->shared_from_this();
                cancel(type, size_);
            });
        }
        resume_when_all_have_ended();
    }

  private:
    void ended(std::size_t which, const std::exception_ptr& error) {
        const auto kept = this->shared_from_this();
        ++ended_;
        if (error && !first_error_) {
            first_error_ = error;
            if (!starting_) cancel_others(which);
        }
        if (!starting_) resume_when_all_have_ended();
    }

    void cancel_others(std::size_t which) { cancel(asio::cancellation_type::all, which); }

    /// Once: a task that has taken note of it may wait for its own clean-up.
    void cancel(asio::cancellation_type type, std::size_t all_but) {
        if (std::exchange(cancelled_, true)) return;
        for (std::size_t i = 0; i < size_; ++i) {
            if (i != all_but) signals_[i].emit(type);
        }
    }

    void resume_when_all_have_ended() {
        if (ended_ < size_ || std::exchange(resumed_, true)) return;
        if (slot_.is_connected()) slot_.clear();
        asio::dispatch(std::move(resume_));
    }

    const std::size_t size_;
    const std::unique_ptr<asio::cancellation_signal[]> signals_;
    std::exception_ptr& first_error_;
    Resume resume_;
    asio::cancellation_slot slot_;
    std::size_t ended_ = 0;
    bool starting_ = true;
    bool cancelled_ = false;
    bool resumed_ = false;
};

}  // namespace

Task<> all(std::vector<Task<>> tasks) {
    if (tasks.empty()) co_return;
    const Executor executor = co_await asio::this_coro::executor;
    std::exception_ptr first_error;
    const auto start = [&](auto resume) {
        const MemoryReserve::Use use;
        // Not in here: the coroutine, and this lambda with it, may end before start() returns.
        const auto group =
            std::make_shared<Group<decltype(resume)>>(tasks.size(), first_error, std::move(resume));
        group->start(executor, tasks);
    };
    co_await asio::async_initiate<decltype(use_task), void()>(start, use_task);
    if (first_error) std::rethrow_exception(first_error);
}

}  // namespace signalbox::async
