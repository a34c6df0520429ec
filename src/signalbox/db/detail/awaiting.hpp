#pragma once

#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/io_context.hpp>

#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

#include "signalbox/async/memory_reserve.hpp"
#include "signalbox/async/task.hpp"
#include "signalbox/context/request_context.hpp"
#include "signalbox/db/detail/outcome.hpp"
#include "signalbox/db/detail/read_queue.hpp"

namespace signalbox::observe {
class DatabaseObserver;
}

namespace signalbox::db {

/// A coroutine that awaits an outcome, seen by the thread that will have it: made by
/// await_outcome(), kept by a queue, resumed by deliver().
///
/// What its request waits for is booked here, and what the observer is told of it.
///
/// Threads: its event loop; but for wait_for and deliver, which any thread may call, and for
/// `began`, which is of whoever guards the queue that it waits in.
class Awaiting : public Waiter {
  public:
    /// `observer` may be null.
    Awaiting(const async::Executor& executor, observe::DatabaseObserver* observer);

    /// The request, if it works for one, is shown as waiting for this.
    void wait_for(context::Waiting waiting) const;
    static void wait_for(const Waiters& waiters, context::Waiting waiting);

    /// Resumes the coroutines, which must be Awaiting, each on its event loop; one post for each
    /// loop.
    static void deliver(const Waiters& waiters, Outcome reached);

    [[nodiscard]] asio::io_context& loop() const noexcept { return loop_; }

    /// When what it waits for got its connection, if it left before the end of that; the epoch when
    /// it never did.
    Clock::time_point began{};

  private:
    virtual void resume(const Outcome& outcome) = 0;
    void complete(const Outcome& outcome);

    asio::io_context& loop_;
    context::RequestContext* const request_;
    observe::DatabaseObserver* const observer_;
};

/// The type of a member of Outcome: `PartOf<&Outcome::rows>` is JsonText.
template <auto part>
using PartOf = std::remove_cvref_t<decltype(std::declval<Outcome&>().*part)>;

/// Suspends a coroutine until an Outcome is delivered to it; returns this part of it, or throws its
/// error. Resumes on the coroutine's event loop.
///
/// `begin(waiter)` is called once, on the event loop, and has to see to it that the waiter, a
/// `std::shared_ptr<Awaiting>`, gets an outcome some time. `leave(waiter)` is called, on the loop
/// as well, when the coroutine is cancelled: then it is to get one soon. It may come after an
/// outcome, and says nothing then.
template <auto part, class Begin, class Leave>
async::Task<PartOf<part>> await_outcome(observe::DatabaseObserver* observer, Begin begin,
                                        Leave leave) {
    using Part = PartOf<part>;
    auto initiate = [observer, begin = std::move(begin),
                     leave = std::move(leave)](auto handler) mutable {
        const async::MemoryReserve::Use use;
        using Handler = decltype(handler);
        struct Coroutine final : Awaiting {
            Coroutine(const async::Executor& executor, observe::DatabaseObserver* told,
                      Handler resumes)
                : Awaiting(executor, told), continuation(std::move(resumes)) {}
            void resume(const Outcome& outcome) override {
                std::move(continuation)(outcome.error, outcome.*part);
            }
            Handler continuation;
        };
        auto slot = asio::get_associated_cancellation_slot(handler);
        const async::Executor executor = asio::get_associated_executor(handler);
        const std::shared_ptr<Awaiting> waiter =
            std::make_shared<Coroutine>(executor, observer, std::move(handler));
        if (slot.is_connected()) {
            slot.assign(
                [leave, weak = std::weak_ptr<Awaiting>(waiter)](asio::cancellation_type) mutable {
                    if (const auto alive = weak.lock()) leave(alive);
                });
        }
        begin(waiter);
    };
    return asio::async_initiate<const asio::use_awaitable_t<async::Executor>,
                                void(std::exception_ptr, Part)>(std::move(initiate),
                                                                async::use_task);
}

}  // namespace signalbox::db
