#include "signalbox/async/event_loop.hpp"

#include <asio/post.hpp>
#include <pthread.h>

#include <iostream>
#include <utility>

#include "signalbox/async/memory_reserve.hpp"

namespace signalbox::async {

namespace {

constexpr std::chrono::milliseconds heartbeat_interval{100};

thread_local EventLoop* loop_of_thread = nullptr;

std::chrono::steady_clock::rep now() {
    return std::chrono::steady_clock::now().time_since_epoch().count();
}

}  // namespace

EventLoop::EventLoop(std::string name)
    : name_(std::move(name)),
      spawned_([this](context::RequestContext* request, const std::exception_ptr& error) {
          watcher_.task_failed(request, error);
      }),
      // The hint says that one thread runs the context; posting from others stays safe.
      context_(1),
      work_(context_.get_executor()),
      heartbeat_(context_),
      last_beat_(now()),
      thread_([this] {
          pthread_setname_np(pthread_self(), name_.substr(0, 15).c_str());
          loop_of_thread = this;
          MemoryReserve reserve;
          bool ended = false;
          while (!ended) {
              // What a handler threw is its own, as for want of memory; the others go on. It may
              // have been the heartbeat's.
              try {
                  MemoryReserve::refill_of_thread();
                  heartbeat_.expires_after(heartbeat_interval);
                  beat();
              } catch (const std::exception&) {  // without one /livez fails, and that is right
              }
              try {
                  context_.run();
                  ended = true;
              } catch (...) {
                  tell(std::current_exception());
              }
          }
      }) {}

EventLoop::~EventLoop() {
    stop();
}

void EventLoop::watch(Watcher watcher) {
    asio::post(context_,
               [this, watcher = std::move(watcher)]() mutable { watcher_ = std::move(watcher); });
}

void EventLoop::stop() {
    context_.stop();
    if (thread_.joinable()) thread_.join();
}

EventLoop::Duration EventLoop::since_turn() const noexcept {
    return Duration(now() - last_beat_.load(std::memory_order_relaxed));
}

// NOLINTNEXTLINE(readability-make-member-function-const): its watcher may do anything
void EventLoop::tell(const std::exception_ptr& error) noexcept {
    try {
        watcher_.task_failed(nullptr, error);
    } catch (const std::exception&) {  // no memory to say so
    }
}

EventLoop* EventLoop::current() noexcept {
    return loop_of_thread;
}

void EventLoop::complain(const context::RequestContext*, const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& exception) {
        std::cerr << "a spawned task failed: " << exception.what() << std::endl;
    } catch (...) {
        std::cerr << "a spawned task failed with what is no std::exception" << std::endl;
    }
}

void EventLoop::beat() {
    const MemoryReserve::Use use;
    heartbeat_.async_wait([this](const std::error_code& error) {
        if (error) return;
        const auto due = heartbeat_.expiry();
        const auto turned = std::chrono::steady_clock::now();
        last_beat_.store(turned.time_since_epoch().count(), std::memory_order_relaxed);
        MemoryReserve::refill_of_thread();
        watcher_.lag(turned - due);
        heartbeat_.expires_after(heartbeat_interval);
        beat();
    });
}

}  // namespace signalbox::async
