#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>

namespace signalbox::process {

/// Ends the process with status 1 when it was told to stop and what it does has not ended `limit`
/// later: a thread may be inside of a library that waits for a server, a resolver or a file, and
/// hears nothing. For as long as it lives; made before what it watches, so that it sees that end.
class StopDeadline {
  public:
    /// `last_words` are said on a thread of its own, before the end.
    StopDeadline(const std::stop_token& stop, std::chrono::milliseconds limit,
                 std::function<void()> last_words);
    ~StopDeadline() = default;
    StopDeadline(const StopDeadline&) = delete;
    StopDeadline& operator=(const StopDeadline&) = delete;

  private:
    void watch(const std::stop_token& over);

    const std::chrono::milliseconds limit_;
    const std::function<void()> last_words_;
    std::mutex mutex_;
    std::condition_variable_any changed_;
    bool stopping_ = false;  ///< guarded by mutex_
    const std::stop_callback<std::function<void()>> on_stop_;
    std::jthread thread_;
};

}  // namespace signalbox::process
