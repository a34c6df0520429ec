#pragma once

#include <chrono>
#include <functional>
#include <stop_token>

#include "signalbox/process/descriptor.hpp"

namespace signalbox::db {

/// A stop_token for who waits in poll(2).
class StopEvent {
  public:
    /// Throws std::system_error when there is no descriptor to be had.
    explicit StopEvent(std::stop_token stop);
    StopEvent(const StopEvent&) = delete;
    StopEvent& operator=(const StopEvent&) = delete;

    bool requested() const noexcept { return stop_.stop_requested(); }
    /// Readable from when it was requested.
    int descriptor() const noexcept { return event_.get(); }
    /// Waits for that long, or until it is requested.
    void sleep(std::chrono::milliseconds duration) const;

  private:
    const process::Descriptor event_;
    const std::stop_token stop_;
    const std::stop_callback<std::function<void()>> on_stop_;
};

}  // namespace signalbox::db
