// error: spawn takes a callable that returns a task, and keeps it
#include <string>

#include "signalbox/async/spawn.hpp"

using namespace signalbox;

void start(const std::string& text) {
    async::spawn([text]() -> async::Task<> { co_return; }());
}
