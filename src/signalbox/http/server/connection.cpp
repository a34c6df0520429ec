#include "signalbox/http/server/connection.hpp"

#include <linux/sock_diag.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "signalbox/http/server/error_answer.hpp"
#include "signalbox/http/server/request_headers.hpp"
#include "signalbox/http/wire/response_head.hpp"

namespace signalbox::http {

namespace {

constexpr auto never = Connection::Clock::time_point::max();

/// How long an idle connection stays open at the drain, for a request that is on its way over the
/// network: a client that was just accepted, or uses its connection all the time, sends one within
/// a round trip, and learns from the answer that the connection closes.
constexpr std::chrono::milliseconds last_request_wait{500};

constexpr int interim = 100;

/// A body of so many bytes is sent from where the head is: to copy it costs less than to have the
/// kernel gather two pieces.
constexpr std::size_t largest_copied_body = 1024;

}  // namespace

Connection::Connection(LoopContext& loop, int socket, std::string peer_address,
                       std::optional<ClientNetwork> network)
    : loop_(loop),
      peer_address_(std::move(peer_address)),
      network_(network),
      trusted_peer_(loop.server.options.forwarded_allow_ips.contains(peer_address_)),
      socket_(socket),
      input_(loop.transport, socket, loop.server.options.limits, &loop.server.router),
      output_(socket),
      timer_(loop.loop, [this] { on_timer(); }) {}

Connection::~Connection() {
    loop_.eviction_order.leave(*this);
    forget_unsent();
    loop_.buffered_requests.add(-held_);
    if (socket_ >= 0) ::close(socket_);
}

void Connection::open() {
    try {
        loop_.transport.watch(socket_, *this);
        // One that says nothing has the time of a head. Who has asked for something once may wait
        // for longer (--timeout-keep-alive).
        free_since_ = loop_.transport.begin_turn();
        receive_deadline_ = free_since_ + std::min(loop_.server.options.timeout_request_head,
                                                   loop_.phase == LoopContext::Phase::serving
                                                       ? std::chrono::milliseconds::max()
                                                       : last_request_wait);
        timer_.set(receive_deadline_);
        loop_.eviction_order.enter(*this, network_);
        take_place_in_order();
    } catch (...) {
        socket_ = -1;
        throw;
    }
}

void Connection::on_ready(Readiness ready) {
    input_.on_ready(ready);
    switch (state_) {
        case State::receiving:
            if (!called_again_) proceed();
            break;
        case State::handling:
            if (ready.hung_up) {
                close();
            } else if (ready.end_of_stream) {
                // A handler that still waits works for nobody.
                request_->cancel(context::Cancelled::client_gone);
            }
            break;
        case State::sending:
            if (ready.hung_up) {
                close();
            } else if (ready.writable) {
                on_progress(output_.resume());
                proceed();
            }
            break;
        case State::lingering:
            if (ready.hung_up) {
                close();
            } else if (!called_again_) {
                linger();
            }
            break;
        case State::closed:
            break;
    }
}

void Connection::on_call_again() {
    called_again_ = false;
    if (state_ == State::receiving) proceed();
    if (state_ == State::lingering) linger();
}

void Connection::call_again() {
    if (!std::exchange(called_again_, true)) loop_.transport.call_again(*this);
}

/// Takes what has arrived, message by message, until one has to wait.
void Connection::proceed() {
    // A handler that needs no waiting answers before take() returns, so this is a loop and not a
    // recursion as deep as the client's pipeline.
    if (proceeding_) return;
    proceeding_ = true;
    TurnBudget budget;
    while (state_ == State::receiving && !budget.spent()) {
        auto decoded = input_.next(budget);
        if (!decoded) break;
        --budget.requests;
        std::visit([this](auto& what) { take(std::move(what)); }, *decoded);
    }
    proceeding_ = false;
    if (state_ == State::closed) return;
    input_.keep();
    if (state_ == State::receiving) {
        if (input_.over()) {
            close();
            return;
        }
        if (budget.spent()) call_again();
    }
    settle();
}

void Connection::take(std::unique_ptr<Request> request) {
    complete(*request);
    receive_deadline_ = never;
    // Of requests that came together each has to wait for those before it, which is the client's
    // doing; that others of the loop came first is not.
    const auto started = std::max(loop_.transport.turn_began(), free_since_);
    request_ = ActiveRequest::begin(loop_, std::move(request), peer_address_, started);
    state_ = State::handling;
    // Its handler may resume another connection's, which then reads into the same buffer.
    input_.keep();
    request_->run(*this);
    if (state_ == State::handling && input_.end_received()) {
        request_->cancel(context::Cancelled::client_gone);
    }
}

void Connection::take(ExpectsContinue) {
    state_ = State::sending;
    answer_ = {.status = interim};
    on_progress(output_.send("HTTP/1.1 100 Continue\r\n\r\n", {}));
}

void Connection::take(Refusal refusal) {
    receive_deadline_ = never;
    if (refusal.request) complete(*refusal.request);
    request_ = ActiveRequest::begin(loop_, std::move(refusal.request), peer_address_, Clock::now());
    request_->refuse();
    send(answer_to_malformed(refusal.why), refusal.to_head, false, refusal.why.reason);
}

/// With what its head alone does not say. It has its route since that was complete.
void Connection::complete(Request& request) const {
    const ServerOptions& options = loop_.server.options;
    request.peer_address = peer_address_;
    request.client_address = request.peer_address;
    request.root_path = options.root_path;
    if (trusted_peer_) {
        believe_forwarded_headers(request, options.forwarded_allow_ips, options.forwarded_headers);
    }
}

/// Takes no more: of a message that has not arrived as a whole.
void Connection::refuse_for(Malformed why) {
    const bool to_head = input_.in_head_request();
    take(Refusal{.why = why, .request = input_.stop(), .to_head = to_head});
}

void Connection::respond(Response response) {
    if (request_->cancelled == context::Cancelled::client_gone) {
        close();
        return;
    }
    // What the client has already sent is still answered before the connection closes.
    const bool ending = loop_.phase != LoopContext::Phase::serving || input_.end_received();
    const bool last = ending && !input_.has_more();
    const Request& request = *request_->request();
    send(std::move(response), request.method_name == "HEAD", request.keep_alive && !last);
    proceed();
}

void Connection::send(Response response, bool head_only, bool keep_alive,
                      std::string_view malformed_reason) {
    const int version_minor =
        request_->request() != nullptr ? request_->request()->version_minor : 1;
    std::string& head = loop_.head;
    head.clear();
    append_head(head, response, request_->request_id, request_->trace, keep_alive, version_minor);
    const bool has_body = !head_only && may_have_body(response.status);
    const std::size_t body_size = has_body ? response.body.view().size() : 0;
    state_ = State::sending;
    answer_ = {.malformed_reason = malformed_reason,
               .body_size = body_size,
               .status = response.status,
               .keep_alive = keep_alive};
    if (body_size <= largest_copied_body) {
        if (has_body) head += response.body.view();
        on_progress(output_.send(head, {}));
    } else {
        on_progress(output_.send(head, std::move(response.body)));
    }
}

void Connection::on_progress(Output::Progress progress) {
    switch (progress) {
        case Output::Progress::sent:
            on_sent();
            break;
        case Output::Progress::waiting:
            wait_until_writable();
            break;
        case Output::Progress::broken:
            close();
            break;
    }
}

void Connection::on_sent() {
    forget_unsent();
    write_deadline_ = never;
    state_ = State::receiving;
    if (answer_.status == interim) return;  // the response proper is still to come
    free_since_ = request_->finish(answer_.status, answer_.body_size, answer_.malformed_reason);
    request_ = nullptr;
    if (answer_.keep_alive) return;
    if (input_.over()) {
        close();
        return;
    }
    state_ = State::lingering;
    if (input_.unread_in_kernel()) call_again();  // it will not be told of once more
    input_.stop();
    lingering_.begin(socket_, free_since_);
}

void Connection::linger() {
    switch (lingering_.drain(loop_.transport, socket_)) {
        case LingeringClose::Progress::done:
            close();
            break;
        case LingeringClose::Progress::again:
            call_again();
            break;
        case LingeringClose::Progress::waiting:
            break;
    }
}

void Connection::wait_until_writable() {
    const auto now = Clock::now();
    if (request_) request_->wait_for(context::Waiting::client, now);
    write_deadline_ = now + loop_.server.options.timeout_write;
    forget_unsent();
    loop_.server.unsent.add(*this, now, output_.waiting_size());
    unsent_since_ = now;
    if (!std::exchange(watching_writing_, true)) loop_.transport.watch_writing(socket_, *this);
    settle();
}

void Connection::forget_unsent() {
    if (unsent_since_ == Clock::time_point{}) return;
    loop_.server.unsent.remove(*this, std::exchange(unsent_since_, {}));
}

void Connection::on_phase() {
    if (state_ == State::handling && loop_.phase == LoopContext::Phase::turning_away) {
        request_->cancel(context::Cancelled::shutdown);
        return;
    }
    if (state_ != State::receiving || input_.phase() != RequestDecoder::Phase::between_requests) {
        return;
    }
    if (loop_.phase == LoopContext::Phase::turning_away) {
        loop_.transport.begin_turn();
        on_receive_timeout();
        return;
    }
    receive_deadline_ = std::min(receive_deadline_, Clock::now() + idle_timeout());
    settle();
}

void Connection::close(std::string_view lost_because) {
    if (state_ == State::closed) return;
    const int begun = state_ == State::sending ? answer_.status : 0;
    state_ = State::closed;
    timer_.clear();
    loop_.eviction_order.leave(*this);
    forget_unsent();
    output_.drop();
    if (std::exchange(called_again_, false)) loop_.transport.do_not_call(*this);
    ::close(std::exchange(socket_, -1));
    if (auto request = std::exchange(request_, nullptr)) {
        if (request->running()) {
            request->abandon(lost_because);
        } else {
            request->finish_lost(lost_because, begun);
        }
    }
    loop_.closed(*this);
}

void Connection::on_failure(const std::exception_ptr& error) noexcept {
    try {
        loop_.observer.failed(cause_of(error));
        close(context::error_types::connection_failed);
    } catch (...) {
        // Out of memory a second time: the client is gone all the same.
        if (socket_ >= 0) ::shutdown(socket_, SHUT_RDWR);
    }
}

/// What has changed, as the timer and the server have to know it.
void Connection::settle() {
    if (state_ == State::receiving) set_receive_deadline();
    count_held();
    if (state_ == State::closed) return;
    take_place_in_order();
    if (const auto deadline = next_deadline(); deadline != never) {
        timer_.set(deadline);
    } else {
        timer_.clear();
    }
}

void Connection::take_place_in_order() {
    const auto waits = what_it_waits_for();
    if (waits == this->waits()) return;
    loop_.eviction_order.wait(*this, waits);
    ordered_at_ = free_since_;
}

EvictionOrder::Waits Connection::what_it_waits_for() const noexcept {
    using Waits = EvictionOrder::Waits;
    switch (state_) {
        case State::receiving:
            if (called_again_) return Waits::for_nobody;
            return input_.phase() == RequestDecoder::Phase::between_requests ? Waits::for_request
                                                                             : Waits::for_client;
        case State::lingering:
            return Waits::for_request;
        case State::sending:
            return Waits::for_client;
        case State::handling:
        case State::closed:
            break;
    }
    return Waits::for_nobody;
}

bool Connection::evict() {
    ServerContext& server = loop_.server;
    switch (state_) {
        case State::receiving:
            loop_.transport.begin_turn();
            if (input_.phase() == RequestDecoder::Phase::between_requests) {
                input_.expect_more();
                if (input_.has_more()) {
                    input_.keep();
                    call_again();
                    settle();
                    return false;
                }
                ++server.evicted_idle;
            } else {
                refuse_for({408, "limit_connections"});
                ++server.evicted_receiving;
            }
            break;
        case State::sending:
            ++server.evicted_sending;
            break;
        case State::lingering:
            ++server.evicted_idle;
            break;
        case State::handling:
        case State::closed:
            return false;
    }
    close("limit_connections");
    return true;
}

/// From when on a message, or its body, is on its way, or the connection is idle.
void Connection::set_receive_deadline() {
    const auto phase = input_.phase();
    if (receive_deadline_ != never && phase == deadline_of_) return;
    deadline_of_ = phase;
    const ServerOptions& options = loop_.server.options;
    const auto now = std::max(loop_.transport.turn_began(), free_since_);
    receive_deadline_ =
        now + (phase == RequestDecoder::Phase::in_head   ? options.timeout_request_head
               : phase == RequestDecoder::Phase::in_body ? options.timeout_request_body
                                                         : idle_timeout());
}

std::chrono::milliseconds Connection::idle_timeout() const noexcept {
    const auto keep_alive = loop_.server.options.timeout_keep_alive;
    return loop_.phase == LoopContext::Phase::serving ? keep_alive
                                                      : std::min(last_request_wait, keep_alive);
}

Connection::Clock::time_point Connection::next_deadline() const noexcept {
    switch (state_) {
        case State::receiving:
            return receive_deadline_;
        case State::handling:
            return request_->next_due();
        case State::sending:
            return write_deadline_;
        case State::lingering:
            return lingering_.deadline();
        case State::closed:
            break;
    }
    return never;
}

void Connection::on_timer() {
    try {
        const auto now = loop_.transport.begin_turn();
        if (now < next_deadline()) {
            settle();
            return;
        }
        switch (state_) {
            case State::receiving:
                on_receive_timeout();
                break;
            case State::handling:
                request_->on_time(now);
                break;
            case State::sending:
                close(context::error_types::write_timeout);
                break;
            case State::lingering:
                close();
                break;
            case State::closed:
                break;
        }
        if (state_ != State::closed) settle();
    } catch (...) {
        on_failure(std::current_exception());
    }
}

void Connection::on_receive_timeout() {
    if (input_.phase() == RequestDecoder::Phase::between_requests) {
        // What has come since the loop last looked is a request, and answered.
        input_.expect_more();
        if (!input_.has_more()) {
            close();
            return;
        }
        receive_deadline_ = never;
        proceed();
    } else {
        refuse_for({408, "timeout"});
    }
}

/// Tells the server what this connection holds of requests, and ends it when all hold too much.
void Connection::count_held() {
    const std::size_t held = input_.memory_size() + (request_ ? request_->size() : 0);
    if (held == held_) return;
    const bool more = held > held_;
    loop_.buffered_requests.add(held - std::exchange(held_, held));
    const ServerContext& server = loop_.server;
    if (!more || ServerContext::sum(server.buffered_requests) <= server.options.limit_buffered) {
        return;
    }
    reset_on_close();
    close(ActiveRequest::limit_buffered);
}

/// By a goodbye the kernel's window for what the client still sends would stay shut, and the client
/// try for minutes.
void Connection::reset_on_close() const {
    const ::linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

std::size_t Connection::unread_in_kernel() const {
    if (!busy() || !input_.unread_in_kernel()) return 0;
    std::uint32_t memory[SK_MEMINFO_VARS] = {};
    socklen_t size = sizeof memory;
    if (::getsockopt(socket_, SOL_SOCKET, SO_MEMINFO, memory, &size) != 0) return 0;
    return memory[SK_MEMINFO_RMEM_ALLOC];
}

}  // namespace signalbox::http
