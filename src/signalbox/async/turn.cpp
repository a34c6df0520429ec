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

Turn::Turn(context::Reference<context::RequestContext> request) noexcept
    : request_(std::move(request)), outer_(std::exchange(current, this)), started_(coarse_now()) {}

Turn::~Turn() {
    current = outer_;
    const auto taken = coarse_now() - started_;
    // The outer one answers for its own time only.
    if (outer_ != nullptr) outer_->of_others_ += taken;
    EventLoop* const loop = EventLoop::current();
    if (request_ && loop != nullptr && taken - of_others_ > longest) {
        loop->blocked_by(*request_, taken - of_others_);
    }
}

context::RequestContext* Turn::request_of_current() noexcept {
    return current == nullptr ? nullptr : current->request_.get();
}

}  // namespace signalbox::async
