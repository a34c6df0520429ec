#include "signalbox/http/background_tasks.hpp"

#include <asio/this_coro.hpp>

#include <exception>

#include "signalbox/async/spawn.hpp"

namespace signalbox::http {

async::Task<> BackgroundTasks::run(std::shared_ptr<BackgroundTasks> tasks,
                                   std::shared_ptr<void> whole_time) {
    while (!tasks->empty()) {
        async::Task<> next = std::move(tasks->tasks_.front());
        tasks->tasks_.pop_front();
        std::exception_ptr thrown;
        try {
            co_await std::move(next);
        } catch (...) {
            thrown = std::current_exception();
        }
        const auto cancellation = co_await asio::this_coro::cancellation_state;
        const bool cancelled = cancellation.cancelled() != asio::cancellation_type::none;
        if (!cancelled && thrown && !tasks->empty())
            async::spawn([tasks, whole_time] { return run(tasks, whole_time); });
        if (thrown) std::rethrow_exception(thrown);
        if (cancelled) co_return;
    }
}

}  // namespace signalbox::http
