#include "signalbox/db/detail/subscriber.hpp"

#include <asio/associated_cancellation_slot.hpp>
#include <asio/async_result.hpp>
#include <asio/error.hpp>
#include <asio/post.hpp>
#include <asio/system_error.hpp>

#include <stdexcept>
#include <utility>

#include "signalbox/async/memory_reserve.hpp"
#include "signalbox/async/turn.hpp"
#include "signalbox/db/error.hpp"

namespace signalbox::db::detail {

/// A coroutine that awaits a notification.
struct Subscriber::Waiter : std::enable_shared_from_this<Waiter> {
    explicit Waiter(const async::Executor& executor)
        : loop(asio::query(executor, asio::execution::context)), request(executor.request()) {}
    virtual ~Waiter() = default;
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

    virtual void resume(std::exception_ptr error, Notification notification) = 0;

    void deliver(std::exception_ptr error, Notification notification) {
        asio::post(loop, [self = shared_from_this(), error = std::move(error),
                          notification = std::move(notification)]() mutable {
            const async::Turn turn(self->request);
            self->resume(std::move(error), std::move(notification));
        });
    }

    asio::io_context& loop;
    /// For the loop's thread, as its count is; the coroutine keeps it.
    context::RequestContext* request;
};

template <class Handler>
struct Subscriber::Coroutine final : Waiter {
    Coroutine(const async::Executor& executor, Handler its_handler)
        : Waiter(executor), handler(std::move(its_handler)) {}
    void resume(std::exception_ptr error, Notification notification) override {
        std::move(handler)(std::move(error), std::move(notification));
    }
    Handler handler;
};

async::Task<Notification> Subscriber::next() {
    const async::Executor executor = co_await asio::this_coro::executor;
    const auto self = shared_from_this();
    const auto initiate = [&](auto handler) {
        const async::MemoryReserve::Use use;
        auto slot = asio::get_associated_cancellation_slot(handler);
        std::shared_ptr<Waiter> waiter =
            std::make_shared<Coroutine<decltype(handler)>>(executor, std::move(handler));
        if (slot.is_connected()) {
            slot.assign([weak = std::weak_ptr(waiter), self](asio::cancellation_type) {
                if (const auto waiting = weak.lock()) self->leave(waiting);
            });
        }
        wait(std::move(waiter));
    };
    co_return co_await asio::async_initiate<decltype(async::use_task),
                                            void(std::exception_ptr, Notification)>(
        initiate, async::use_task);
}

std::optional<Notification> Subscriber::take() {
    if (std::exchange(overflowed_, false))
        return Notification{.kind = Notification::Kind::overflowed};
    if (heard_.empty()) return std::nullopt;
    Notification first = std::move(heard_.front());
    heard_.pop_front();
    return first;
}

void Subscriber::wait(std::shared_ptr<Waiter> waiter) {
    const std::lock_guard lock(mutex_);
    if (waiter_) {
        return waiter->deliver(std::make_exception_ptr(std::logic_error(
                                   "a subscription has one coroutine that waits for it")),
                               {});
    }
    if (auto notification = take()) return waiter->deliver(nullptr, std::move(*notification));
    if (stopped_) {
        return waiter->deliver(std::make_exception_ptr(Unavailable("the service is shutting down",
                                                                   Unavailable::Reason::stopping)),
                               {});
    }
    waiter_ = std::move(waiter);
}

void Subscriber::leave(const std::shared_ptr<Waiter>& waiter) {
    const std::lock_guard lock(mutex_);
    if (waiter_ != waiter) return;  // its notification is on the way
    waiter_.reset();
    waiter->deliver(std::make_exception_ptr(asio::system_error(asio::error::operation_aborted)),
                    {});
}

void Subscriber::tell(Notification notification) {
    const std::lock_guard lock(mutex_);
    if (auto waiter = std::exchange(waiter_, nullptr))
        return waiter->deliver(nullptr, std::move(notification));
    heard_.push_back(std::move(notification));
    if (heard_.size() <= Subscription::most) return;
    heard_.pop_front();
    overflowed_ = true;
}

void Subscriber::stop() {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    if (auto waiter = std::exchange(waiter_, nullptr)) {
        waiter->deliver(std::make_exception_ptr(Unavailable("the service is shutting down",
                                                            Unavailable::Reason::stopping)),
                        {});
    }
}

}  // namespace signalbox::db::detail
