#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <mutex>
#include <utility>

namespace signalbox::http {

class Connection;

/// The responses that wait for their clients to take them, of all loops together: the slowest
/// client is the one to go, whichever loop it is on. Any thread.
class UnsentResponses {
  public:
    using Clock = std::chrono::steady_clock;

    /// `limit` in bytes. Each response counts as a whole, as it is in memory until its last byte is
    /// sent; a body that several send counts for each.
    explicit UnsentResponses(std::size_t limit) : limit_(limit) {}

    /// From now on, and until `remove`, the connection waits with a response of this size. Past the
    /// limit those that have waited since the longest time are told to close, each on its own loop.
    void add(Connection& connection, Clock::time_point since, std::size_t size);
    /// With what was given to `add`. Does nothing when it has been told to close.
    void remove(Connection& connection, Clock::time_point since);

    std::size_t bytes() const {
        const std::lock_guard lock(mutex_);
        return bytes_;
    }

  private:
    /// The slowest first: with each byte that a client takes it starts anew.
    using Waiting = std::map<std::pair<Clock::time_point, Connection*>, std::size_t>;

    void cut(Waiting::iterator slow);

    const std::size_t limit_;
    mutable std::mutex mutex_;
    Waiting waiting_;        ///< guarded by mutex_
    std::size_t bytes_ = 0;  ///< guarded by mutex_; of all that wait
};

}  // namespace signalbox::http
