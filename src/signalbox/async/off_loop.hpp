#pragma once

#include <asio/execution_context.hpp>
#include <asio/io_context.hpp>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "signalbox/async/task.hpp"
#include "signalbox/async/waiter.hpp"

namespace signalbox::async {

/// What may block, as reading and writing files does, or takes so long that others would wait.
class OffLoopWork {
  public:
    virtual ~OffLoopWork() = default;
    /// On a thread that may block.
    virtual void run() noexcept = 0;
    /// On the loop, when it has run. Not called when the loop ends before.
    virtual void done() = 0;
};

/// An event loop's threads for such work. They start when there is some, and end with the loop.
///
/// Threads: the loop's; shutdown() is of whoever destroys the loop, and waits for what is running.
class OffLoopThreads final : public asio::execution_context::service {
  public:
    using key_type = OffLoopThreads;
    static asio::execution_context::id id;

    explicit OffLoopThreads(asio::execution_context& loop)
        : service(loop), loop_(static_cast<asio::io_context&>(loop)) {}

    /// The loop's.
    static OffLoopThreads& of(asio::io_context& loop);

    /// Throws std::system_error when there is no thread for it, and cannot be.
    void run(std::shared_ptr<OffLoopWork> work);

    /// So many pieces of work run at a time, for instance on a slow disk; others of this loop wait.
    static constexpr std::size_t most_threads = 4;

  private:
    void shutdown() override;
    void work();

    asio::io_context& loop_;
    std::vector<std::thread> threads_;
    std::mutex mutex_;
    std::condition_variable wake_;
    /// Guarded by mutex_.
    std::deque<std::shared_ptr<OffLoopWork>> queue_;
    std::size_t idle_ = 0;
    bool stopping_ = false;
};

namespace detail {

/// One call, whose caller waits for it.
class OffLoopCall : public OffLoopWork {
  public:
    void run() noexcept final {
        if (begun_.exchange(true)) return;
        try {
            call();
        } catch (...) {
            thrown_ = std::current_exception();
        }
    }
    void done() final;
    /// Throws what the call has thrown.
    static Task<> wait(std::shared_ptr<OffLoopCall> call);

  private:
    virtual void call() = 0;
    /// Instead of the call, with what that would have used.
    virtual void drop() noexcept = 0;

    std::atomic<bool> begun_{false};  ///< or dropped
    std::exception_ptr thrown_;
    Waiter waiter_;  ///< the loop's
};

template <class Function>
class OffLoopFunction final : public OffLoopCall {
  public:
    using Result = std::invoke_result_t<Function&>;

    explicit OffLoopFunction(Function function) : function_(std::move(function)) {}
    Result take() {
        if constexpr (!std::is_void_v<Result>) return std::move(*result_);
    }

  private:
    void call() override {
        if constexpr (std::is_void_v<Result>) {
            (*function_)();
        } else {
            result_.emplace((*function_)());
        }
    }
    void drop() noexcept override { function_.reset(); }

    std::optional<Function> function_;
    std::optional<std::conditional_t<std::is_void_v<Result>, std::monostate, Result>> result_;
};

}  // namespace detail

/// Calls the function on a thread that may block, and resumes the caller on its loop with what it
/// returns or throws. What it uses it has to own: a caller that is cancelled does not wait for it.
/// What has begun runs to its end then; what has not is dropped, with what it owns.
template <class Function>
Task<std::invoke_result_t<Function&>> off_loop(Function function) {
    auto call = std::make_shared<detail::OffLoopFunction<Function>>(std::move(function));
    Task<> waiting = detail::OffLoopCall::wait(call);
    co_await std::move(waiting);
    co_return call->take();
}

}  // namespace signalbox::async
