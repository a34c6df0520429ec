#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>

#include "signalbox/db/detail/connection.hpp"

namespace signalbox::db {

/// One attempt to cancel what a connection runs, on a thread of its own: asking PostgreSQL blocks,
/// for as long as the server is frozen. The attempt keeps the connection and itself, so whoever
/// waits for it may give up and forget both.
class Cancellation {
  public:
    /// Begins. Throws std::system_error when there is no thread to be had. `ended` is called on the
    /// attempt's thread once it is over.
    static std::shared_ptr<Cancellation> of(
        std::shared_ptr<Connection> connection, std::function<void()> ended = [] {});

    /// Whether PostgreSQL has taken the request, or cannot be asked at all, within this time.
    bool wait_for(std::chrono::milliseconds timeout);

  private:
    std::mutex mutex_;
    std::condition_variable ended_;
    bool has_ended_ = false;  ///< guarded by mutex_
};

}  // namespace signalbox::db
