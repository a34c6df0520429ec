#include "signalbox/testing/run.hpp"

#include "signalbox/async/run.hpp"

namespace signalbox::test {

void run(async::Task<> task) {
    async::EventLoop loop("test");
    async::run(loop, std::move(task));
}

}  // namespace signalbox::test
