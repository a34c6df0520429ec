#include "signalbox/async/run.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/post.hpp>

#include <exception>
#include <future>
#include <memory>
#include <utility>

#include "signalbox/async/counted.hpp"

namespace signalbox::async {

void run(EventLoop& loop, Task<> task, const std::stop_token& stop) {
    // The completion keeps the signal, which a stop may still be about to emit.
    const auto cancellation = std::make_shared<asio::cancellation_signal>();
    std::promise<void> ended;
    auto future = ended.get_future();
    asio::co_spawn(
        Executor(loop.executor(), nullptr), counted(std::move(task)),
        asio::bind_cancellation_slot(cancellation->slot(),
                                     [cancellation, &ended](const std::exception_ptr& error) {
                                         error ? ended.set_exception(error) : ended.set_value();
                                     }));
    const std::stop_callback cancel(stop, [&loop, cancellation] {
        asio::post(loop.executor(),
                   [cancellation] { cancellation->emit(asio::cancellation_type::terminal); });
    });
    future.get();
}

}  // namespace signalbox::async
