#include "async/event_loop.hpp"

#include <pthread.h>

namespace signalbox::async {

namespace {

constexpr std::chrono::milliseconds heartbeat_interval{100};

std::chrono::steady_clock::rep now() {
    return std::chrono::steady_clock::now().time_since_epoch().count();
}

}  // namespace

EventLoop::EventLoop(std::string name)
    // The hint says that one thread runs the context; posting from others stays safe.
    : context_(1),
      work_(context_.get_executor()),
      heartbeat_(context_),
      last_beat_(now()),
      thread_([this, name = std::move(name)] {
          pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
          beat();
          context_.run();
      }) {}

EventLoop::~EventLoop() {
    stop();
}

void EventLoop::stop() {
    context_.stop();
    if (thread_.joinable()) thread_.join();
}

std::chrono::steady_clock::duration EventLoop::since_turn() const noexcept {
    return std::chrono::steady_clock::duration(now() - last_beat_.load(std::memory_order_relaxed));
}

void EventLoop::beat() {
    last_beat_.store(now(), std::memory_order_relaxed);
    heartbeat_.expires_after(heartbeat_interval);
    heartbeat_.async_wait([this](const std::error_code& error) {
        if (!error) beat();
    });
}

}  // namespace signalbox::async
