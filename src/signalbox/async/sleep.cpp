#include "signalbox/async/sleep.hpp"

#include <asio/basic_waitable_timer.hpp>

#include <system_error>
#include <utility>

#include "signalbox/async/memory_reserve.hpp"
#include "signalbox/context/request_context.hpp"

namespace signalbox::async {

Task<> sleep_for(std::chrono::steady_clock::duration duration) {
    using Clock = std::chrono::steady_clock;
    asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Executor> timer(
        co_await asio::this_coro::executor, duration);
    const context::WaitScope waiting(timer.get_executor().request(), context::Waiting::timer);
    const auto wait = [&timer](auto resume) {
        const MemoryReserve::Use use;
        timer.async_wait(std::move(resume));
    };
    co_await asio::async_initiate<decltype(use_task), void(std::error_code)>(wait, use_task);
}

}  // namespace signalbox::async
