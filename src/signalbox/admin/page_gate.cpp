#include "signalbox/admin/page_gate.hpp"

#include <algorithm>

#include "signalbox/async/sleep.hpp"

namespace signalbox::admin {

/// From the turn that it was given to its end.
class PageGate::Visit {
  public:
    Visit(PageGate& gate, const std::string& address) : gate_(gate), address_(address) {}
    ~Visit() { gate_.leave(address_); }
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;

  private:
    PageGate& gate_;
    const std::string& address_;
};

async::Task<http::Response> PageGate::answer(http::Request& request, const http::Handler& handler) {
    const auto begins = enter(request.peer_address);
    if (!begins) co_return http::service_unavailable();
    const Visit visit(*this, request.peer_address);
    const auto wait = *begins - Clock::now();
    if (wait > Clock::duration::zero()) co_await async::sleep_for(wait);
    const auto began = Clock::now();
    http::Response response = co_await handler(request);
    took(Clock::now() - began);
    co_return response;
}

std::optional<PageGate::Clock::time_point> PageGate::enter(const std::string& address) {
    const std::lock_guard lock(mutex_);
    const auto of_address = std::count(visitors_.begin(), visitors_.end(), address);
    if (visitors_.size() >= most || of_address >= std::ptrdiff_t{most_of_an_address}) {
        return std::nullopt;
    }
    const auto earliest = std::max(Clock::now(), rests_until_);
    // Not behind those who have gone without their page, however many came for that.
    const auto those_who_wait = 2 * usual_ * static_cast<Clock::rep>(visitors_.size());
    const auto begins = std::max(earliest, std::min(free_at_, earliest + those_who_wait));
    visitors_.push_back(address);
    free_at_ = begins + 2 * usual_;
    return begins;
}

void PageGate::leave(const std::string& address) {
    const std::lock_guard lock(mutex_);
    visitors_.erase(std::find(visitors_.begin(), visitors_.end(), address));
}

void PageGate::took(Clock::duration duration) {
    const std::lock_guard lock(mutex_);
    usual_ = duration;
    rests_until_ = Clock::now() + duration;
    free_at_ = std::max(free_at_, rests_until_);
}

}  // namespace signalbox::admin
