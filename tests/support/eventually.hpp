#pragma once

#include <chrono>
#include <thread>

namespace signalbox::test {

/// Waits until the condition holds, for things that give no event to wait for (a process's threads,
/// PostgreSQL's list of sessions). False when it does not within a timeout that no healthy run
/// comes near.
template <class Condition>
bool eventually(Condition condition,
                std::chrono::steady_clock::duration timeout = std::chrono::seconds(20)) {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
}

}  // namespace signalbox::test
