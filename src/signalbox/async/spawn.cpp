#include "signalbox/async/spawn.hpp"

#include <stdexcept>
#include <utility>

#include "signalbox/async/event_loop.hpp"
#include "signalbox/async/turn.hpp"

namespace signalbox::async::detail {

void spawn(Task<> task) {
    spawn_for(Turn::request_of_current(), std::move(task));
}

void spawn_for(context::Reference<context::RequestContext> request, Task<> task) {
    EventLoop* const loop = EventLoop::current();
    if (loop == nullptr) throw std::logic_error("spawn: this thread is not an event loop's");
    loop->spawned().start(Executor(loop->executor(), std::move(request), true), std::move(task));
}

}  // namespace signalbox::async::detail
