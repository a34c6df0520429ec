#include "signalbox/async/turn.hpp"

#include <ctime>
#include <utility>

#include "signalbox/async/event_loop.hpp"

namespace signalbox::async {

namespace {

thread_local Turn* current = nullptr;

std::chrono::steady_clock::time_point coarse_now() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);  // steady_clock's, as of the last tick
    return std::chrono::steady_clock::time_point(std::chrono::seconds(now.tv_sec) +
                                                 std::chrono::nanoseconds(now.tv_nsec));
}

}  // namespace

Turn::Turn(const observe::InFlightRequest* request) noexcept
    : request_(request), outer_(std::exchange(current, this)), started_(coarse_now()) {}

Turn::~Turn() {
    current = outer_;
    const auto taken = coarse_now() - started_;
    // The outer one answers for its own time only.
    if (outer_ != nullptr) outer_->of_others_ += taken;
    report(taken - of_others_);
}

void Turn::ends_for(const observe::InFlightRequest& request) {
    const auto now = coarse_now();
    Clock::duration of_inner{};
    for (Turn* turn = current; turn != nullptr; turn = turn->outer_) {
        const auto taken = now - turn->started_;
        if (turn->request_ == &request) turn->report(taken - turn->of_others_ - of_inner);
        of_inner = taken;
    }
}

void Turn::forget(const observe::InFlightRequest& request) noexcept {
    for (Turn* turn = current; turn != nullptr; turn = turn->outer_) {
        if (turn->request_ == &request) turn->request_ = nullptr;
    }
}

void Turn::report(Clock::duration taken) {
    const auto* request = std::exchange(request_, nullptr);
    EventLoop* const loop = EventLoop::current();
    if (request != nullptr && loop != nullptr && taken > longest) {
        loop->blocked_by(*request, taken);
    }
}

}  // namespace signalbox::async
