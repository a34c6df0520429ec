#pragma once

#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/io_context.hpp>

#include <exception>
#include <memory>
#include <utility>

#include "signalbox/async/task.hpp"

namespace signalbox::client {

/// A coroutine that is suspended until somebody completes it, once.
///
/// Threads: its event loop's, where it has to be destroyed as well.
class SuspendedCall : public std::enable_shared_from_this<SuspendedCall> {
  public:
    explicit SuspendedCall(const async::Executor& executor);
    virtual ~SuspendedCall() = default;
    SuspendedCall(const SuspendedCall&) = delete;
    SuspendedCall& operator=(const SuspendedCall&) = delete;

    asio::io_context& loop() const noexcept { return loop_; }

    /// Resumes it in this turn; what it is given it throws. What comes after the first is nothing.
    void complete(const std::exception_ptr& error = {});
    /// In the loop's next turn.
    void complete_later(const std::exception_ptr& error = {});

  private:
    virtual void resume(const std::exception_ptr& error) = 0;

    asio::io_context& loop_;
    context::RequestContext* const request_;  ///< the coroutine keeps it
    bool completed_ = false;
};

/// What a cancelled coroutine throws.
std::exception_ptr cancelled();

/// Suspends the coroutine that awaits this. `begin(waiter)` is called once and has to see to it
/// that the waiter is completed some time; what it throws the coroutine does. `leave(waiter)` is
/// called when the coroutine is cancelled, which resumes it: what waits for it is to forget it at
/// once.
template <class Begin, class Leave>
async::Task<> suspend(Begin begin, Leave leave) {
    auto initiate = [begin = std::move(begin), leave = std::move(leave)](auto handler) mutable {
        using Handler = decltype(handler);
        struct Suspended final : SuspendedCall {
            Suspended(const async::Executor& executor, Handler resumes)
                : SuspendedCall(executor), continuation(std::move(resumes)) {}
            void resume(const std::exception_ptr& error) override {
                std::move(continuation)(error);
            }
            Handler continuation;
        };
        auto slot = asio::get_associated_cancellation_slot(handler);
        const async::Executor executor = asio::get_associated_executor(handler);
        const std::shared_ptr<SuspendedCall> waiter =
            std::make_shared<Suspended>(executor, std::move(handler));
        if (slot.is_connected()) {
            slot.assign([leave, weak = std::weak_ptr<SuspendedCall>(waiter)](
                            asio::cancellation_type) mutable {
                const auto alive = weak.lock();
                if (!alive) return;
                leave(alive);
                alive->complete_later(cancelled());
            });
        }
        try {
            begin(waiter);
        } catch (...) {  // which asio does not expect here
            waiter->complete_later(std::current_exception());
        }
    };
    return asio::async_initiate<const asio::use_awaitable_t<async::Executor>,
                                void(std::exception_ptr)>(std::move(initiate), async::use_task);
}

}  // namespace signalbox::client
