#include "signalbox/async/memory_reserve.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <new>
#include <thread>

#include "allocation/failing_allocations.hpp"

namespace signalbox::async {
namespace {

using test::FailingAllocation;

/// Whether an allocation succeeds that the allocator has no memory for.
bool succeeds() {
    FailingAllocation failing(0, FailingAllocation::Of::this_thread);
    try {
        // No expression with `new`, which the compiler may leave out.
        ::operator delete(::operator new(100));
        return true;
    } catch (const std::bad_alloc&) {
        return false;
    }
}

TEST(MemoryReserve, is_for_what_must_not_fail_only) {
    const MemoryReserve reserve;
    const std::size_t all = reserve.left();
    EXPECT_FALSE(succeeds());
    {
        const MemoryReserve::Use use;
        EXPECT_TRUE(succeeds());
        const MemoryReserve::Use nested;
        EXPECT_TRUE(succeeds());
    }
    EXPECT_FALSE(succeeds());
    EXPECT_EQ(reserve.left(), all - 2);
}

TEST(MemoryReserve, comes_to_an_end_and_is_refilled) {
    const MemoryReserve reserve;
    const std::size_t all = reserve.left();
    ASSERT_GT(all, 0U);
    const MemoryReserve::Use use;
    for (std::size_t i = 0; i < all; ++i)
        EXPECT_TRUE(succeeds());
    EXPECT_FALSE(succeeds());
    MemoryReserve::refill_of_thread();
    EXPECT_EQ(reserve.left(), all);
    EXPECT_TRUE(succeeds());
}

TEST(MemoryReserve, is_its_threads) {
    const MemoryReserve reserve;
    const MemoryReserve::Use use;
    bool succeeded = true;
    std::thread([&] {
        const MemoryReserve::Use without;
        MemoryReserve::refill_of_thread();
        succeeded = succeeds();
    }).join();
    EXPECT_FALSE(succeeded);
}

}  // namespace
}  // namespace signalbox::async
