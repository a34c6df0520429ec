#pragma once

#include <asio/execution.hpp>
#include <asio/execution_context.hpp>
#include <asio/io_context.hpp>
#include <asio/prefer.hpp>
#include <asio/query.hpp>
#include <asio/require.hpp>
#include <asio/version.hpp>

#include <type_traits>
#include <utility>

#include "signalbox/async/turn.hpp"

namespace signalbox::async {

/// An io_context's executor that also knows which request its coroutines work for.
///
/// It is how `sleep_for` or a database read can tell that "this request waits for a timer", while
/// the handler that awaits them does not mention it, and how a loop knows whose code blocked it.
/// Everything spawned from a coroutine on this executor inherits the request.
///
/// `in_background()`: of a task that spawn() started for the request, which neither ends with its
/// answer nor has its deadline.
///
/// `request()` may be null (work of no request). The executor keeps it alive, so that a coroutine
/// may go on when its request has been answered. For the loop's thread, as the request is.
///
/// The forwarding of query, require and prefer is what asio asks of an executor adapter (compare
/// `asio::strand`): an adapted property yields the same adapter around another inner executor.
template <class Inner>
class BasicExecutor {
  public:
    using Request = context::Reference<context::RequestContext>;

    BasicExecutor(Inner inner, Request request, bool in_background = false) noexcept
        : inner_(std::move(inner)), request_(std::move(request)), in_background_(in_background) {}

    context::RequestContext* request() const noexcept { return request_.get(); }
    bool in_background() const noexcept { return in_background_; }

    template <class Property>
    requires(asio::can_query<const Inner&, Property>::value) auto query(const Property& property)
        const noexcept(asio::is_nothrow_query<const Inner&, Property>::value) {
        return asio::query(inner_, property);
    }

    asio::io_context& query(asio::execution::context_t property) const noexcept {
        return asio::query(inner_, property);
    }

    template <class Property>
    requires(asio::can_require<const Inner&, Property>::value) auto require(
        const Property& property) const
        noexcept(asio::is_nothrow_require<const Inner&, Property>::value) {
        return adapt(asio::require(inner_, property));
    }

    template <class Property>
    requires(asio::can_prefer<const Inner&, Property>::value) auto prefer(const Property& property)
        const noexcept(asio::is_nothrow_prefer<const Inner&, Property>::value) {
        return adapt(asio::prefer(inner_, property));
    }

    template <class Function>
    void execute(Function&& function) const {
        auto in_turn = [request = request_, function = std::decay_t<Function>(
                                                std::forward<Function>(function))]() mutable {
            const Turn turn(std::move(request));
            function();
        };
#if ASIO_VERSION < 103000  // 1.22 keeps the member private behind the customisation point
        asio::execution::execute(inner_, std::move(in_turn));
#else
        inner_.execute(std::move(in_turn));
#endif
    }

    friend bool operator==(const BasicExecutor& a, const BasicExecutor& b) noexcept {
        return a.inner_ == b.inner_ && a.request_ == b.request_;
    }
    friend bool operator!=(const BasicExecutor& a, const BasicExecutor& b) noexcept {
        return !(a == b);
    }

  private:
    template <class Other>
    BasicExecutor<Other> adapt(Other other) const noexcept {
        return BasicExecutor<Other>(std::move(other), request_, in_background_);
    }

    Inner inner_;
    Request request_;
    bool in_background_;
};

using Executor = BasicExecutor<asio::io_context::executor_type>;

}  // namespace signalbox::async
