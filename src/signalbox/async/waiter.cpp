#include "signalbox/async/waiter.hpp"

#include <asio/basic_waitable_timer.hpp>
#include <asio/this_coro.hpp>

#include <chrono>
#include <system_error>

#include "signalbox/async/memory_reserve.hpp"

namespace signalbox::async {

using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, Executor>;

/// In the frame of the coroutine that waits. Its timer never expires: it is cancelled by notify(),
/// or because the coroutine is.
struct Waiter::Wait {
    Wait(Waiter& its_waiter, const Executor& executor)
        : waiter(its_waiter), timer(executor, Timer::time_point::max()) {
        waiter.waiting_ = this;
    }
    ~Wait() { waiter.waiting_ = nullptr; }
    Wait(const Wait&) = delete;
    Wait& operator=(const Wait&) = delete;

    Waiter& waiter;
    Timer timer;
    bool notified = false;
};

void Waiter::notify() {
    if (waiting_ == nullptr) return;
    waiting_->notified = true;
    waiting_->timer.cancel();
}

Task<> Waiter::wait() {
    const Executor executor = co_await asio::this_coro::executor;
    Wait waiting(*this, executor);
    const auto wait = [&waiting](auto resume) {
        const MemoryReserve::Use use;
        waiting.timer.async_wait(std::move(resume));
    };
    try {
        co_await asio::async_initiate<decltype(use_task), void(std::error_code)>(wait, use_task);
    } catch (const std::system_error&) {
        if (!waiting.notified) throw;
    }
}

}  // namespace signalbox::async
