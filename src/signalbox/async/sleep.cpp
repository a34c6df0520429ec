#include "signalbox/async/sleep.hpp"

#include <asio/basic_waitable_timer.hpp>

#include "signalbox/context/request_context.hpp"

namespace signalbox::async {

Task<> sleep_for(std::chrono::steady_clock::duration duration) {
    using Clock = std::chrono::steady_clock;
    asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Executor> timer(
        co_await asio::this_coro::executor, duration);
    const context::WaitScope waiting(timer.get_executor().request(), context::Waiting::timer);
    co_await timer.async_wait(use_task);
}

}  // namespace signalbox::async
