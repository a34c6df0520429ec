#include "signalbox/async/wakeup.hpp"

#include <asio/associated_cancellation_slot.hpp>
#include <asio/async_result.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/error.hpp>
#include <asio/system_error.hpp>

#include <system_error>
#include <utility>

#include "signalbox/async/memory_reserve.hpp"

namespace signalbox::async {

Task<bool> Wakeup::wait_until(Clock::time_point deadline) {
    if (!notified_) {
        timer_.expires_at(deadline);
        // Being woken ends the timer's wait with an error that is none.
        const auto wait = [this](auto resume) {
            const MemoryReserve::Use use;
            const auto slot = asio::get_associated_cancellation_slot(resume);
            timer_.async_wait(asio::bind_cancellation_slot(
                slot, [resume = std::move(resume)](const std::error_code&) mutable {
                    std::move(resume)();
                }));
        };
        co_await asio::async_initiate<decltype(use_task), void()>(wait, use_task);
        const asio::cancellation_state cancellation = co_await asio::this_coro::cancellation_state;
        if (cancellation.cancelled() != asio::cancellation_type::none) {
            throw asio::system_error(asio::error::operation_aborted);
        }
    }
    co_return std::exchange(notified_, false);
}

void Wakeup::notify() noexcept {
    if (!std::exchange(notified_, true)) timer_.cancel();
}

}  // namespace signalbox::async
