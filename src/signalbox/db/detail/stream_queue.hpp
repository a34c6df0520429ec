#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>

#include "signalbox/db/detail/stream_execution.hpp"

namespace signalbox::db {

/// What has no more rows than these is read without a cursor.
inline constexpr std::size_t most_rows_of_a_read = 1000;

/// Which executions of streams wait for a connection, in which order. One that waits is joined by
/// those who ask for the same: it begins after all of them came, so nobody gets rows that are older
/// than their own request. How many may have a connection the LeaseQueue knows.
///
/// Not safe for threads: the pool's mutex guards it.
class StreamQueue {
  public:
    /// `limit`: how many executions may wait. `window`: see StreamExecution.
    StreamQueue(bool share, std::size_t limit, std::size_t window)
        : share_(share), limit_(limit), window_(window) {}

    /// False when too many wait.
    bool add(const Statement& statement, const std::shared_ptr<StreamReader>& reader,
             const std::shared_ptr<Awaiting>& waiter);

    /// Whether there is one for a connection that was made at `connected_at`.
    bool has_ready(Clock::time_point connected_at = Clock::time_point::max()) const {
        return next(connected_at) != waiting_.end();
    }
    /// Since when the first of those waits; there has to be one.
    Clock::time_point since(Clock::time_point connected_at) const {
        return (*next(connected_at))->since();
    }
    /// The first of those; there has to be one.
    std::shared_ptr<StreamExecution> take(Clock::time_point connected_at);
    /// It was taken, but its connection was of no use. Nobody joins it any more.
    void put_back(std::shared_ptr<StreamExecution> execution);

    /// Drops the execution if it waits and nobody waits for it any more.
    void drop_deserted(const StreamExecution& execution);
    /// Takes out all whose deadline has passed.
    Waiters leave_expired(Clock::time_point now);
    Waiters leave_all();
    /// The first deadline of all, or time_point::max().
    Clock::time_point next_deadline() const;

    std::size_t waiting() const noexcept { return waiting_.size(); }

  private:
    using Executions = std::list<std::shared_ptr<StreamExecution>>;

    Executions::const_iterator next(Clock::time_point connected_at) const;
    void forget(const StreamExecution& execution);

    const bool share_;
    const std::size_t limit_;
    const std::size_t window_;
    Executions waiting_;
    std::unordered_map<std::string, std::shared_ptr<StreamExecution>> joinable_;  ///< by key
};

}  // namespace signalbox::db
