// error: spawn takes a callable without parameters that returns a Task<>
#include "signalbox/async/spawn.hpp"

void start() {
    signalbox::async::spawn([] {});
}
