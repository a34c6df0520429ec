#include "signalbox/async/sleep.hpp"

#include <asio/basic_waitable_timer.hpp>

#include "signalbox/context/request_context.hpp"

namespace signalbox::async {

Task<> sleep_for(std::chrono::steady_clock::duration duration) {
    using Clock = std::chrono::steady_clock;
    const Executor executor = co_await asio::this_coro::executor;
    asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Executor> timer(executor, duration);
    const context::WaitScope waiting(executor.request(), context::Waiting::timer);
    co_await timer.async_wait(use_task);
}

}  // namespace signalbox::async
