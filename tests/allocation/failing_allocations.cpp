#include "allocation/failing_allocations.hpp"

#include <pthread.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace signalbox::test {

namespace {

enum class Whose { nobodys, one_threads, all_but_one_threads };

std::atomic<Whose> whose{Whose::nobodys};
std::atomic<pthread_t> thread{};
std::atomic<long> succeed_before{0};  ///< so many allocations
std::atomic<bool> failed{false};
std::atomic<Whose> paused{Whose::nobodys};  ///< `whose`, before that

bool fails_now() noexcept {
    const Whose counted = whose.load();
    if (counted == Whose::nobodys) return false;
    const bool is_that_thread = ::pthread_equal(thread.load(), ::pthread_self()) != 0;
    if (is_that_thread != (counted == Whose::one_threads)) return false;
    if (succeed_before.fetch_sub(1) != 0) return false;
    failed = true;
    return true;
}

/// As the standard has it for operator new: the handler makes room, or throws.
void ask_for_room() {
    const std::new_handler handler = std::get_new_handler();
    if (handler == nullptr) throw std::bad_alloc();
    handler();
}

void* allocate(std::size_t size, std::size_t alignment) {
    if (fails_now()) ask_for_room();
    return alignment <= alignof(std::max_align_t)
               ? std::malloc(size == 0 ? 1 : size)
               : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

void* allocate_or_throw(std::size_t size, std::size_t alignment) {
    void* const memory = allocate(size, alignment);
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}

}  // namespace

FailingAllocation::FailingAllocation(long nth, Of of) {
    succeed_before = nth;
    failed = false;
    thread = ::pthread_self();
    whose = of == Of::this_thread ? Whose::one_threads : Whose::all_but_one_threads;
}

bool FailingAllocation::has_failed() const noexcept {
    return failed;
}

bool FailingAllocation::end() noexcept {
    whose = Whose::nobodys;
    return failed;
}

FailingAllocation::Pause::Pause() {
    paused = whose.exchange(Whose::nobodys);
}

FailingAllocation::Pause::~Pause() {
    whose = paused.load();
}

}  // namespace signalbox::test

void* operator new(std::size_t size) {
    return signalbox::test::allocate_or_throw(size, 1);
}
void* operator new[](std::size_t size) {
    return signalbox::test::allocate_or_throw(size, 1);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
    return signalbox::test::allocate_or_throw(size, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    try {
        return signalbox::test::allocate(size, 1);
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete[](void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
    std::free(memory);
}
