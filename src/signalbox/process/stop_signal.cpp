#include "signalbox/process/stop_signal.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <csignal>

#include "signalbox/process/descriptor.hpp"

namespace signalbox::process {

namespace {

constexpr int status_of_second_signal = 130;

constexpr std::chrono::seconds same_signal{1};

/// Tells the thread that nobody listens any more; nothing else sends it to this process.
constexpr int stop_listening = SIGUSR1;

/// Now: by the time its SIGHUP comes the terminal is gone.
bool has_terminal() {
    if (::isatty(STDIN_FILENO) == 1) return true;
    return Descriptor(::open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY)).get() >= 0;
}

bool is_ignored(int signal) {
    struct sigaction action {};
    return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

sigset_t signals(bool hang_up_stops) {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int signal : {SIGTERM, SIGINT, stop_listening})
        ::sigaddset(&set, signal);
    if (!hang_up_stops || !is_ignored(SIGHUP)) ::sigaddset(&set, SIGHUP);
    return set;
}

}  // namespace

StopSignal::StopSignal(HangUp hang_up)
    : hang_up_stops_(hang_up == HangUp::stops || has_terminal()) {
    const sigset_t set = signals(hang_up_stops_);
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    thread_ = std::jthread([this, set](const std::stop_token& unused) { run(set, unused); });
}

StopSignal::~StopSignal() {
    thread_.request_stop();
    ::pthread_kill(thread_.native_handle(), stop_listening);
}

void StopSignal::run(const sigset_t& set, const std::stop_token& unused) {
    ::pthread_setname_np(::pthread_self(), "signals");
    int signal = 0;
    while (!unused.stop_requested() && ::sigwait(&set, &signal) == 0) {
        switch (signal) {
            case stop_listening:
                break;
            case SIGHUP:
                on_hang_up();
                break;
            default:
                on_stop(signal);
                break;
        }
    }
}

void StopSignal::on_stop(int signal) {
    const auto now = std::chrono::steady_clock::now();
    if (stop_.request_stop()) {
        stopped_at_ = now;
    } else if (signal != SIGTERM || now - stopped_at_ >= same_signal) {
        ::_exit(status_of_second_signal);
    }
}

void StopSignal::on_hang_up() {
    if (hang_up_stops_) {
        // The kernel and the shell both send it: it is no second signal to stop.
        if (stop_.request_stop()) stopped_at_ = std::chrono::steady_clock::now();
        return;
    }
    const std::lock_guard lock(mutex_);
    if (successor_ > 0) {
        ::kill(successor_, SIGHUP);
    } else {
        reload_requested_ = true;
        changed_.notify_all();
    }
}

StopSignal::Request StopSignal::wait() {
    std::unique_lock lock(mutex_);
    const bool reload = changed_.wait(lock, stop_.get_token(),
                                      [this] { return reload_requested_ && !reloads_held_; });
    if (!reload || stop_.stop_requested()) return Request::stop;
    reload_requested_ = false;
    return Request::reload;
}

void StopSignal::hold_reloads() {
    const std::lock_guard lock(mutex_);
    reloads_held_ = true;
}

void StopSignal::allow_reloads() {
    const std::lock_guard lock(mutex_);
    reloads_held_ = false;
    changed_.notify_all();
}

void StopSignal::pass_reloads_to(pid_t successor) {
    const std::lock_guard lock(mutex_);
    successor_ = successor;
    if (reload_requested_) ::kill(successor_, SIGHUP);
    reload_requested_ = false;
}

}  // namespace signalbox::process
