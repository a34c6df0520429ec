#include "signalbox/async/deadline_timer.hpp"

#include <utility>

namespace signalbox::async {

DeadlineTimer::DeadlineTimer(asio::io_context& context, std::function<void()> on_expired)
    : timer_(context.get_executor()), on_expired_(std::move(on_expired)) {}

void DeadlineTimer::set(Clock::time_point deadline) {
    deadline_ = deadline;
    if (deadline_ < armed_) arm();
}

void DeadlineTimer::arm() {
    armed_ = Clock::time_point::max();  // as long as there is no wait, for want of memory
    timer_.expires_at(deadline_);
    timer_.async_wait([this, alive = std::weak_ptr(alive_)](const std::error_code& error) {
        if (!error && !alive.expired()) on_timer();
    });
    armed_ = deadline_;
}

void DeadlineTimer::on_timer() {
    armed_ = Clock::time_point::max();
    if (deadline_ == Clock::time_point::max()) return;
    if (deadline_ > Clock::now()) {
        arm();
        return;
    }
    deadline_ = Clock::time_point::max();
    on_expired_();
}

}  // namespace signalbox::async
