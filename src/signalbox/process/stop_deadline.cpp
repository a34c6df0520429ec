#include "signalbox/process/stop_deadline.hpp"

#include <pthread.h>
#include <unistd.h>

#include <utility>

#ifdef __SANITIZE_THREAD__
/// Threads are left behind where the process ends in the midst of them, which is what it is for.
extern "C" const char* __tsan_default_options() {  // NOLINT: the name is ThreadSanitizer's
    return "report_thread_leaks=0";
}
#endif

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
