#include "signalbox/async/sleep.hpp"

#include <asio/basic_waitable_timer.hpp>

#include "signalbox/observe/in_flight.hpp"

namespace signalbox::async {

Task<> sleep_for(std::chrono::steady_clock::duration duration) {
    using Clock = std::chrono::steady_clock;
    const Executor executor = co_await asio::this_coro::executor;
    asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Executor> timer(executor, duration);
    const observe::WaitScope waiting(executor.request(), observe::Waiting::timer);
    co_await timer.async_wait(use_task);
}

}  // namespace signalbox::async
