#pragma once

#include <optional>
#include <utility>

#include "signalbox/async/task.hpp"

namespace signalbox::test {

/// Runs a coroutine to its end on an event loop of its own, and waits for it: `asyncio.run` for
/// tests. Rethrows what it throws. What it has spawned and left behind ends with the loop. Not on
/// an event loop's thread.
void run(async::Task<> task);

/// The same of one that returns something: `EXPECT_EQ(run(add(1, 2)), 3)`.
template <class T>
T run(async::Task<T> task) {
    std::optional<T> value;
    run([](async::Task<T> inner, std::optional<T>& place) -> async::Task<> {
        place.emplace(co_await std::move(inner));
    }(std::move(task), value));
    return std::move(*value);
}

}  // namespace signalbox::test
