#include "signalbox/async/waiter.hpp"

#include <asio/this_coro.hpp>

#include "signalbox/async/wakeup.hpp"

namespace signalbox::async {

/// In the frame of the coroutine that waits.
struct Waiter::Wait {
    Wait(Waiter& its_waiter, const Executor& executor) : waiter(its_waiter), wakeup(executor) {
        waiter.waiting_ = this;
    }
    ~Wait() { waiter.waiting_ = nullptr; }
    Wait(const Wait&) = delete;
    Wait& operator=(const Wait&) = delete;

    Waiter& waiter;
    Wakeup wakeup;
};

void Waiter::notify() noexcept {
    if (waiting_ != nullptr) waiting_->wakeup.notify();
}

Task<> Waiter::wait() {
    const Executor executor = co_await asio::this_coro::executor;
    Wait waiting(*this, executor);
    co_await waiting.wakeup.wait_until();
}

}  // namespace signalbox::async
