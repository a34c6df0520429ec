#pragma once

#include <array>
#include <cstddef>

namespace signalbox::async {

/// A thread's memory for what must not fail: asio begins what a coroutine awaits within a function
/// that must not throw, so an allocation that fails there would end the process. When there is no
/// memory, a piece of the reserve is given back to the allocator, which then has some.
///
/// Everything else gets std::bad_alloc as ever, or what the process's own std::new_handler does.
///
/// For its thread; one for each at most.
class MemoryReserve {
  public:
    MemoryReserve();
    ~MemoryReserve();
    MemoryReserve(const MemoryReserve&) = delete;
    MemoryReserve& operator=(const MemoryReserve&) = delete;

    /// The calling thread's takes back what it has given, if there is memory by now. To be called
    /// now and then.
    static void refill_of_thread() noexcept;
    /// How many pieces it has to give.
    std::size_t left() const noexcept { return left_; }

    /// As long as one lives, allocations of its thread may have what is in the reserve.
    class Use {
      public:
        Use() noexcept;
        ~Use();
        Use(const Use&) = delete;
        Use& operator=(const Use&) = delete;
    };

  private:
    static void on_no_memory();
    void refill() noexcept;
    bool give() noexcept;

    std::array<void*, 16> pieces_{};
    std::size_t left_ = 0;
};

}  // namespace signalbox::async
