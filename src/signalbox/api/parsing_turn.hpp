#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>

#include "signalbox/async/task.hpp"

namespace signalbox::api::detail {

/// How much memory large bodies may take while they are read, of all loops together: parsed JSON is
/// many times its text, and in no budget. Who does not fit waits for those who came before, in
/// their order. One is let in at any rate, however large, when nobody else is.
///
/// Any thread.
class ParsingMemory {
  public:
    /// In bytes.
    explicit ParsingMemory(std::size_t limit) : limit_(limit) {}
    ParsingMemory(const ParsingMemory&) = delete;
    ParsingMemory& operator=(const ParsingMemory&) = delete;

    /// The process's: an eighth of the memory that it may have.
    static ParsingMemory& of_process();

  private:
    friend class ParsingTurn;
    struct Entry;

    bool fits(std::size_t bytes) const noexcept { return taken_ == 0 || taken_ + bytes <= limit_; }
    void let_in() noexcept;

    const std::size_t limit_;
    std::mutex mutex_;
    /// Guarded by mutex_.
    std::size_t taken_ = 0;
    std::deque<std::shared_ptr<Entry>> waiting_;
};

/// A part of that memory. It is to be given back before anything else is awaited, or those who wait
/// for it wait for that as well.
///
/// For its loop's thread. Lifetime: the coroutine that waits in begin() keeps it alive.
class ParsingTurn {
  public:
    explicit ParsingTurn(ParsingMemory& memory) noexcept : memory_(memory) {}
    ~ParsingTurn() { end(); }
    ParsingTurn(const ParsingTurn&) = delete;
    ParsingTurn& operator=(const ParsingTurn&) = delete;

    /// Resumes when there is room for so many bytes, at once if there is. Throws asio::system_error
    /// (operation_aborted) when the coroutine is cancelled, and has none then.
    async::Task<> begin(std::size_t bytes);
    /// Gives it back, or gives up waiting for it.
    void end() noexcept;
    bool begun() const noexcept { return entry_ != nullptr; }

  private:
    ParsingMemory& memory_;
    std::shared_ptr<ParsingMemory::Entry> entry_;
};

}  // namespace signalbox::api::detail
