#pragma once

#include <utility>

#include "signalbox/async/event_loop.hpp"
#include "signalbox/async/task.hpp"

namespace signalbox::async {

/// Counts as a task of its loop while it runs.
inline Task<> counted(Task<> task) {
    const TaskScope counted_task;
    co_await std::move(task);
}

}  // namespace signalbox::async
