// error: is what can be run
#include "signalbox/async/all.hpp"

using namespace signalbox;

async::Task<> wrong() {
    co_await async::all([] { return 1; });
}
