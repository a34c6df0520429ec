#include "signalbox/http/server/active_request.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/co_spawn.hpp>

#include <algorithm>
#include <atomic>
#include <exception>
#include <utility>

#include "signalbox/async/deadline_timer.hpp"
#include "signalbox/async/event_loop.hpp"
#include "signalbox/async/spawn.hpp"
#include "signalbox/fast/random.hpp"
#include "signalbox/http/background_tasks.hpp"
#include "signalbox/http/server/error_answer.hpp"
#include "signalbox/http/server/middleware_chain.hpp"
#include "signalbox/http/server/request_headers.hpp"
#include "signalbox/http/server/response_sink.hpp"
#include "signalbox/http/wire/head.hpp"

namespace signalbox::http {

namespace error_types = context::error_types;

namespace {

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
    if (counts_itself_) loop_.held.requests.add(0 - size_);
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
        spawn(handle(this, through_middleware(std::move(response))));
        // What is turned away has no time left that a middleware could take.
        if (loop_.phase == RequestLoop::Phase::turning_away) cancel(context::Cancelled::shutdown);
        return;
    }
    if (response) {
        owner.respond(*std::move(response));
        return;
    }
    spawn(handle(this, nullptr));
}

void ActiveRequest::refuse(Owner& owner, Response answer) {
    owner_ = &owner;
    deadline = started + loop_.server.options.timeout_request;
    observe_start();
    spawn(handle(this, through_middleware(std::move(answer))));
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

/// Where there are as many requests as connections, a new connection takes the place of an old one,
/// and its request that of a request which may take a while to end: the newcomer is not turned away
/// for that. There can be as many of those as of the others.
bool ActiveRequest::is_one_too_many() const noexcept {
    const std::size_t limit = loop_.server.options.limit_concurrency;
    return in_flight_at_start - limit > std::min(loop_.server.requests_of_evicted.load(), limit);
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
    if (in_flight_at_start > options.limit_concurrency && is_one_too_many() &&
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
    if (its_route->has_background_tasks && !take_background_place()) {
        shed = context::Shed::background_tasks;
        error_type = "background_tasks_limit";
        return service_unavailable();
    }
    if (!timeout) return json({{"detail", std::string_view(timeout.reason())}}, 400);
    if (options.slow_request_log.count() > 0) slow_log_due_ = started + options.slow_request_log;
    return std::nullopt;
}

/// All middleware around the handler, or around the answer that needs none.
std::unique_ptr<MiddlewareChain> ActiveRequest::through_middleware(
    std::optional<Response> at_once) {
    return std::make_unique<MiddlewareChain>(loop_.server.options.middleware, *this, *request_,
                                             std::move(at_once));
}

/// Runs the handler and answers with what it returns or throws. Sending a response that is whole is
/// not awaited: after a cancellation nothing can be.
async::Task<> ActiveRequest::handle(context::Reference<ActiveRequest> self,
                                    std::unique_ptr<MiddlewareChain> middleware) {
    const async::TaskScope task;
    std::exception_ptr error;
    bool asked_again = false;
    do {
        try {
            async::Task<Response> responding =
                error        ? middleware->answer_instead(std::exchange(error, nullptr))
                : middleware ? middleware->run()
                             : self->request_->match.route->handler(*self->request_);
            Response response = co_await std::move(responding);
            if (!self->is_streamed(response)) {
                self->answered(std::move(response));
            } else {
                async::Task<> streaming = stream(*self, std::move(response));
                co_await std::move(streaming);
            }
            co_return;
        } catch (...) {
            error = std::current_exception();
        }
        // The answer to what was thrown goes through the middleware as well, once.
    } while (middleware && !std::exchange(asked_again, true) && !self->streaming() &&
             self->cancelled == context::Cancelled::no);
    if (!self->streaming()) {
        std::optional<Response> response = self->answer_to(error);
        error = nullptr;
        if (!response) co_return;
        try {
            async::Task<> streaming = stream(*self, std::move(*response));
            co_await std::move(streaming);
        } catch (...) {
            error = std::current_exception();
        }
        if (!error) co_return;
    }
    if (self->streaming()) {
        self->break_off(error);
    } else {
        self->answered(http::error(500));  // the answer to an error has failed, too
    }
}

/// Answers what a handler has thrown, or a stream that had not begun. The answer is returned where
/// it is a stream itself.
std::optional<Response> ActiveRequest::answer_to(const std::exception_ptr& error) noexcept {
    try {
        Response response = answer_to_error(error, *this, *request_);
        if (is_streamed(response)) return response;
        answered(std::move(response));
    } catch (...) {
        failed();
    }
    return std::nullopt;
}

bool ActiveRequest::is_streamed(const Response& response) const {
    return response.stream && owner_ != nullptr && request_->method_name != "HEAD" &&
           may_have_body(response.status);
}

/// Throws what the stream does, and when it was cancelled, whatever the stream has made of that.
async::Task<> ActiveRequest::stream(ActiveRequest& self, Response response) {
    const async::Executor executor = co_await asio::this_coro::executor;
    self.background_ = std::move(response.background);
    ResponseSink sink(self, response, executor);
    async::Task<> body = (*response.stream)(sink);
    co_await std::move(body);
    co_await sink.flush();
    self.running_ = false;
    self.owner_->end_stream(response);
}

void ActiveRequest::stream_begins() {
    first_byte_ = Clock::now();
    slow_log_due_ = async::never;
    lift_deadline();
    ++loop_.server.open_streams;
}

void ActiveRequest::piece_sent() noexcept {
    if (sink_ != nullptr) sink_->piece_sent();
}

void ActiveRequest::tell_ending() {
    if (sink_ != nullptr) sink_->end();
}

void ActiveRequest::send_piece(const Response& response, Body piece) {
    owner_->send_piece(response, std::move(piece));
}

void ActiveRequest::hold(std::size_t bytes) {
    size_ += bytes;
    if (counts_itself_) {
        loop_.held.requests.add(bytes);
    } else if (may_write()) {
        owner_->on_held(bytes);
    } else if (owner_ == nullptr) {
        count_itself();
    }
}

void ActiveRequest::hold_for_stream(std::size_t bytes) {
    held_by_stream_ += bytes;
    if (may_write()) owner_->on_held(bytes);
}

void ActiveRequest::count_streamed(std::size_t size) noexcept {
    streamed_ += size;
    loop_.server.streamed_bytes.fetch_add(size, std::memory_order_relaxed);
}

/// A stream that has begun does not come to its end.
void ActiveRequest::break_off(const std::exception_ptr& error) noexcept {
    running_ = false;
    if (owner_ == nullptr) {
        if (finished_) return;  // the error came behind its last byte
        finish_lost(abandoned_because_, abandoned_with_);
        return;
    }
    switch (cancelled) {
        case context::Cancelled::no:
            background_.reset();  // as those of a handler that throws
            if (error_type.empty()) error_type = error_type_of_cut_stream(error);
            try {
                set_error_cause(cause_of(error));
            } catch (const std::bad_alloc&) {  // then without it
            }
            break;
        case context::Cancelled::shutdown:
            error_type = error_types::shutdown;
            break;
        case context::Cancelled::limit_buffered:
            error_type = error_types::limit_buffered;
            break;
        case context::Cancelled::client_gone:
            error_type = error_types::client_gone;
            break;
        case context::Cancelled::deadline:
        case context::Cancelled::client_deadline:
        case context::Cancelled::connection_failed:
            error_type = error_types::connection_failed;
            break;
    }
    owner_->cut_stream();
}

/// Before the handler runs, which may not be able to undo what its tasks belong to.
bool ActiveRequest::take_background_place() {
    std::atomic<std::size_t>& taken = loop_.server.background_places;
    background_place_ = std::shared_ptr<void>(&taken, [](void* places) {
        auto& left = *static_cast<std::atomic<std::size_t>*>(places);
        if (left.fetch_sub(1) == 1) left.notify_all();
    });
    return taken.fetch_add(1) < loop_.server.options.limit_background_tasks;
}

void ActiveRequest::begin_background_tasks() {
    auto place = std::move(background_place_);
    if (!background_ || background_->empty()) return;
    async::detail::spawn_for(context::Reference<context::RequestContext>(this),
                             BackgroundTasks::run(std::move(background_), std::move(place)));
}

void ActiveRequest::observe_start() {
    loop_.observer.started(*this);
    observed_ = true;
}

void ActiveRequest::answered(Response&& response) {
    running_ = false;
    background_ = std::move(response.background);
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
    if (sink_ != nullptr) sink_->wake();
}

void ActiveRequest::abandon(std::string_view because, int told) {
    owner_ = nullptr;
    count_itself();
    abandoned_because_ = because;
    if (because == error_types::limit_connections) ++loop_.server.requests_of_evicted;
    abandoned_with_ = told;
    if (sink_ != nullptr) sink_->wake();
    cancel(because == error_types::client_gone      ? context::Cancelled::client_gone
           : because == error_types::limit_buffered ? context::Cancelled::limit_buffered
           : because == error_types::shutdown       ? context::Cancelled::shutdown
                                                    : context::Cancelled::connection_failed);
}

void ActiveRequest::on_time(Clock::time_point now) {
    if (streaming()) return;
    if (now >= slow_log_due_) {
        slow_log_due_ = async::never;
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
    return end(status_of_lost(because, begun), streamed_, {}, true);
}

context::RequestContext::Clock::time_point ActiveRequest::end(int status, std::size_t body_size,
                                                              std::string_view malformed_reason,
                                                              bool lost) noexcept {
    owner_ = nullptr;
    finished_ = true;
    count_itself();
    const auto ended = Clock::now();
    if (streaming()) --loop_.server.open_streams;
    if (abandoned_because_ == error_types::limit_connections) --loop_.server.requests_of_evicted;
    if (observed_) {
        try {
            loop_.observer.finished({.request = request_.get(),
                                     .in_flight = *this,
                                     .malformed_reason = malformed_reason,
                                     .status = status,
                                     .body_size = body_size,
                                     .ended = ended,
                                     .first_byte = first_byte_});
        } catch (...) {
            loop_.observer.failed(std::current_exception());
        }
    }
    try {
        begin_background_tasks();
    } catch (...) {
        loop_.observer.failed(std::current_exception());
    }
    if (loop_.phase != RequestLoop::Phase::serving) count_for_drain(lost);
    loop_.server.requests_in_flight.fetch_sub(1);
    return ended;
}

/// Its connection does not know it any more, but a task may: it stays in memory with its body.
void ActiveRequest::count_itself() noexcept {
    if (size_ <= largest_unquestioned || std::exchange(counts_itself_, true)) return;
    loop_.held.requests.add(size_);
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
