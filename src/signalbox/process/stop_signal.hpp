#pragma once

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <stop_token>
#include <thread>

namespace signalbox::process {

/// What signals ask of the process: SIGTERM and SIGINT to stop, SIGHUP to reload.
///
/// A further signal to stop ends the process at once with status 130, for an operator who will not
/// wait for the drain. A SIGTERM within a second of the first does not: process groups and service
/// managers send it to parent and child, who may tell each other, too.
///
/// A process that was started from a terminal stops by SIGHUP, which says that the terminal is
/// gone, unless that was ignored when it started (nohup(1)). So does one that has nothing to
/// reload.
///
/// To be made before any other thread: the signals are blocked in the thread that makes it and so
/// in all it starts, and a thread of its own takes them.
class StopSignal {
  public:
    enum class Request { stop, reload };

    /// What SIGHUP asks of a process without a terminal.
    enum class HangUp { reloads, stops };

    explicit StopSignal(HangUp hang_up = HangUp::reloads);
    ~StopSignal();
    StopSignal(const StopSignal&) = delete;
    StopSignal& operator=(const StopSignal&) = delete;

    std::stop_token token() const noexcept { return stop_.get_token(); }

    /// Blocks until something is asked for. Any number of reloads that were asked for since the
    /// last time are one; to stop comes first.
    Request wait();

    /// From now on what asks for a reload waits. Any thread, and so are the rest.
    void hold_reloads();
    void allow_reloads();
    /// What asks for a reload, has or will, is for that process, a child that is not waited for.
    void pass_reloads_to(pid_t successor);

  private:
    void run(const sigset_t& set, const std::stop_token& unused);
    void on_stop(int signal);
    void on_hang_up();

    const bool hang_up_stops_;
    std::stop_source stop_;
    std::chrono::steady_clock::time_point stopped_at_{};  ///< the thread's

    std::mutex mutex_;
    std::condition_variable_any changed_;
    /// Guarded by mutex_.
    bool reload_requested_ = false;
    bool reloads_held_ = false;
    pid_t successor_ = 0;

    std::jthread thread_;
};

}  // namespace signalbox::process
