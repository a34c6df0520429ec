#include "signalbox/client/detail/suspended_call.hpp"

#include <asio/error.hpp>
#include <asio/post.hpp>
#include <asio/system_error.hpp>

#include "signalbox/async/turn.hpp"

namespace signalbox::client {

SuspendedCall::SuspendedCall(const async::Executor& executor)
    : loop_(asio::query(executor, asio::execution::context)), request_(executor.request()) {}

void SuspendedCall::complete(const std::exception_ptr& error) {
    if (std::exchange(completed_, true)) return;
    const async::Turn turn(request_);
    resume(error);
}

void SuspendedCall::complete_later(const std::exception_ptr& error) {
    if (std::exchange(completed_, true)) return;
    asio::post(loop_, [self = shared_from_this(), error] {
        const async::Turn turn(self->request_);
        self->resume(error);
    });
}

std::exception_ptr cancelled() {
    return std::make_exception_ptr(asio::system_error(asio::error::operation_aborted));
}

}  // namespace signalbox::client
