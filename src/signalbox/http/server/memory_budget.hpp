#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string_view>
#include <unordered_map>

#include "signalbox/http/eviction_budget.hpp"

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
class BufferHolder : public BudgetHolder {
  private:
    friend class MemoryBudget;

    const char* body_ = nullptr;  ///< guarded by the budget's mutex
};

/// The memory that clients make a server hold: requests that arrive, what they pipeline, answers
/// that they do not take, and what the kernel has of both. The holders are BufferHolders.
class MemoryBudget final : public EvictionBudget {
  public:
    MemoryBudget(std::size_t limit, std::size_t loops) : EvictionBudget(limit), loops_(loops) {}

    HeldBytes& of_loop(std::size_t number) noexcept { return loops_[number]; }

    struct Holding {
        std::size_t bytes;      ///< which are in its loop's HeldBytes as well
        std::string_view body;  ///< of its response, besides; it counts once, whoever else sends it
        std::uint64_t moved;    ///< bytes received and sent since it began to hold any
        Clock::time_point now;
    };
    /// See EvictionBudget.
    void hold(BufferHolder& holder, const Holding& holding);

    std::size_t bytes() const noexcept override;
    std::size_t requests() const noexcept { return sum(&HeldBytes::requests); }
    std::size_t responses() const noexcept { return sum(&HeldBytes::responses) + body_bytes_; }
    std::size_t requests_in_kernel() const noexcept { return sum(&HeldBytes::requests_in_kernel); }
    std::size_t responses_in_kernel() const noexcept {
        return sum(&HeldBytes::responses_in_kernel);
    }

  private:
    struct Body {
        std::size_t size = 0;
        std::size_t readers = 0;
    };

    std::size_t sum(Tally HeldBytes::*of) const noexcept;
    std::size_t share_of(const BudgetHolder& holder) const override;
    void on_released(BudgetHolder& holder) noexcept override;
    void share(BufferHolder& holder, std::string_view body);
    void unshare(BufferHolder& holder) noexcept;

    std::deque<HeldBytes> loops_;  ///< as many as there are loops, always
    std::atomic<std::size_t> body_bytes_{0};
    std::unordered_map<const char*, Body> bodies_;  ///< guarded by the mutex
};

}  // namespace signalbox::http
