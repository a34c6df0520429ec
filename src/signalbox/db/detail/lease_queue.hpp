#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>

#include "signalbox/db/detail/read_queue.hpp"

namespace signalbox::db {

/// What a connection is lent for: one statement that writes, or a transaction, which has it for as
/// long as its code likes.
enum class LeaseFor : std::uint8_t { statement, transaction };

/// Who waits to have a connection lent, in which order, and how many transactions have one: at most
/// four fifths of the pool, all but one of few, so that short statements always find one. The only
/// connection of a pool is lent all the same.
///
/// Not safe for threads: the pool's mutex guards it. A waiter waits once.
class LeaseQueue {
  public:
    /// `limit`: how many may wait.
    LeaseQueue(std::size_t pool_size, std::size_t limit)
        : most_transactions_(most_transactions(pool_size)), limit_(limit) {}

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
        return purpose == LeaseFor::statement || transactions_ < most_transactions_;
    }
    /// Whether somebody waits to whom one that was made at `connected_at` could be lent.
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
    }
    void returned(LeaseFor purpose) noexcept {
        if (purpose == LeaseFor::transaction) --transactions_;
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

  private:
    std::list<Taken>::const_iterator next(Clock::time_point connected_at) const noexcept;

    const std::size_t most_transactions_;
    const std::size_t limit_;
    std::size_t transactions_ = 0;
    std::list<Taken> waiting_;
};

}  // namespace signalbox::db
