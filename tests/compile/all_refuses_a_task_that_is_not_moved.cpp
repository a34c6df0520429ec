// error: a task runs once: move it
#include <utility>

#include "signalbox/async/all.hpp"

using namespace signalbox;

async::Task<> twice(async::Task<> task) {
    co_await async::all(task, std::move(task));
}
