#include "signalbox/http/server/active_request.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/co_spawn.hpp>

#include <exception>
#include <utility>

#include "signalbox/async/event_loop.hpp"
#include "signalbox/http/server/error_answer.hpp"
#include "signalbox/http/server/middleware_chain.hpp"
#include "signalbox/http/server/request_headers.hpp"
#include "signalbox/http/wire/head.hpp"
#include "signalbox/random.hpp"

namespace signalbox::http {

namespace error_types = context::error_types;

namespace {

constexpr auto never = context::RequestContext::Clock::time_point::max();
constexpr std::string_view unknown_method = "_OTHER";

/// Of a bounded set, whatever the client wrote.
std::string_view method_label(const Request& request) {
    return request.method_known ? to_string(request.method) : unknown_method;
}

/// Of an answer that was lost: who left by himself was told nothing, all others what had begun, or
/// would have been told this.
int status_of_lost(std::string_view because, int begun) {
    if (because == error_types::client_gone) return 499;
    if (begun != 0) return begun;
    return because == error_types::connection_failed ? 500 : 503;
}

}  // namespace

context::Reference<ActiveRequest> ActiveRequest::begin(RequestLoop& loop,
                                                       std::unique_ptr<Request> request,
                                                       std::string_view peer_address,
                                                       Clock::time_point started) {
    context::Reference<ActiveRequest> self(new ActiveRequest(loop, std::move(request)));
    self->started = started;
    self->wait_for(context::Waiting::handler, started);
    self->identify(peer_address);
    if (const Request* its = self->request_.get()) {
        self->size_ = its->memory_size() + its->body.capacity() - its->body.size();
    }
    self->in_flight_at_start = loop.server.requests_in_flight.fetch_add(1) + 1;
    return self;
}

void ActiveRequest::unreferenced() noexcept {
    delete this;
}

void ActiveRequest::identify(std::string_view peer_address) {
    trace = loop_.observer.trace(request_.get());
    std::optional<std::string_view> id;
    if (request_) {
        id = request_id_of(*request_);
        method = method_label(*request_);
        scheme = request_->scheme;
        path = request_->path;
        client_address = request_->client_address;
        if (request_->match.route != nullptr) route = request_->match.route->path;
    } else {
        method = unknown_method;
        scheme = "http";
        client_address = peer_address;
    }
    if (id) {
        request_id = *id;
    } else if (trace.started_here()) {
        request_id = trace.trace_id();
    } else {
        own_id_ = std::make_unique<std::array<char, 32>>();
        fill_with_random_hex(*own_id_);
        request_id = {own_id_->data(), own_id_->size()};
    }
}

std::string ActiveRequest::tracestate() const {
    std::string joined;
    if (!request_ || !trace || trace.started_here()) return joined;
    // Several are one list (W3C Trace Context, section 3.3.1).
    for (const Header& header : request_->headers) {
        if (!is_named(header, "tracestate") || header.value.empty()) continue;
        if (!joined.empty()) joined.push_back(',');
        joined.append(header.value);
    }
    return joined;
}

void ActiveRequest::run(Owner& owner) {
    owner_ = &owner;
    auto response = answer_at_once();
    if (!loop_.server.options.middleware.empty()) {
        const context::Reference<ActiveRequest> kept(this);  // its owner may let go of it at once
        spawn(pass_through_middleware(this, std::move(response)));
        // What is turned away has no time left that a middleware could take.
        if (loop_.phase == RequestLoop::Phase::turning_away) cancel(context::Cancelled::shutdown);
        return;
    }
    if (response) {
        owner.respond(*std::move(response));
        return;
    }
    spawn(handle(this));
}

void ActiveRequest::refuse(Owner& owner, Response answer) {
    owner_ = &owner;
    deadline = started + loop_.server.options.timeout_request;
    observe_start();
    spawn(pass_through_middleware(this, std::move(answer)));
}

void ActiveRequest::spawn(async::Task<> task) {
    running_ = true;
    try {
        // The completion keeps the cancellation signal, at which asio looks after the coroutine's
        // own code has ended.
        asio::co_spawn(async::Executor(loop_.loop.get_executor(), this), std::move(task),
                       asio::bind_cancellation_slot(
                           cancellation_.slot(),
                           [self = context::Reference(this)](const std::exception_ptr&) {}));
    } catch (...) {
        running_ = false;  // no memory for the coroutine
        throw;
    }
}

std::optional<Response> ActiveRequest::answer_at_once() {
    const ServerOptions& options = loop_.server.options;
    const Route* const its_route = request_->match.route;
    const std::chrono::nanoseconds longest =
        its_route != nullptr && its_route->timeout ? *its_route->timeout : options.timeout_request;
    const auto timeout = timeout_of(*request_, longest);
    deadline = started + (timeout ? *timeout : longest);
    clients_deadline_ = timeout && *timeout < longest;
    observe_start();
    if (loop_.phase == RequestLoop::Phase::turning_away) {
        shed = context::Shed::draining;
        error_type = error_types::shutdown;
        return service_unavailable();
    }
    if (in_flight_at_start > options.limit_concurrency &&
        (its_route == nullptr || its_route->sheddable)) {
        shed = context::Shed::concurrency;
        error_type = "concurrency_limit";
        return service_unavailable();
    }
    if (size_ > largest_unquestioned && !loop_.server.memory.fits(loop_.loop, nullptr, 0)) {
        shed = context::Shed::limit_buffered;
        error_type = limit_buffered;
        return service_unavailable();
    }
    if (its_route == nullptr) return answer_without_route(*request_);
    if (!timeout) return json({{"detail", std::string_view(timeout.reason())}}, 400);
    if (options.slow_request_log.count() > 0) slow_log_due_ = started + options.slow_request_log;
    return std::nullopt;
}

/// Runs the handler and answers with what it returns or throws. Sending is not awaited: after a
/// cancellation nothing can be.
async::Task<> ActiveRequest::handle(context::Reference<ActiveRequest> self) {
    const async::TaskScope task;
    std::exception_ptr error;
    try {
        self->answered(co_await self->request_->match.route->handler(*self->request_));
    } catch (...) {
        error = std::current_exception();
    }
    if (!error) co_return;
    try {
        self->answered(answer_to_error(error, *self, *self->request_));
    } catch (...) {
        self->failed();
    }
}

/// The same, with all middleware around the handler, or around the answer that needs none.
async::Task<> ActiveRequest::pass_through_middleware(context::Reference<ActiveRequest> self,
                                                     std::optional<Response> at_once) {
    const async::TaskScope task;
    MiddlewareChain chain(self->loop_.server.options.middleware, *self, *self->request_,
                          std::move(at_once));
    try {
        async::Task<Response> response = chain.run();
        self->answered(co_await std::move(response));
    } catch (...) {
        self->failed();
    }
}

void ActiveRequest::observe_start() {
    loop_.observer.started(*this);
    observed_ = true;
}

void ActiveRequest::answered(Response response) {
    running_ = false;
    try {
        if (owner_ != nullptr) {
            owner_->respond(std::move(response));
        } else {
            finish_lost(abandoned_because_, abandoned_with_);
        }
    } catch (...) {
        failed();
    }
}

/// What is being handled is the answer's own failure, as for want of memory.
void ActiveRequest::failed() noexcept {
    running_ = false;
    if (owner_ != nullptr) {
        owner_->on_failure(std::current_exception());
    } else {
        finish_lost(abandoned_because_, abandoned_with_);
    }
}

void ActiveRequest::cancel(context::Cancelled reason) {
    if (!running_ || cancelled != context::Cancelled::no) return;
    cancelled = reason;
    const context::Reference<ActiveRequest> kept(this);  // until asio has looked at the signal
    cancellation_.emit(asio::cancellation_type::terminal);
}

void ActiveRequest::abandon(std::string_view because, int told) {
    owner_ = nullptr;
    abandoned_because_ = because;
    abandoned_with_ = told;
    cancel(because == error_types::client_gone      ? context::Cancelled::client_gone
           : because == error_types::limit_buffered ? context::Cancelled::limit_buffered
           : because == error_types::shutdown       ? context::Cancelled::shutdown
                                                    : context::Cancelled::connection_failed);
}

void ActiveRequest::on_time(Clock::time_point now) {
    if (now >= slow_log_due_) {
        slow_log_due_ = never;
        loop_.observer.slow(*request_, *this);
    }
    if (now >= deadline) {
        cancel(clients_deadline_ ? context::Cancelled::client_deadline
                                 : context::Cancelled::deadline);
    }
}

context::RequestContext::Clock::time_point ActiveRequest::finish(
    int status, std::size_t body_size, std::string_view malformed_reason) noexcept {
    return end(status, body_size, malformed_reason, false);
}

context::RequestContext::Clock::time_point ActiveRequest::finish_lost(std::string_view because,
                                                                      int begun) noexcept {
    error_type = because;  // whatever its handler has come to since
    return end(status_of_lost(because, begun), 0, {}, true);
}

context::RequestContext::Clock::time_point ActiveRequest::end(int status, std::size_t body_size,
                                                              std::string_view malformed_reason,
                                                              bool lost) noexcept {
    owner_ = nullptr;
    const auto ended = Clock::now();
    if (observed_) {
        try {
            loop_.observer.finished({.request = request_.get(),
                                     .in_flight = *this,
                                     .malformed_reason = malformed_reason,
                                     .status = status,
                                     .body_size = body_size,
                                     .ended = ended});
        } catch (...) {
            loop_.observer.failed(std::current_exception());
        }
    }
    if (loop_.phase != RequestLoop::Phase::serving) count_for_drain(lost);
    loop_.server.requests_in_flight.fetch_sub(1);
    return ended;
}

void ActiveRequest::count_for_drain(bool lost) const {
    if (error_type == error_types::shutdown ||
        (lost && loop_.phase == RequestLoop::Phase::turning_away)) {
        ++loop_.server.cancelled_while_draining;
    } else if (!lost) {
        ++loop_.server.answered_while_draining;
    }
}

}  // namespace signalbox::http
