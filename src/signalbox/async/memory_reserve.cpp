#include "signalbox/async/memory_reserve.hpp"

#include <cstdlib>
#include <new>

namespace signalbox::async {

namespace {

/// So large that the allocator can make smaller ones of it, and that a queue of timers fits that
/// has to grow.
constexpr std::size_t piece_size = 16 * 1024;

thread_local MemoryReserve* reserve_of_thread = nullptr;
thread_local int uses = 0;
std::new_handler handler_before = nullptr;

}  // namespace

MemoryReserve::MemoryReserve() {
    static const bool installed = [] {
        handler_before = std::set_new_handler(on_no_memory);
        return true;
    }();
    static_cast<void>(installed);
    reserve_of_thread = this;
    refill();
}

MemoryReserve::~MemoryReserve() {
    reserve_of_thread = nullptr;
    while (give()) {
    }
}

void MemoryReserve::refill_of_thread() noexcept {
    if (reserve_of_thread != nullptr) reserve_of_thread->refill();
}

void MemoryReserve::refill() noexcept {
    while (left_ < pieces_.size()) {
        void* const piece = std::malloc(piece_size);
        if (piece == nullptr) return;
        pieces_[left_++] = piece;
    }
}

bool MemoryReserve::give() noexcept {
    if (left_ == 0) return false;
    std::free(pieces_[--left_]);
    return true;
}

void MemoryReserve::on_no_memory() {
    if (uses > 0 && reserve_of_thread != nullptr && reserve_of_thread->give()) return;
    if (handler_before == nullptr) throw std::bad_alloc();
    handler_before();
}

MemoryReserve::Use::Use() noexcept {
    ++uses;
}

MemoryReserve::Use::~Use() {
    --uses;
}

}  // namespace signalbox::async
