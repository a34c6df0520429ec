#include "signalbox/http/server/connection.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/co_spawn.hpp>
#include <asio/post.hpp>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "signalbox/http/server/connection_set.hpp"
#include "signalbox/http/server/exchange.hpp"
#include "signalbox/http/server/request_observer.hpp"
#include "signalbox/http/server/server_context.hpp"

namespace signalbox::http {

namespace {

constexpr auto never = Connection::Clock::time_point::max();

/// How long a connection that was closed for writing waits for the client to close as well. An
/// immediate close would reset it when input is unread, and the client might lose the response
/// (RFC 9112, section 9.6).
constexpr std::chrono::seconds linger_timeout{1};

/// How long an idle connection stays open at the drain, for a request that is on its way over the
/// network: a client that was just accepted, or uses its connection all the time, sends one within
/// a round trip, and learns from the answer that the connection closes.
constexpr std::chrono::milliseconds last_request_wait{500};

/// Requests of one connection, in bytes on top of two that are as large as the limits allow: the
/// one that is answered and the next. Clients that pipeline send a few at a time.
constexpr std::size_t pipeline_allowance = 64 * 1024;

/// What a connection may hold of requests without being counted for the server: most never hold
/// more, and need not change a number that all threads share.
constexpr std::size_t uncounted_input = 4 * 1024;

std::size_t beyond_uncounted(std::size_t bytes) {
    return bytes - std::min(bytes, uncounted_input);
}

/// Runs the handler and answers with what it returns or throws. Writing is not awaited: after a
/// cancellation nothing can be.
async::Task<> handle(std::shared_ptr<Connection> connection, Request& request) {
    const async::TaskScope task;
    Response response;
    std::exception_ptr error;
    try {
        response = co_await request.match.route->handler(request);
    } catch (...) {
        error = std::current_exception();
    }
    if (error) response = answer_to_error(error, connection->in_flight());
    connection->respond(std::move(response));
}

constexpr std::string_view unknown_method = "_OTHER";

/// Of a bounded set, whatever the client wrote.
std::string_view method_label(const Request& request) {
    return request.method_known ? Pistache::Http::methodString(request.method) : unknown_method;
}

/// As uvicorn does: from the right, the first address that no trusted proxy has. Each proxy adds
/// its client to the list or a line to the header, so all lines count, as one list.
std::string forwarded_client(const Request& request, const IpAllowList& trusted,
                             const std::string& peer) {
    std::string client = peer;
    for (auto header = request.headers.rbegin(); header != request.headers.rend(); ++header) {
        if (!is_named(*header, "x-forwarded-for")) continue;
        const auto addresses = list_elements(header->value);
        for (auto address = addresses.rbegin(); address != addresses.rend(); ++address) {
            client = *address;
            if (!trusted.contains(client)) return client;
        }
    }
    return client;
}

}  // namespace

Connection::Connection(ServerContext& server, ConnectionSet& connections, RequestObserver& observer,
                       asio::io_context& loop, int socket, std::string peer_address)
    : server_(server),
      connections_(connections),
      observer_(observer),
      loop_(loop),
      socket_(socket),
      peer_address_(std::move(peer_address)),
      decoder_(server.options.limits),
      timer_(loop, [this] { on_timer(); }) {}

Connection::~Connection() {
    stop_waiting_until_writable();
    count_input(partial_size_, 0);
    count_input(requests_size_, 0);
    ::close(socket_);
}

bool Connection::partial_phase_changes_to(RequestDecoder::Phase phase) noexcept {
    const auto before = std::exchange(partial_phase_, phase);
    return before != phase &&
           (phase == RequestDecoder::Phase::in_head || phase == RequestDecoder::Phase::in_body);
}

void Connection::count_as_rejected() {
    ++server_.rejected_connections;
}

void Connection::complete_request(Request& request) const {
    request.arrived = Clock::now();
    request.peer_address = peer_address_;
    request.client_address = peer_address_;
    if (server_.options.forwarded_allow_ips.contains(peer_address_)) {
        request.client_address =
            forwarded_client(request, server_.options.forwarded_allow_ips, peer_address_);
        for (const Header& header : request.headers) {
            if (!is_named(header, "x-forwarded-proto")) continue;
            if (header.value == "http") request.scheme = "http";
            if (header.value == "https") request.scheme = "https";
        }
    }
}

void Connection::count_request(const Request& request) {
    partial_phase_ = RequestDecoder::Phase::between_requests;
    count_input(std::exchange(partial_size_, 0), 0);  // it is this request, which counts as a whole
    const DecoderLimits& limits = server_.options.limits;
    if (hold(request) > 2 * (limits.head + limits.body) + pipeline_allowance) cut_input();
}

std::size_t Connection::hold(const Request& request) {
    const std::size_t size = request.memory_size();
    const std::size_t before = requests_size_.fetch_add(size);
    count_input(before, before + size);
    return before + size;
}

void Connection::note_partial_message() {
    partial_to_head_.store(decoder_.in_head_request(), std::memory_order_relaxed);
    const std::size_t now = decoder_.memory_size();
    count_input(std::exchange(partial_size_, now), now);
}

void Connection::count_input(std::size_t before, std::size_t now) {
    const std::size_t change = beyond_uncounted(now) - beyond_uncounted(before);  // modulo 2^64
    if (change == 0) return;
    const std::size_t all = server_.buffered_requests.fetch_add(change) + change;
    if (now > before && all > server_.options.limit_buffered) cut_input();
}

void Connection::cut_input() {
    // Pistache cannot be told to stop reading, so this is where a flood ends. With a reset: by a
    // goodbye the kernel's window for it would stay shut, and the client try for minutes.
    wants_input_ = false;
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    ::shutdown(socket_, SHUT_RDWR);
}

void Connection::post_cut(Clock::time_point waiting_since) {
    asio::post(loop_, [weak = weak_from_this(), waiting_since] {
        const auto self = weak.lock();
        if (self && self->unsent_since_ == waiting_since) self->close("limit_buffered");
    });
}

void Connection::on_input(decltype(InputEvent::what) what) {
    if (closed_) return;
    const auto self = shared_from_this();
    std::visit([this](auto& event) { on_event(std::move(event)); }, what);
    if (!closed_) {
        answer_next();
        set_timer();
    }
}

void Connection::on_event(Opened) {
    read_deadline_ = Clock::now() + server_.options.timeout_keep_alive;
    connections_.add(shared_from_this());
}

void Connection::on_event(std::unique_ptr<Request> request) {
    if (half_closed_ || refusal_) return;
    partial_message_ = false;
    partial_head_.reset();
    continue_wanted_ = false;
    read_deadline_ = never;
    queue_.push_back(std::move(request));
}

void Connection::on_event(ExpectsContinue) {
    continue_wanted_ = true;
}

void Connection::on_event(Refusal refusal) {
    wants_input_ = false;
    partial_message_ = false;
    partial_head_.reset();
    read_deadline_ = never;
    if (refusal_) return;
    refusal_ = std::move(refusal);
    if (refusal_->request) hold(*refusal_->request);
}

void Connection::on_event(PartialMessage partial) {
    if (half_closed_) return;
    partial_message_ = true;
    partial_head_ = std::move(partial.head);
    if (continue_wanted_) {
        read_deadline_ = never;  // until it is told to go on, the client waits for us
        return;
    }
    read_deadline_ = Clock::now() + (partial.phase == RequestDecoder::Phase::in_head
                                         ? server_.options.timeout_request_head
                                         : server_.options.timeout_request_body);
}

void Connection::on_event(EndOfInput) {
    end_of_input_ = true;
    // Half a request had arrived when we ended reading: its client is told to send it again.
    if (ended_input_ && partial_message_) on_event(timed_out());
    partial_message_ = false;
    read_deadline_ = never;
    if (half_closed_) {
        close();
    } else if (running_ && !ended_input_) {
        // A handler that still waits works for nobody. One that is done is still delivered: the
        // client may only have closed its sending side.
        queue_.clear();
        cancel(observe::Cancelled::client_gone);
    }
}

void Connection::answer_next() {
    // A handler that needs no waiting answers before start() returns, so this is a loop and not a
    // recursion as deep as the client's pipeline.
    if (answering_) return;
    answering_ = true;
    while (!closed_ && !half_closed_ && !running_ && !output_) {
        if (!queue_.empty()) {
            auto request = std::move(queue_.front());
            queue_.pop_front();
            start(std::move(request));
        } else if (refusal_) {
            refuse();
        } else if (continue_wanted_) {
            continue_wanted_ = false;
            read_deadline_ = Clock::now() + server_.options.timeout_request_body;
            transmit({.status = 100, .head = "HTTP/1.1 100 Continue\r\n\r\n"});
        } else {
            break;
        }
    }
    answering_ = false;
    if (closed_ || running_ || output_ || half_closed_) return;
    if (end_of_input_) {
        close();
    } else if (!partial_message_ && read_deadline_ == never) {
        read_deadline_ = Clock::now() + (ended_input_ ? linger_timeout : idle_timeout());
    }
}

void Connection::start(std::unique_ptr<Request> request) {
    request_ = std::move(request);
    request_size_ = request_->memory_size();  // now: the handler may take the body away
    const auto timeout = timeout_of(*request_, server_.options.request_timeout);
    const auto deadline = Clock::now() + (timeout ? *timeout : server_.options.request_timeout);
    // The time in which the loop had no time for it is the request's, too.
    const auto started = std::max(request_->arrived, free_since_);
    begin_in_flight(started, deadline);
    if (turning_away_) {
        in_flight_.shed = observe::Shed::draining;
        in_flight_.error_type = "shutdown";
        respond(service_unavailable());
        return;
    }
    const Route* const route = request_->match.route;
    if (in_flight_.in_flight_at_start > server_.options.limit_concurrency &&
        (route == nullptr || route->sheddable)) {
        in_flight_.shed = observe::Shed::concurrency;
        in_flight_.error_type = "concurrency_limit";
        respond(service_unavailable());
        return;
    }
    if (route == nullptr) {
        respond(answer_without_route(*request_));
        return;
    }
    if (!timeout) {
        respond(json({{"detail", std::string_view(timeout.reason())}}, 400));
        return;
    }
    request_deadline_ = deadline;
    if (server_.options.slow_request_log.count() > 0) {
        slow_log_due_ = started + server_.options.slow_request_log;
    }
    running_ = true;
    const async::Executor executor(loop_.get_executor(), &in_flight_);
    if (!cancellation_ || cancellation_.use_count() > 1) {
        cancellation_ = std::make_shared<asio::cancellation_signal>();
    }
    // The completion runs on the executor as well, which looks at the request: it must not be the
    // coroutine alone that keeps the connection. With asio 1.30 it runs within another turn, which
    // outlasts it.
    asio::co_spawn(executor, handle(shared_from_this(), *request_),
                   asio::bind_cancellation_slot(
                       cancellation_->slot(),
                       [kept = cancellation_, self = shared_from_this()](
                           const std::exception_ptr&) { async::Turn::forget(self->in_flight()); }));
}

void Connection::begin_in_flight(Clock::time_point started, Clock::time_point deadline) {
    in_flight_.restart(started);
    in_flight_.deadline = deadline;
    in_flight_.trace = observer_.trace(request_.get());
    if (request_) {
        in_flight_.request_id = choose_request_id(*request_, in_flight_.trace);
        in_flight_.method = method_label(*request_);
        in_flight_.scheme = request_->scheme;
        in_flight_.path = request_->path;
        in_flight_.client_address = request_->client_address;
        if (const Route* route = request_->match.route) in_flight_.route = route->path;
    } else {
        in_flight_.request_id = choose_request_id({}, in_flight_.trace);
        in_flight_.method = unknown_method;
        in_flight_.scheme = "http";
        in_flight_.client_address = peer_address_;
    }
    in_flight_.in_flight_at_start = server_.requests_in_flight.fetch_add(1) + 1;
    observer_.started(in_flight_);
}

Refusal Connection::timed_out() {
    return {
        .why = {408, "timeout"}, .request = std::move(partial_head_), .to_head = partial_to_head_};
}

void Connection::refuse() {
    refusing_ = true;
    request_ = std::move(refusal_->request);
    if (request_) request_size_ = request_->memory_size();
    begin_in_flight(Clock::now(), never);
    send(error(refusal_->why.status), false);
}

void Connection::respond(Response response) {
    running_ = false;
    request_deadline_ = never;
    // What the client has already sent is still answered before the connection closes.
    const bool last =
        (draining_ || ended_input_ || end_of_input_) && queue_.empty() && !partial_message_;
    send(std::move(response), request_->keep_alive && !last);
    if (!closed_) {
        answer_next();
        set_timer();
    }
}

void Connection::send(Response response, bool keep_alive) {
    if (closed_ || in_flight_.cancelled == observe::Cancelled::client_gone) {
        report_lost(client_gone);
        return;
    }
    const int version_minor = request_ ? request_->version_minor : 1;
    Output output{.status = response.status,
                  .keep_alive = keep_alive,
                  .head = serialize_head(response, in_flight_.request_id, in_flight_.trace,
                                         keep_alive, version_minor)};
    const bool head_only = request_ ? request_->method_name == "HEAD" : refusal_->to_head;
    if (!head_only && may_have_body(response.status)) output.body = std::move(response.body);
    transmit(std::move(output));
}

void Connection::transmit(Output output) {
    // Nearly every response fits into the socket at once and needs no place to wait in.
    const bool sent = write(output);
    if (sent) {
        finish_output(output);
    } else {
        output_ = std::make_unique<Output>(std::move(output));
        broken_ ? close() : wait_until_writable();
    }
}

bool Connection::write(Output& output) {
    while (true) {
        const std::string_view head = output.head;
        const std::string_view body = output.body.view();
        const std::size_t size = output.size();
        iovec parts[2];
        std::size_t count = 0;
        if (output.sent < head.size()) {
            parts[count++] = {const_cast<char*>(head.data()) + output.sent,
                              head.size() - output.sent};
        }
        const std::size_t body_sent = output.sent - std::min(output.sent, head.size());
        if (body_sent < body.size()) {
            parts[count++] = {const_cast<char*>(body.data()) + body_sent, body.size() - body_sent};
        }
        msghdr message{};
        message.msg_iov = parts;
        message.msg_iovlen = count;
        const ssize_t sent = ::sendmsg(socket_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) {
            broken_ = errno != EAGAIN && errno != EWOULDBLOCK;
            return false;
        }
        output.sent += static_cast<std::size_t>(sent);
        write_deadline_ = never;
        if (output.sent == size) return true;
    }
}

void Connection::wait_until_writable() {
    const auto now = Clock::now();
    in_flight_.wait_for(observe::Waiting::client, now);
    write_deadline_ = now + server_.options.timeout_write;
    set_timer();
    forget_unsent();
    server_.unsent.add(*this, now, output_->size());
    unsent_since_ = now;
    try {
        if (!writable_) {
            writable_ = std::make_unique<asio::posix::stream_descriptor>(loop_, socket_);
        }
    } catch (const std::system_error&) {
        close();  // the kernel has no room to watch one more socket
        return;
    }
    writable_->async_wait(asio::posix::stream_descriptor::wait_write,
                          [self = shared_from_this()](const std::error_code& error) {
                              if (error || self->closed_) return;
                              self->write_more();
                              if (self->closed_) return;
                              self->answer_next();
                              self->set_timer();
                          });
}

void Connection::forget_unsent() {
    if (unsent_since_) server_.unsent.remove(*this, *std::exchange(unsent_since_, std::nullopt));
}

void Connection::stop_waiting_until_writable() {
    forget_unsent();
    if (!writable_) return;
    writable_->release();  // the descriptor stays ours to close
    writable_.reset();
}

void Connection::write_more() {
    if (write(*output_)) {
        const auto output = std::move(output_);
        finish_output(*output);
    } else {
        broken_ ? close() : wait_until_writable();
    }
}

void Connection::finish_output(const Output& output) {
    stop_waiting_until_writable();
    if (output.status == 100) return;  // the response proper is still to come
    report(output.status, output.body.view().size());
    if (!output.keep_alive) close_when_client_does();
}

void Connection::report(int status, std::size_t body_size) {
    async::Turn::ends_for(in_flight_);
    free_since_ = Clock::now();
    observer_.finished({.request = request_.get(),
                        .in_flight = in_flight_,
                        .malformed_reason = refusing_ ? refusal_->why.reason : "",
                        .status = status,
                        .body_size = body_size,
                        .ended = free_since_});
    if (draining_) count_for_drain(status);
    server_.requests_in_flight.fetch_sub(1);
    slow_log_due_ = never;
    if (request_) {
        request_.reset();
        const std::size_t size = std::exchange(request_size_, 0);
        const std::size_t before = requests_size_.fetch_sub(size);
        count_input(before, before - size);
    }
}

void Connection::report_lost(std::string_view because) {
    in_flight_.error_type = because;
    report(499, 0);
}

void Connection::count_for_drain(int status) {
    const bool client_gone = status == 499;
    if (in_flight_.error_type == "shutdown" || (client_gone && turning_away_)) {
        ++server_.cancelled_while_draining;
    } else if (!client_gone) {
        ++server_.answered_while_draining;
    }
}

void Connection::close_when_client_does() {
    half_closed_ = true;
    wants_input_ = false;
    queue_.clear();
    read_deadline_ = never;
    ::shutdown(socket_, SHUT_WR);
    if (end_of_input_) {
        close();
    } else {
        write_deadline_ = Clock::now() + linger_timeout;
    }
}

void Connection::drain() {
    if (closed_) return;
    const auto self = shared_from_this();
    draining_ = true;
    if (!idle()) return;
    read_deadline_ = std::min(read_deadline_, Clock::now() + idle_timeout());
    set_timer();
}

bool Connection::idle() const noexcept {
    return !busy() && !partial_message_ && !half_closed_ && !refusal_ && !end_of_input_;
}

std::chrono::milliseconds Connection::idle_timeout() const noexcept {
    return draining_ ? std::min(last_request_wait, server_.options.timeout_keep_alive)
                     : server_.options.timeout_keep_alive;
}

void Connection::end_input() {
    ended_input_ = true;
    ::shutdown(socket_, SHUT_RD);
    read_deadline_ = Clock::now() + linger_timeout;
}

void Connection::cancel(observe::Cancelled reason) {
    if (reason == observe::Cancelled::shutdown) {
        turning_away_ = true;
        if (!closed_ && idle() && !ended_input_) {
            end_input();
            set_timer();
        }
    }
    if (!running_ || in_flight_.cancelled != observe::Cancelled::no) return;
    in_flight_.cancelled = reason;
    cancellation_->emit(asio::cancellation_type::terminal);
}

void Connection::close(std::string_view lost_because) {
    if (std::exchange(closed_, true)) return;
    wants_input_ = false;
    queue_.clear();
    timer_.clear();
    stop_waiting_until_writable();
    // Pistache sees the end of the stream and closes its descriptor of the same socket.
    ::shutdown(socket_, SHUT_RDWR);
    if (running_) {
        cancel(observe::Cancelled::client_gone);
    } else if (output_) {
        const bool interim = output_->status == 100;
        output_.reset();
        if (!interim) report_lost(lost_because);
    }
    connections_.remove(shared_from_this());
}

void Connection::set_timer() {
    const auto earliest =
        std::min({request_deadline_, read_deadline_, write_deadline_, slow_log_due_});
    if (earliest == never) {
        timer_.clear();
    } else {
        timer_.set(earliest);
    }
}

void Connection::on_timer() {
    const auto self = shared_from_this();
    const auto now = Clock::now();
    if (now >= write_deadline_) {
        close("write_timeout");
        return;
    }
    if (now >= slow_log_due_) {
        slow_log_due_ = never;
        observer_.slow(*request_, in_flight_);
    }
    if (now >= request_deadline_) {
        request_deadline_ = never;
        cancel(observe::Cancelled::deadline);
    }
    if (now >= read_deadline_) {
        if (partial_message_) {
            on_event(timed_out());
            answer_next();
        } else if (!ended_input_) {
            end_input();
        } else {
            close();
            return;
        }
    }
    if (!closed_) set_timer();
}

}  // namespace signalbox::http
