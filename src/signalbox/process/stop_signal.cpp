#include "signalbox/process/stop_signal.hpp"

#include <pthread.h>
#include <unistd.h>

#include <condition_variable>
#include <csignal>
#include <mutex>

namespace signalbox::process {

namespace {

constexpr int status_of_second_signal = 130;

/// Tells the thread that nobody listens any more; nothing else sends it to this process.
constexpr int stop_listening = SIGUSR1;

sigset_t signals() {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int signal : {SIGTERM, SIGINT, stop_listening})
        ::sigaddset(&set, signal);
    return set;
}

}  // namespace

StopSignal::StopSignal() {
    static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
    const sigset_t set = signals();
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    thread_ = std::jthread([this, set](const std::stop_token& unused) {
        ::pthread_setname_np(::pthread_self(), "signals");
        int signal = 0;
        while (!unused.stop_requested() && ::sigwait(&set, &signal) == 0) {
            if (signal == stop_listening) continue;
            if (!stop_.request_stop()) ::_exit(status_of_second_signal);
        }
    });
}

StopSignal::~StopSignal() {
    thread_.request_stop();
    ::pthread_kill(thread_.native_handle(), stop_listening);
}

void StopSignal::wait() const {
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock lock(mutex);
    stopped.wait(lock, token(), [] { return false; });
}

}  // namespace signalbox::process
