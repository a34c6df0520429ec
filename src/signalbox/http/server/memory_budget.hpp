#pragma once

#include <asio/io_context.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace signalbox::http {

/// A number that one thread changes and others read.
class Tally {
  public:
    /// By its own thread.
    void add(std::size_t change) noexcept {  // modulo 2^64, so that it may be less than nothing
        value_.store(value_.load(std::memory_order_relaxed) + change, std::memory_order_relaxed);
    }
    std::size_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::size_t> value_{0};
};

/// What the connections of one loop hold, in bytes. Changed on that loop's thread.
struct alignas(64) HeldBytes {
    Tally requests{};             ///< that arrive, wait or are handled
    Tally responses{};            ///< of responses that clients do not take, their heads
    Tally requests_in_kernel{};   ///< received, while their connections are not read
    Tally responses_in_kernel{};  ///< sent, and not taken by their clients

    std::size_t sum() const noexcept {
        return requests.value() + responses.value() + requests_in_kernel.value() +
               responses_in_kernel.value();
    }
};

/// A connection that could give memory back by ending.
class BufferHolder {
  public:
    virtual ~BufferHolder() = default;
    virtual asio::io_context& loop() noexcept = 0;
    /// Whether evict_for_memory() may be called while another connection of its loop is on the
    /// stack.
    virtual bool evictable_at_once() const noexcept = 0;
    /// Its client has to go, and is told so where that is possible. On its loop.
    virtual void evict_for_memory() noexcept = 0;

  private:
    friend class MemoryBudget;

    bool listed_ = false;  ///< its loop's
    /// Written by its loop, read by whoever looks for one to evict.
    std::atomic<std::size_t> held_{0};
    std::atomic<std::uint64_t> moved_{0};
    /// Guarded by the budget's mutex.
    std::chrono::steady_clock::time_point began_{};
    std::size_t place_ = 0;
    std::size_t condemned_ = 0;  ///< what it held then
    const char* body_ = nullptr;
};

/// The memory that clients make a server hold, of all loops together: requests that arrive, what
/// they pipeline, answers that they do not take, and what the kernel has of both. Past the limit
/// those go who hold at least a quarter of the average and move the fewest bytes in a second,
/// counted since they began to hold anything, on whichever loop they are: neither a byte now and
/// then nor a burst at the beginning helps who then waits, and a large upload that comes quickly
/// stays.
///
/// Any thread, but `hold` and `release` on the holder's loop.
class MemoryBudget {
  public:
    using Clock = std::chrono::steady_clock;

    MemoryBudget(std::size_t limit, std::size_t loops) : limit_(limit), loops_(loops) {}

    HeldBytes& of_loop(std::size_t number) noexcept { return loops_[number]; }

    struct Holding {
        std::size_t bytes;      ///< which are in its loop's HeldBytes as well
        std::string_view body;  ///< of its response, besides; it counts once, whoever else sends it
        std::uint64_t moved;    ///< bytes received and sent since it began to hold any
        Clock::time_point now;
    };
    /// From now on, and until `release`, this one holds so much. Evicts when all hold too much:
    /// those that can be evicted at once before it returns, the others, itself included, in a
    /// later turn of their loops.
    void hold(BufferHolder& holder, const Holding& holding);
    void release(BufferHolder& holder) noexcept;
    /// Of one that holds what it held: so many bytes were moved by now.
    static void progress(BufferHolder& holder, std::uint64_t moved) noexcept {
        holder.moved_.store(moved, std::memory_order_relaxed);
    }
    /// Evicts, when there is too much, for what is held by one that nobody can evict, since its
    /// request is being handled. It is on the stack of this loop.
    void make_room(asio::io_context& loop, const BufferHolder* on_the_stack) {
        if (bytes() > limit_) static_cast<void>(fits(loop, on_the_stack, 0));
    }
    /// Whether so many bytes more fit; evicts for them.
    bool fits(asio::io_context& loop, const BufferHolder* on_the_stack, std::size_t more);

    std::size_t limit() const noexcept { return limit_; }
    std::size_t bytes() const noexcept;
    std::size_t requests() const noexcept { return sum(&HeldBytes::requests); }
    std::size_t responses() const noexcept { return sum(&HeldBytes::responses) + body_bytes_; }
    std::size_t requests_in_kernel() const noexcept { return sum(&HeldBytes::requests_in_kernel); }
    std::size_t responses_in_kernel() const noexcept {
        return sum(&HeldBytes::responses_in_kernel);
    }

  private:
    struct Candidate {
        std::uint64_t rate;  ///< bytes a second
        Clock::time_point began;
        std::size_t bytes;
        BufferHolder* holder;
    };
    struct Body {
        std::size_t size = 0;
        std::size_t readers = 0;
    };

    std::size_t sum(Tally HeldBytes::*of) const noexcept;
    void evict_for(std::size_t more, asio::io_context& loop, const BufferHolder* on_the_stack);
    void condemn_for(std::size_t more);
    void share(BufferHolder& holder, std::string_view body);
    void unshare(BufferHolder& holder) noexcept;
    void find_candidates(Clock::time_point now);
    void evict_those_of(asio::io_context& loop) noexcept;
    void evict(BufferHolder& holder) noexcept;
    void pardon(BufferHolder& holder) noexcept;

    const std::size_t limit_;
    std::deque<HeldBytes> loops_;            ///< as many as there are loops, always
    std::atomic<std::size_t> condemned_{0};  ///< bytes of those that are condemned
    std::atomic<std::size_t> body_bytes_{0};

    mutable std::mutex mutex_;
    /// Guarded by mutex_. All have room for all holders, so that evicting takes no memory.
    std::vector<BufferHolder*> holders_;
    std::vector<BufferHolder*> condemned_holders_;
    std::vector<Candidate> candidates_;
    std::unordered_map<const char*, Body> bodies_;
};

}  // namespace signalbox::http
