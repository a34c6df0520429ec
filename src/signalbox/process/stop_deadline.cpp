#include "signalbox/process/stop_deadline.hpp"

#include <pthread.h>
#include <unistd.h>

#include <utility>

namespace signalbox::process {

StopDeadline::StopDeadline(const std::stop_token& stop, std::chrono::milliseconds limit,
                           std::function<void()> last_words)
    : limit_(limit),
      last_words_(std::move(last_words)),
      on_stop_(stop,
               [this] {
                   const std::lock_guard lock(mutex_);
                   stopping_ = true;
                   changed_.notify_all();
               }),
      thread_([this](const std::stop_token& over) { watch(over); }) {}

void StopDeadline::watch(const std::stop_token& over) {
    ::pthread_setname_np(::pthread_self(), "stop-deadline");
    std::unique_lock lock(mutex_);
    if (!changed_.wait(lock, over, [this] { return stopping_; })) return;
    changed_.wait_for(lock, over, limit_, [] { return false; });
    if (over.stop_requested()) return;
    lock.unlock();
    last_words_();
    ::_exit(1);
}

}  // namespace signalbox::process
