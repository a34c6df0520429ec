#pragma once

namespace signalbox::test {

/// Has one allocation fail, as if there were no memory for it, from its construction until it ends.
/// One at a time. Who links this has another operator new.
class FailingAllocation {
  public:
    enum class Of { this_thread, all_other_threads };

    /// The one that has so many others before it.
    FailingAllocation(long nth, Of of);
    ~FailingAllocation() { end(); }
    FailingAllocation(const FailingAllocation&) = delete;
    FailingAllocation& operator=(const FailingAllocation&) = delete;

    bool has_failed() const noexcept;
    /// Ends it. Returns whether the allocation has come, and failed.
    bool end() noexcept;

    /// As long as this lives, allocations do not count.
    class Pause {
      public:
        Pause(const Pause&) = delete;
        Pause& operator=(const Pause&) = delete;
        ~Pause();

      private:
        friend class FailingAllocation;
        Pause();
    };
    [[nodiscard]] Pause pause() { return {}; }
};

}  // namespace signalbox::test
