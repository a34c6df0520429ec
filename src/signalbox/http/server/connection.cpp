#include "signalbox/http/server/connection.hpp"

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "signalbox/http/server/error_answer.hpp"
#include "signalbox/http/server/request_headers.hpp"
#include "signalbox/http/wire/chunk.hpp"
#include "signalbox/http/wire/response_head.hpp"

namespace signalbox::http {

namespace {

/// How long an idle connection stays open at the drain, for a request that is on its way over the
/// network: a client that was just accepted, or uses its connection all the time, sends one within
/// a round trip, and learns from the answer that the connection closes.
constexpr std::chrono::milliseconds last_request_wait{500};

constexpr int interim = 100;

/// Of the answer that is sent when no other can be made.
constexpr std::string_view unavailable_body = R"({"detail":"Service Unavailable"})";

/// How often it is looked whether a client has taken what the kernel has for it.
constexpr std::chrono::milliseconds shortest_look{10};
constexpr std::chrono::milliseconds longest_look{1000};

/// Of so many bytes a response waits in the kernel for no time that counts, so it is not asked
/// before whether the budget has room for it.
constexpr std::size_t largest_unquestioned_body = 16 * 1024;

/// Of a connection that is closed to make room. The kernel keeps it for minutes, and it counts for
/// nobody.
constexpr std::size_t most_left_to_kernel = 16 * 1024;

/// For bodies that arrive, in bytes of the kernel's memory, of which the data is some half.
constexpr std::size_t first_receive_buffer = 256 * 1024;
constexpr std::size_t largest_receive_buffer = 4 * 1024 * 1024;

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
    hold_nothing();
    stop_spooling();
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
            if (ready.readable) on_unread();
            break;
        case State::streaming:
            if (ready.hung_up || ready.end_of_stream) {
                close();  // as above; here it has been answered already
            } else if (ready.writable && output_.waiting()) {
                on_progress(output_.resume());
                proceed();
            } else if (ready.readable) {
                on_unread();
            }
            break;
        case State::sending:
            if (ready.hung_up) {
                close();
            } else if (ready.writable) {
                on_progress(output_.resume());
                proceed();
            } else if (ready.readable) {
                on_unread();
            }
            break;
        case State::lingering:
            if (ready.hung_up || leaving_) {
                leave();
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
    if (state_ == State::lingering && !leaving_) linger();
}

/// The client sends more, and it is not read now.
void Connection::on_unread() {
    if (!busy()) return;
    ask_kernel();
    account();
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
    while (state_ == State::receiving && !budget.spent() && !waits_for_disk()) {
        auto decoded = input_.next(budget);
        if (!decoded) break;
        --budget.requests;
        std::visit([this](auto& what) { take(std::move(what)); }, *decoded);
    }
    if (state_ == State::receiving) spool();
    proceeding_ = false;
    if (state_ == State::closed) return;
    input_.keep();
    if (state_ == State::receiving) {
        if (input_.over()) {
            close();
            return;
        }
        if (budget.spent() && !waits_for_disk()) call_again();
        if (input_.phase() == RequestDecoder::Phase::in_body) widen(budget.bytes == 0);
    }
    settle();
}

void Connection::take(std::unique_ptr<Request> request) {
    complete(*request);
    if (body_file_) {
        // Whoever reads it waits until the rest is written.
        body_file_->append(std::exchange(request->body, {}));
        request->body_file = body_file_;
        stop_spooling();
    }
    receive_deadline_ = async::never;
    // Of requests that came together each has to wait for those before it, which is the client's
    // doing; that others of the loop came first is not.
    const auto started = std::max(loop_.transport.turn_began(), free_since_);
    request_ = ActiveRequest::begin(loop_, std::move(request), peer_address_, started);
    state_ = State::handling;
    if (granted_ > 0) narrow();
    if (holding_) release();
    // Its handler may resume another connection's, which then reads into the same buffer.
    input_.keep();
    if (request_->size() > ActiveRequest::largest_unquestioned) {
        account();
        if (holding_) release();  // nobody is to evict it while it is on the stack
    }
    request_->run(*this);
    if (!input_.end_received()) return;
    if (state_ == State::handling) request_->cancel(context::Cancelled::client_gone);
    if (state_ == State::streaming) close();
}

void Connection::take(ExpectsContinue) {
    state_ = State::sending;
    answer_ = {.status = interim};
    on_progress(output_.send("HTTP/1.1 100 Continue\r\n\r\n", {}));
}

void Connection::take(Refusal refusal) {
    refuse(std::move(refusal), Shown::yes);
}

void Connection::refuse(Refusal refusal, Shown to_middleware) {
    stop_spooling();
    receive_deadline_ = async::never;
    if (refusal.request) complete(*refusal.request);
    const bool shown =
        to_middleware == Shown::yes && refusal.request && !loop_.server.options.middleware.empty();
    request_ = ActiveRequest::begin(loop_, std::move(refusal.request), peer_address_, Clock::now());
    constexpr int timed_out = 408;
    within_message_ = refusal.why.status != timed_out;
    if (shown) {
        state_ = State::handling;
        if (granted_ > 0) narrow();
        if (holding_) release();
        malformed_reason_ = refusal.why.reason;
        request_->refuse(*this, answer_to_malformed(refusal.why));
        return;
    }
    request_->refuse();
    send(answer_to_malformed(refusal.why), refusal.to_head, false, refusal.why.reason);
}

/// Instead of the message that is arriving.
void Connection::begin_refusal() {
    stop_spooling();
    auto request = input_.stop();
    receive_deadline_ = async::never;
    if (granted_ > 0) narrow();
    if (request) complete(*request);
    request_ = ActiveRequest::begin(loop_, std::move(request), peer_address_, Clock::now());
    within_message_ = true;
}

void Connection::refuse_for_memory() {
    const bool to_head = input_.in_head_request();
    begin_refusal();
    request_->shed = context::Shed::limit_buffered;
    request_->error_type = ActiveRequest::limit_buffered;
    request_->refuse();
    send(service_unavailable(), to_head, false);
}

/// It closes at once, so this is not shown to middleware, which might wait.
void Connection::refuse_for_a_new_one() {
    const bool to_head = input_.in_head_request();
    begin_refusal();
    request_->error_type = context::error_types::limit_connections;
    request_->refuse();
    send(service_unavailable("All connections are taken, and this one had to make way"), to_head,
         false);
}

/// What has arrived of a body that goes to a file.
void Connection::spool() {
    const Request* const request = input_.arriving();
    if (request == nullptr || request->match.route == nullptr || !request->match.route->spools_body)
        return;
    if (body_file_ && body_file_->failure() != BodyFile::Failure::none) {
        refuse_for_disk();
        return;
    }
    if (request->body.size() < BodyFile::piece_size || waits_for_disk()) return;
    if (!body_file_) {
        body_file_ = std::make_shared<BodyFile>(loop_.loop, loop_.server.upload_disk);
        body_file_->observe(this);
    }
    body_file_->append(input_.take_body());
    // A large body may take long, as long as it goes on.
    receive_deadline_ = async::never;
    if (body_file_->failure() != BodyFile::Failure::none) refuse_for_disk();
}

/// A write that goes on has its own reference.
void Connection::stop_spooling() noexcept {
    if (body_file_) body_file_->observe(nullptr);
    body_file_ = nullptr;
}

void Connection::on_written() noexcept {
    try {
        if (state_ != State::receiving || proceeding_) return;
        loop_.transport.begin_turn();
        proceed();
    } catch (...) {
        on_failure(std::current_exception());
    }
}

void Connection::refuse_for_disk() {
    const bool to_head = input_.in_head_request();
    const auto file = body_file_;
    begin_refusal();
    request_->set_error_cause(file->cause());
    request_->error_type = context::error_types::upload_disk;
    request_->refuse();
    send(file->answer_to_failure(), to_head, false);
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
void Connection::refuse_for(Malformed why, Shown to_middleware) {
    const bool to_head = input_.in_head_request();
    refuse(Refusal{.why = why, .request = input_.stop(), .to_head = to_head}, to_middleware);
}

void Connection::respond(Response&& response) {
    if (request_->cancelled == context::Cancelled::client_gone) {
        close();
        return;
    }
    const Request& request = *request_->request();
    // What a stream sends to HTTP/1.0 ends with the connection, and a HEAD's answer says the same.
    const bool has_end = !response.stream || chunked();
    send(std::move(response), request.method_name == "HEAD",
         request.keep_alive && has_end && !is_last(), malformed_reason_);
    proceed();
}

/// What the client has already sent is still answered before the connection closes, unless nobody
/// knows where it would begin.
bool Connection::is_last() noexcept {
    const bool ending = loop_.phase != LoopContext::Phase::serving || input_.end_received();
    return evicted_ || !malformed_reason_.empty() || (ending && !input_.has_more());
}

void Connection::send_piece(const Response& response, Body piece) {
    const std::size_t size = piece.view().size();
    if (size > largest_unquestioned_body && !loop_.server.memory.fits(loop_.loop, this, size)) {
        if (size > loop_.server.memory.limit()) {
            request_->set_error_cause("a piece of " + std::to_string(size) +
                                      " bytes, which alone is more than --limit-buffered");
        }
        request_->cancel(context::Cancelled::limit_buffered);
        return;
    }
    const bool first = state_ == State::handling;
    const bool in_chunks = chunked();
    std::string& head = loop_.head;
    head.clear();
    if (first) begin_stream(response);
    if (in_chunks) append_chunk_line(head, size);
    if (size <= largest_copied_body) {
        head += piece.view();
        if (in_chunks) head += chunk_end;
        on_progress(output_.send(head, {}));
    } else {
        on_progress(
            output_.send(head, std::move(piece), in_chunks ? chunk_end : std::string_view()));
    }
    // Its deadline has ended. After proceed() that is done anyway.
    if (first && !proceeding_ && state_ == State::streaming) settle();
}

void Connection::on_held(std::size_t bytes) {
    if (loop_.server.memory.fits(loop_.loop, this, bytes)) {
        account();
    } else {
        request_->cancel(context::Cancelled::limit_buffered);
    }
}

/// Writes the head to where it is sent from.
void Connection::begin_stream(const Response& response) {
    const bool keep_alive = request_->request()->keep_alive && chunked() && !is_last();
    append_head(loop_.head, response, request_->request_id, request_->trace, keep_alive,
                request_->request()->version_minor);
    state_ = State::streaming;
    answer_ = {.malformed_reason = malformed_reason_,
               .began_at = output_.sent(),
               .status = response.status,
               .keep_alive = keep_alive};
    request_->stream_begins();
}

void Connection::end_stream(const Response& response) {
    try {
        std::string& head = loop_.head;
        head.clear();
        if (state_ == State::handling) begin_stream(response);
        if (chunked()) head += last_chunk;
        answer_.body_size = request_->streamed();
        state_ = State::sending;
        on_progress(output_.send(head, {}));
        if (proceeding_ || state_ == State::closed) return;
        // Not proceed(): the next request is no part of this one's coroutine.
        if (state_ == State::receiving) call_again();
        settle();
    } catch (...) {  // the stream itself is over, and maybe its request
        on_failure(std::current_exception());
    }
}

/// What was sent reaches the client, unless there is much that it does not take. HTTP/1.0 sees only
/// by a reset that something is missing.
void Connection::cut_stream() noexcept {
    if (state_ == State::closed) return;
    if (!chunked() || output_.waiting() || in_kernel_.unsent > most_left_to_kernel) {
        reset_on_close(socket_);
    }
    close(request_->error_type);
}

void Connection::send(Response&& response, bool head_only, bool keep_alive,
                      std::string_view malformed_reason) {
    if (const std::size_t size = response.body.view().size(); size > largest_unquestioned_body) {
        refuse_if_too_large(response, head_only ? 0 : size);
    }
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
               .began_at = output_.sent(),
               .status = response.status,
               .keep_alive = keep_alive};
    if (body_size <= largest_copied_body) {
        if (has_body) head += response.body.view();
        on_progress(output_.send(head, {}));
    } else {
        on_progress(output_.send(head, std::move(response.body)));
    }
}

/// Not in the middle of it: the client would not know what it has.
void Connection::refuse_if_too_large(Response& response, std::size_t size) {
    MemoryBudget& memory = loop_.server.memory;
    if (memory.fits(loop_.loop, this, size)) return;
    request_->error_type = ActiveRequest::limit_buffered;
    if (size > memory.limit()) {
        request_->set_error_cause("a response of " + std::to_string(size) +
                                  " bytes, which alone is more than --limit-buffered");
        response = error(500);
    } else {
        request_->shed = context::Shed::limit_buffered;
        response = service_unavailable();
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
    write_deadline_ = async::never;
    const bool of_stream = state_ == State::streaming;
    if (!of_stream) state_ = State::receiving;
    if (const bool much = output_.sent() - sent_when_asked_ >= loop_.server.sent_unasked;
        much || holding_) {
        if (much) ask_kernel();
        account();  // another body may be where the one that is sent was
    }
    if (of_stream) {
        if (state_ == State::streaming) request_->piece_sent();
        return;
    }
    if (answer_.status == interim) return;  // the response proper is still to come
    free_since_ = request_->finish(answer_.status, answer_.body_size, answer_.malformed_reason);
    request_ = nullptr;
    if (answer_.keep_alive) return;
    if (input_.over() && input_.end_received()) {
        leave();
        return;
    }
    state_ = State::lingering;
    // It will not be told of once more.
    if (input_.unread_in_kernel() || input_.over()) call_again();
    input_.stop();
    if (within_message_) widen(false);
    begin_lingering(free_since_);
}

void Connection::begin_lingering(Clock::time_point now) {
    lingering_.begin(
        socket_, now,
        within_message_ ? LingeringClose::within_a_message : LingeringClose::after_the_last);
}

void Connection::linger() {
    switch (lingering_.drain(loop_.transport, socket_)) {
        case LingeringClose::Progress::done:
            leave();
            break;
        case LingeringClose::Progress::again:
            if (within_message_) widen(true);
            call_again();
            break;
        case LingeringClose::Progress::waiting:
            break;
    }
}

/// All is said. What the kernel still has for the client counts until that has taken it, and so
/// does --timeout-write: as a closed connection's it would stay for minutes, and nobody would know.
void Connection::leave() {
    if (in_kernel_.unsent > 0 || output_.sent() - sent_when_asked_ >= loop_.server.sent_unasked) {
        ask_kernel();
    }
    if (in_kernel_.unsent == 0 || loop_.phase != LoopContext::Phase::serving) {
        close();
        return;
    }
    const auto now = Clock::now();
    if (!std::exchange(leaving_, true)) {
        state_ = State::lingering;
        input_.stop();
        begin_lingering(now);
    }
    if (now - taken_since_ >= loop_.server.options.timeout_write) {
        cut(Cut::write_timeout);
        return;
    }
    leave_deadline_ =
        now + std::clamp<Clock::duration>(now - taken_since_, shortest_look, longest_look);
    settle();
}

void Connection::wait_until_writable() {
    const auto now = Clock::now();
    if (request_) request_->wait_for(context::Waiting::client, now);
    write_deadline_ = now + loop_.server.options.timeout_write;
    if (!std::exchange(watching_writing_, true)) loop_.transport.watch_writing(socket_, *this);
    ask_kernel();
    settle();
}

void Connection::on_phase() {
    if (state_ == State::handling || state_ == State::streaming) {
        if (loop_.phase == LoopContext::Phase::turning_away) {
            request_->cancel(context::Cancelled::shutdown);
        } else {
            request_->tell_ending();
        }
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
    const bool answering = state_ == State::streaming || state_ == State::sending;
    const int begun = answering ? answer_.status : 0;
    state_ = State::closed;
    timer_.clear();
    loop_.eviction_order.leave(*this);
    hold_nothing();
    stop_spooling();
    output_.drop();
    if (std::exchange(called_again_, false)) loop_.transport.do_not_call(*this);
    ::close(std::exchange(socket_, -1));
    if (auto request = std::exchange(request_, nullptr)) {
        if (request->running()) {
            request->abandon(lost_because, begun);
        } else {
            request->finish_lost(lost_because, begun);
        }
    }
    loop_.closed(*this);
}

void Connection::on_failure(const std::exception_ptr& error) noexcept {
    if (state_ == State::closed) return;
    ++loop_.server.cut[Cut::failed];
    loop_.observer.failed(error);
    const bool asked = state_ == State::handling ||
                       (state_ == State::receiving &&
                        (proceeding_ || input_.phase() != RequestDecoder::Phase::between_requests));
    const bool nothing_said = asked || (state_ == State::sending && answer_.status != interim &&
                                        output_.sent() == answer_.began_at);
    if (!nothing_said) {
        close(to_string(Cut::failed));
        return;
    }
    say_unavailable();
    output_.drop();
    if (request_ && !request_->running()) {
        request_->error_type = to_string(Cut::failed);
        std::exchange(request_, nullptr)->finish(503, unavailable_body.size());
    } else if (request_) {
        std::exchange(request_, nullptr)->abandon(to_string(Cut::failed), 503);
    }
    proceeding_ = false;
    input_.stop();
    stop_spooling();
    state_ = State::lingering;
    try {
        begin_lingering(Clock::now());
        call_again();
        settle();
    } catch (...) {  // no memory to wait for the client, either
        close(to_string(Cut::failed));
    }
}

/// In memory that is there.
void Connection::say_unavailable() noexcept {
    constexpr std::string_view head =
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
        "Content-Length: 32\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n"
        "Retry-After: 1\r\nX-Request-ID: ";
    constexpr std::string_view unknown = "unknown";
    constexpr std::string_view end = "\r\n\r\n";
    static_assert(unavailable_body.size() == 32);
    const std::string_view id = request_ ? request_->request_id : unknown;
    const bool to_head =
        request_ && request_->request() != nullptr && request_->request()->method_name == "HEAD";
    iovec parts[4];
    std::size_t count = 0;
    for (const std::string_view part :
         {head, id, end, to_head ? std::string_view() : unavailable_body}) {
        parts[count++] = {const_cast<char*>(part.data()), part.size()};
    }
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = count;
    static_cast<void>(send_message(socket_, message, MSG_NOSIGNAL | MSG_DONTWAIT));
}

/// What has changed, as the timer and the server have to know it.
void Connection::settle() {
    if (state_ == State::receiving) set_receive_deadline();
    account();
    if (state_ == State::closed) return;
    take_place_in_order();
    if (const auto deadline = next_deadline(); deadline != async::never) {
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
        case State::streaming:  // for how long it is open is the client's to say
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
                refuse_for_a_new_one();
                ++server.evicted_receiving;
            }
            break;
        case State::streaming:
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
    if (kernel_memory(socket_).unsent > most_left_to_kernel) reset_on_close(socket_);
    close(context::error_types::limit_connections);
    return true;
}

/// From when on a message, or its body, is on its way, or the connection is idle.
void Connection::set_receive_deadline() {
    const auto phase = input_.phase();
    if (receive_deadline_ != async::never && phase == deadline_of_) return;
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
        case State::streaming:  // its request has none any more
        case State::sending:
            return write_deadline_;
        case State::lingering:
            return leaving_ ? leave_deadline_ : lingering_.deadline();
        case State::closed:
            break;
    }
    return async::never;
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
            case State::streaming:
            case State::sending:
                on_write_timeout();
                break;
            case State::lingering:
                leave();
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
            leave();
            return;
        }
        receive_deadline_ = async::never;
        proceed();
    } else if (waits_for_disk()) {
        body_file_->give_up();
        refuse_for_disk();
    } else {
        // Nor is it late when this loop was.
        const auto due = receive_deadline_;
        input_.expect_more();
        proceed();
        if (state_ != State::receiving || receive_deadline_ != due || called_again_) return;
        refuse_for({408, "timeout"}, Shown::yes);
    }
}

/// Room that the client has made while this loop was late is its progress.
void Connection::on_write_timeout() {
    const auto sent = output_.sent();
    if (output_.waiting()) on_progress(output_.resume());
    if (state_ == State::closed) return;
    if (output_.sent() == sent) {
        cut(Cut::write_timeout);
    } else {
        proceed();
    }
}

void Connection::cut(Cut why) {
    ++loop_.server.cut[why];
    ++loop_.cut[why];
    reset_on_close(socket_);
    close(to_string(why));
}

void Connection::give_way() noexcept {
    try {
        if (state_ == State::closed) return;
        const bool first = !std::exchange(evicted_, true);
        if (!first) {  // it was counted
            reset_on_close(socket_);
            close(ActiveRequest::limit_buffered);
            return;
        }
        if (state_ == State::receiving &&
            input_.phase() != RequestDecoder::Phase::between_requests) {
            refuse_for_memory();
        } else if (state_ == State::handling && request_->running()) {
            // What it has pipelined is dropped, and it is not to send much more of it.
            input_.stop();
            static_cast<void>(lingering_.drain(loop_.transport, socket_));
            limit_receive_buffer(socket_, 0);
            ask_kernel();
            request_->cancel(context::Cancelled::limit_buffered);
        } else {
            cut(Cut::limit_buffered);
            return;
        }
        ++loop_.server.cut[Cut::limit_buffered];
        ++loop_.cut[Cut::limit_buffered];
        if (state_ != State::closed) settle();
    } catch (...) {
        on_failure(std::current_exception());
    }
}

/// Whether it would give memory back by ending: its client has to send or to take something.
bool Connection::evictable() const noexcept {
    switch (state_) {
        case State::receiving:
            return input_.phase() != RequestDecoder::Phase::between_requests ||
                   in_kernel_.unsent > 0;
        case State::handling:
            return input_.memory_size() > 0 || in_kernel_.received > 0 || in_kernel_.unsent > 0;
        case State::streaming:
            return output_.waiting() || input_.memory_size() > 0 || in_kernel_.received > 0 ||
                   in_kernel_.unsent > 0;
        case State::sending:
            return output_.waiting();
        case State::lingering:
            return granted_ > 0 || in_kernel_.unsent > 0;
        case State::closed:
            break;
    }
    return false;
}

/// Tells the server what this connection holds, which evicts when all hold too much.
void Connection::account() {
    const std::size_t requests = input_.memory_size() + (request_ ? request_->size() : 0) +
                                 (body_file_ ? body_file_->memory_size() : 0);
    const std::size_t responses = output_.waiting_head_size();
    const KernelMemory kernel{.received = busy() ? in_kernel_.received : granted_,
                              .unsent = in_kernel_.unsent};
    const bool can_go = evictable();
    if (!can_go && !holding_) moved_before_ = moved();
    const std::string_view body = output_.waiting_body();
    if (requests == held_requests_ && responses == held_responses_ && kernel == held_in_kernel_ &&
        body.data() == held_body_ && can_go == holding_) {
        if (holding_) MemoryBudget::progress(*this, moved() - moved_before_);
        return;
    }
    held_body_ = body.data();
    const bool more = requests > held_requests_;
    HeldBytes& of_loop = loop_.held;
    of_loop.requests.add(requests - std::exchange(held_requests_, requests));
    of_loop.responses.add(responses - std::exchange(held_responses_, responses));
    of_loop.requests_in_kernel.add(kernel.received - held_in_kernel_.received);
    of_loop.responses_in_kernel.add(kernel.unsent - held_in_kernel_.unsent);
    held_in_kernel_ = kernel;
    if (can_go) {
        holding_ = true;
        loop_.server.memory.hold(*this,
                                 {.bytes = requests + responses + kernel.received + kernel.unsent,
                                  .body = body,
                                  .moved = moved() - moved_before_,
                                  .now = loop_.transport.turn_began()});
        return;
    }
    if (holding_) release();
    if (more) loop_.server.memory.make_room(loop_.loop, this);
}

void Connection::release() noexcept {
    holding_ = false;
    moved_before_ = moved();
    loop_.server.memory.release(*this);
}

void Connection::hold_nothing() noexcept {
    HeldBytes& of_loop = loop_.held;
    of_loop.requests.add(-std::exchange(held_requests_, 0));
    of_loop.responses.add(-std::exchange(held_responses_, 0));
    of_loop.requests_in_kernel.add(-held_in_kernel_.received);
    of_loop.responses_in_kernel.add(-held_in_kernel_.unsent);
    held_in_kernel_ = {};
    if (holding_) release();
}

void Connection::ask_kernel() {
    const bool begins = in_kernel_.unsent == 0;
    in_kernel_ = kernel_memory(socket_);
    sent_when_asked_ = output_.sent();
    const std::size_t waiting = in_kernel_.unsent > 0 ? unacknowledged(socket_) : 0;
    const std::uint64_t taken =
        sent_when_asked_ - std::min<std::uint64_t>(sent_when_asked_, waiting);
    if (taken == taken_ && !begins) return;
    taken_ = taken;
    taken_since_ = loop_.transport.turn_began();
}

/// A body arrives: the kernel may have more of it at a time, or a distant client would wait for
/// each few KiB to be acknowledged. As long as the budget has room; `full` when it came faster than
/// it was read.
void Connection::widen(bool full) {
    const std::size_t usual = loop_.server.receive_buffer;
    if (usual == 0 || (granted_ > 0 && !full) || granted_ == largest_receive_buffer) return;
    const std::size_t wider =
        granted_ == 0 ? first_receive_buffer : std::min(2 * granted_, largest_receive_buffer);
    const MemoryBudget& memory = loop_.server.memory;
    if (memory.bytes() + wider > memory.limit() / 2) return;
    granted_ = wider;
    limit_receive_buffer(socket_, wider);
}

void Connection::narrow() {
    granted_ = 0;
    limit_receive_buffer(socket_, loop_.server.receive_buffer);
}

void Connection::measure(Clock::time_point now) {
    const bool may_hold =
        holding_ || output_.sent() != sent_when_asked_ || (busy() && input_.unread_in_kernel());
    if (state_ == State::closed || !may_hold) return;
    // A grant is for who sends.
    if (input_.received() == std::exchange(received_when_measured_, input_.received()) &&
        granted_ > 0) {
        narrow();
    }
    ask_kernel();
    const bool nothing_waits =
        state_ == State::receiving || (state_ == State::streaming && !output_.waiting());
    if (nothing_waits && in_kernel_.unsent > 0 &&
        now - taken_since_ >= loop_.server.options.timeout_write) {
        cut(Cut::write_timeout);
        return;
    }
    account();
}

}  // namespace signalbox::http
