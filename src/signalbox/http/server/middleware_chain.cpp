#include "signalbox/http/server/middleware_chain.hpp"

#include <asio/this_coro.hpp>

#include <exception>
#include <stdexcept>
#include <utility>

#include "signalbox/http/server/error_answer.hpp"

namespace signalbox::http {

async::Task<Response> MiddlewareChain::run() {
    Response response = co_await pass(0, request_);
    // It says why there was an error, and there is none any more.
    const bool cancelled = context_.cancelled != context::Cancelled::no;
    if (response.status < 400 && !cancelled) context_.error_type = {};
    co_return response;
}

// NOLINTNEXTLINE(performance-unnecessary-value-param): the coroutine keeps it
async::Task<Response> MiddlewareChain::answer_instead(std::exception_ptr thrown) {
    at_once_ = answer_to_error(thrown, context_, request_);
    answered_ = false;
    return run();
}

async::Task<Response> MiddlewareChain::pass(std::size_t index, Request& request) {
    std::exception_ptr thrown;
    try {
        if (index == middleware_.size()) {
            async::Task<Response> answered = answer(request);
            Response response = co_await std::move(answered);
            co_await asio::this_coro::throw_if_cancelled(true);  // see below
            co_return response;
        }
        const Next next = [this, index](Request& its) { return pass(index + 1, its); };
        async::Task<Response> its_response = middleware_[index](request, next);
        co_return co_await std::move(its_response);
    } catch (...) {
        thrown = std::current_exception();
    }
    // A handler may have asked to go on after a cancellation, to clean up.
    co_await asio::this_coro::throw_if_cancelled(true);
    co_return answer_to_error(thrown, context_, request_);
}

async::Task<Response> MiddlewareChain::answer(Request& request) {
    if (std::exchange(answered_, true)) {
        throw std::logic_error("a middleware has called next() twice");
    }
    if (&request != &request_) {
        throw std::logic_error("a middleware has called next() with another request");
    }
    if (at_once_) co_return *std::move(at_once_);
    async::Task<Response> handled = request_.match.route->handler(request_);
    co_return co_await std::move(handled);
}

}  // namespace signalbox::http
