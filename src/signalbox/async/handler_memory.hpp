#pragma once

#include <cstddef>
#include <new>
#include <system_error>
#include <utility>

namespace signalbox::async {

/// Room for one asynchronous operation at a time, which is begun again and again and must not fail
/// for want of memory. More than one at a time, or a larger one, is allocated as usual.
///
/// It is a reference to that room, which lives as long as one of these or an operation in it. For
/// one thread: the references are counted without atomics.
class HandlerMemory {
  public:
    HandlerMemory() : room_(new Room) {}
    HandlerMemory(const HandlerMemory& other) noexcept : room_(other.room_) { ++room_->references; }
    HandlerMemory& operator=(HandlerMemory other) noexcept {
        std::swap(room_, other.room_);
        return *this;
    }
    ~HandlerMemory();  // not inline: g++ 12 takes the last reference for one of several

    void* allocate(std::size_t size) const {
        if (size > sizeof room_->bytes || room_->taken) return ::operator new(size);
        room_->taken = true;
        return room_->bytes;
    }
    void deallocate(void* memory) const noexcept {
        if (memory == room_->bytes) {
            room_->taken = false;
        } else {
            ::operator delete(memory);
        }
    }

    friend bool operator==(const HandlerMemory& one, const HandlerMemory& other) noexcept = default;

  private:
    struct Room {
        alignas(std::max_align_t) std::byte bytes[256];
        std::size_t references = 1;
        bool taken = false;
    };
    Room* room_;
};

/// As asio asks for it (associated_allocator).
template <class T>
class HandlerAllocator {
  public:
    using value_type = T;

    explicit HandlerAllocator(const HandlerMemory& memory) noexcept : memory_(memory) {}
    template <class Other>
    HandlerAllocator(const HandlerAllocator<Other>& other) noexcept  // NOLINT: allocators convert
        : memory_(other.memory_) {}

    T* allocate(std::size_t count) const {
        return static_cast<T*>(memory_.allocate(count * sizeof(T)));
    }
    void deallocate(T* memory, std::size_t) const noexcept { memory_.deallocate(memory); }

    template <class Other>
    friend bool operator==(const HandlerAllocator& one,
                           const HandlerAllocator<Other>& other) noexcept {
        return one.memory_ == other.memory_;
    }

  private:
    template <class Other>
    friend class HandlerAllocator;

    HandlerMemory memory_;
};

template <class Handler>
class HandlerWithMemory {
  public:
    using allocator_type = HandlerAllocator<std::byte>;

    HandlerWithMemory(const HandlerMemory& memory, Handler handler)
        : memory_(memory), handler_(std::move(handler)) {}

    allocator_type get_allocator() const noexcept { return allocator_type(memory_); }
    void operator()(const std::error_code& error = {}) { handler_(error); }

  private:
    HandlerMemory memory_;
    Handler handler_;
};

/// A handler of a wait, `void(std::error_code)`, or of a post, whose operation is made in `memory`.
template <class Handler>
HandlerWithMemory<Handler> with_memory(const HandlerMemory& memory, Handler handler) {
    return {memory, std::move(handler)};
}

}  // namespace signalbox::async
