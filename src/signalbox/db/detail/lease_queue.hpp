#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>

#include "signalbox/db/detail/read_queue.hpp"

namespace signalbox::db {

/// What a connection is lent for: one statement that writes; a transaction, which has it for as
/// long as its code likes; or a stream, which has it for as long as its readers like.
enum class LeaseFor : std::uint8_t { statement, transaction, stream };

/// Who waits to have a connection lent, in which order, and how many transactions and streams have
/// one: together at most four fifths of the pool, all but one of few, so that short statements
/// always find one. The only connection of a pool is lent all the same. Streams wait in a
/// StreamQueue, and are only counted here.
///
/// Not safe for threads: the pool's mutex guards it. A waiter waits once.
class LeaseQueue {
  public:
    /// `limit`: how many may wait. `streams`: how many may have one; 0: a third of the pool, and at
    /// least one.
    LeaseQueue(std::size_t pool_size, std::size_t limit, std::size_t streams = 0)
        : most_held_(most_transactions(pool_size)),
          most_streams_(streams > 0 ? streams : std::max<std::size_t>(pool_size / 3, 1)),
          limit_(limit) {}

    static constexpr std::size_t most_transactions(std::size_t pool_size) noexcept {
        const std::size_t left_over = (pool_size + 4) / 5;
        return pool_size > left_over ? pool_size - left_over : 1;
    }

    /// `newer_than`: for one that was made later, as another has just broken. False when too many
    /// wait.
    bool add(LeaseFor purpose, const std::shared_ptr<Waiter>& waiter,
             Clock::time_point newer_than = Clock::time_point::min());

    /// Whether a connection could be lent for this now, were there one.
    bool may_lend(LeaseFor purpose) const noexcept {
        if (purpose == LeaseFor::statement) return true;
        return transactions_ + streams_ < most_held_ &&
               (purpose == LeaseFor::transaction || streams_ < most_streams_);
    }
    /// Whether somebody waits who could be lent a connection that was made at `connected_at`.
    bool has_ready(Clock::time_point connected_at = Clock::time_point::max()) const noexcept {
        return next(connected_at) != waiting_.end();
    }
    /// Since when the first of those waits; there has to be one.
    Clock::time_point since(Clock::time_point connected_at) const noexcept {
        return next(connected_at)->waiter->since;
    }

    struct Taken {
        LeaseFor purpose;
        std::shared_ptr<Waiter> waiter;
        Clock::time_point newer_than;
    };
    /// The first of those; there has to be one. What is lent is to be returned.
    Taken take(Clock::time_point connected_at);
    void lent(LeaseFor purpose) noexcept {
        if (purpose == LeaseFor::transaction) ++transactions_;
        if (purpose == LeaseFor::stream) ++streams_;
    }
    void returned(LeaseFor purpose) noexcept {
        if (purpose == LeaseFor::transaction) --transactions_;
        if (purpose == LeaseFor::stream) --streams_;
    }

    /// False when it does not wait any more.
    bool leave(const std::shared_ptr<Waiter>& waiter);
    /// Takes out all whose deadline has passed.
    Waiters leave_expired(Clock::time_point now);
    Waiters leave_all();
    /// The first deadline of all, or time_point::max().
    Clock::time_point next_deadline() const noexcept;

    std::size_t waiting() const noexcept { return waiting_.size(); }
    std::size_t transactions() const noexcept { return transactions_; }
    std::size_t streams() const noexcept { return streams_; }

  private:
    std::list<Taken>::const_iterator next(Clock::time_point connected_at) const noexcept;

    const std::size_t most_held_;
    const std::size_t most_streams_;
    const std::size_t limit_;
    std::size_t transactions_ = 0;
    std::size_t streams_ = 0;
    std::list<Taken> waiting_;
};

}  // namespace signalbox::db
