#pragma once

#include <stop_token>
#include <thread>

namespace signalbox::process {

/// SIGTERM and SIGINT as a stop_token. The first signal requests the stop; a second one ends the
/// process at once with status 130, for an operator who will not wait for the drain.
///
/// To be made before any other thread: the signals are blocked in the thread that makes it and so
/// in all it starts, and a thread of its own takes them. SIGPIPE is ignored: that a reader of a
/// socket or of the log is gone is seen where it is written.
class StopSignal {
  public:
    StopSignal();
    ~StopSignal();
    StopSignal(const StopSignal&) = delete;
    StopSignal& operator=(const StopSignal&) = delete;

    std::stop_token token() const noexcept { return stop_.get_token(); }
    /// Blocks until the first signal.
    void wait() const;

  private:
    std::stop_source stop_;
    std::jthread thread_;
};

}  // namespace signalbox::process
