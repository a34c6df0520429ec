#pragma once

#include <asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

namespace signalbox::http {

/// A response that waits for its client to take it.
class UnsentResponse {
  public:
    virtual ~UnsentResponse() = default;
    virtual asio::io_context& loop() noexcept = 0;
    /// Its client has to go. On its loop.
    virtual void cut() = 0;
};

/// The responses that wait for their clients to take them, of all loops together: the slowest
/// client is the one to go, whichever loop it is on. Any thread, but `add` and `remove` on the
/// response's loop.
class UnsentResponses {
  public:
    using Clock = std::chrono::steady_clock;

    /// `limit` in bytes. Each response counts as a whole, as it is in memory until its last byte is
    /// sent; a body that several send counts for each.
    explicit UnsentResponses(std::size_t limit) : limit_(limit) {}

    /// From now on, and until `remove`, this one waits. Past the limit those that have waited since
    /// the longest time are cut, each on its own loop, in a later turn.
    void add(UnsentResponse& response, Clock::time_point since, std::size_t size);
    /// With what was given to `add`. It is not cut any more.
    void remove(UnsentResponse& response, Clock::time_point since);

    std::size_t bytes() const {
        const std::lock_guard lock(mutex_);
        return bytes_;
    }

  private:
    /// The slowest first: with each byte that a client takes it starts anew.
    using Waiting = std::map<std::pair<Clock::time_point, UnsentResponse*>, std::size_t>;

    void condemn(Waiting::iterator slow);
    void cut_those_of(asio::io_context& loop);

    const std::size_t limit_;
    mutable std::mutex mutex_;
    Waiting waiting_;                         ///< guarded by mutex_
    std::vector<UnsentResponse*> condemned_;  ///< guarded by mutex_; to be cut by their loops
    std::size_t bytes_ = 0;                   ///< guarded by mutex_; of all that wait
};

}  // namespace signalbox::http
