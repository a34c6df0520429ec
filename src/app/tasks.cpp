#include "app/tasks.hpp"

#include "signalbox/async/all.hpp"
#include "signalbox/async/sleep.hpp"

namespace signalbox::app {

using namespace std::chrono_literals;
using async::all;
using async::sleep_for;

async::Task<http::Response> slow_task() {
    co_await sleep_for(5s);
    co_return http::json({{"message", "Task complete!"}});
}

async::Task<http::Response> fast_task() {
    co_return http::json({{"message", "This was quick!"}});
}

// [snippet: multiple-tasks]
async::Task<http::Response> multiple_tasks() {
    co_await all(sleep_for(3s), sleep_for(2s), sleep_for(1s));
    co_return http::json({{"message", "All tasks complete!"}});
}
// [/snippet]

}  // namespace signalbox::app
