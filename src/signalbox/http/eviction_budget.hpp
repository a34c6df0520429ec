#pragma once

#include <asio/io_context.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace signalbox::http {

/// What has a part of a budget for a client, and gives it back by going.
class BudgetHolder {
  public:
    virtual ~BudgetHolder() = default;
    virtual asio::io_context& loop() noexcept = 0;
    /// Whether give_way() may be called while another holder of its loop is on the stack.
    virtual bool evictable_at_once() const noexcept = 0;
    /// Its client has to go, and is told so where that is possible. On its loop.
    virtual void give_way() noexcept = 0;
    /// What keeps it meanwhile, where it might be destroyed by that at once.
    virtual std::shared_ptr<const void> kept() const noexcept { return nullptr; }

  private:
    friend class EvictionBudget;

    bool listed_ = false;  ///< its loop's
    /// Written by its loop, read by whoever looks for one to evict.
    std::atomic<std::size_t> held_{0};
    std::atomic<std::uint64_t> moved_{0};
    /// Guarded by the budget's mutex.
    std::chrono::steady_clock::time_point began_{};
    std::size_t place_ = 0;
    std::size_t condemned_ = 0;  ///< what it held then
};

/// Bytes that clients make a server hold, of all loops together. Past the limit those go who hold
/// at least a quarter of the average and move the fewest bytes in a second, counted since they
/// began to hold anything, on whichever loop they are: neither a byte now and then nor a burst at
/// the beginning helps who then waits, and a large upload that comes quickly stays.
///
/// Any thread, but `hold` and `release` on the holder's loop.
class EvictionBudget {
  public:
    using Clock = std::chrono::steady_clock;

    explicit EvictionBudget(std::size_t limit) : limit_(limit) {}
    virtual ~EvictionBudget() = default;

    struct Holding {
        std::size_t bytes;    ///< which are in bytes() as well
        std::uint64_t moved;  ///< bytes received and sent since it began to hold any
        Clock::time_point now;
    };
    /// From now on, and until `release`, this one holds so much. Evicts when all hold too much:
    /// those that can be evicted at once before it returns, the others, itself included, in a
    /// later turn of their loops.
    void hold(BudgetHolder& holder, const Holding& holding);
    void release(BudgetHolder& holder) noexcept;
    /// Of one that holds what it held: so many bytes were moved by now.
    static void progress(BudgetHolder& holder, std::uint64_t moved) noexcept {
        holder.moved_.store(moved, std::memory_order_relaxed);
    }
    /// Evicts, when there is too much, for what is held by one that nobody can evict, since its
    /// request is being handled. It is on the stack of this loop.
    void make_room(asio::io_context& loop, const BudgetHolder* on_the_stack) {
        if (bytes() > limit_) static_cast<void>(fits(loop, on_the_stack, 0));
    }
    /// Whether so many bytes more fit; evicts for them.
    bool fits(asio::io_context& loop, const BudgetHolder* on_the_stack, std::size_t more);

    std::size_t limit() const noexcept { return limit_; }
    /// Of all, those included that nobody can evict.
    virtual std::size_t bytes() const noexcept = 0;

  protected:
    std::mutex& mutex() const noexcept { return mutex_; }
    /// It holds something from now on, unless it does already.
    void enlist(BudgetHolder& holder, Clock::time_point now);

  private:
    struct Candidate {
        std::uint64_t rate;  ///< bytes a second
        Clock::time_point began;
        std::size_t bytes;
        BudgetHolder* holder;
    };

    /// What the budget counts for this one besides what it holds itself; under the mutex.
    virtual std::size_t share_of(const BudgetHolder&) const { return 0; }
    /// It holds nothing any more; under the mutex.
    virtual void on_released(BudgetHolder&) noexcept {}

    void evict_for(std::size_t more, asio::io_context& loop, const BudgetHolder* on_the_stack);
    void condemn_for(std::size_t more);
    void find_candidates(Clock::time_point now);
    void evict_those_of(asio::io_context& loop) noexcept;
    void evict(BudgetHolder& holder) noexcept;
    void pardon(BudgetHolder& holder) noexcept;

    const std::size_t limit_;
    std::atomic<std::size_t> condemned_{0};  ///< bytes of those that are condemned

    mutable std::mutex mutex_;
    /// Guarded by mutex_. All have room for all holders, so that evicting takes no memory.
    std::vector<BudgetHolder*> holders_;
    std::vector<BudgetHolder*> condemned_holders_;
    std::vector<Candidate> candidates_;
};

}  // namespace signalbox::http
