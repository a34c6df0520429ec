#include "signalbox/testing/exchange.hpp"

#include <asio/post.hpp>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <utility>
#include <variant>

#include "signalbox/http/response.hpp"
#include "signalbox/http/server/error_answer.hpp"
#include "signalbox/http/wire/head.hpp"
#include "signalbox/http/wire/response_head.hpp"

namespace signalbox::test {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view peer = "127.0.0.1";
constexpr std::string_view line_end = "\r\n";

/// Throws for what would be another line, and so another header or another request.
std::string_view one_line(std::string_view text) {
    if (text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) {
        throw std::invalid_argument("not a piece of one line: \"" + std::string(text) + '"');
    }
    return text;
}

bool has(const Headers& headers, std::string_view name) {
    return std::any_of(headers.begin(), headers.end(), [name](const auto& header) {
        return http::is_named({header.first, header.second}, name);
    });
}

std::string encode(std::string_view method, std::string_view target, std::string_view body,
                   const Headers& headers) {
    std::string bytes;
    bytes.append(one_line(method)).append(" ").append(one_line(target)).append(" HTTP/1.1");
    const auto add = [&bytes](std::string_view name, std::string_view value) {
        bytes.append(line_end).append(name).append(": ").append(value);
    };
    if (!has(headers, "host")) add("Host", "test");
    for (const auto& [name, value] : headers)
        add(one_line(name), one_line(value));
    if (!body.empty() && !has(headers, "content-type")) add("Content-Type", "application/json");
    if (!has(headers, "content-length") && !has(headers, "transfer-encoding") &&
        (!body.empty() || method == "POST" || method == "PUT" || method == "PATCH")) {
        add("Content-Length", std::to_string(body.size()));
    }
    return bytes.append(line_end).append(line_end).append(body);
}

/// As the client reads it.
Headers headers_of(std::string_view head) {
    Headers headers;
    head.remove_prefix(std::min(head.find(line_end), head.size()));
    while (head.size() > line_end.size()) {
        head.remove_prefix(line_end.size());
        const std::string_view line = head.substr(0, head.find(line_end));
        head.remove_prefix(line.size());
        if (line.empty()) break;
        const auto header = http::parse_field_line(line);
        if (!header) throw std::logic_error("not a header: " + std::string(line));
        headers.emplace_back(header->name, header->value);
    }
    return headers;
}

}  // namespace

http::Decoded decode_request(const http::ServerContext& server, std::string_view method,
                             std::string_view target, std::string_view body,
                             const Headers& headers) {
    const std::string bytes = encode(method, target, body, headers);
    http::RequestDecoder decoder(server.options.limits, &server.router);
    decoder.feed(bytes);
    auto decoded = decoder.next();
    if (decoded && std::holds_alternative<http::ExpectsContinue>(*decoded)) {
        decoded = decoder.next();
    }
    if (!decoded) {
        throw std::invalid_argument("its headers announce more than the body that it has");
    }
    if (!std::holds_alternative<http::Refusal>(*decoded) && decoder.has_more()) {
        throw std::invalid_argument("its body has more than its headers announce");
    }
    return std::move(*decoded);
}

Exchange::Exchange(http::RequestLoop& loop, std::size_t pieces, std::promise<Response> answered)
    : loop_(loop),
      timer_(loop.loop,
             [this] {
                 request_->on_time(Clock::now());
                 watch();
             }),
      answered_(std::move(answered)),
      pieces_left_(pieces) {}

void Exchange::begin(http::RequestLoop& loop, http::Decoded message, std::size_t pieces,
                     std::promise<Response> answered) {
    const std::shared_ptr<Exchange> self(new Exchange(loop, pieces, std::move(answered)));
    self->self_ = self;
    try {
        std::visit([&self](auto& what) { self->take(std::move(what)); }, message);
    } catch (...) {
        self->on_failure(std::current_exception());
    }
}

void Exchange::take(std::unique_ptr<http::Request> request) {
    complete(*request);
    request_ = http::ActiveRequest::begin(loop_, std::move(request), peer, Clock::now());
    request_->run(*this);
    watch();
}

void Exchange::take(http::ExpectsContinue) {
    throw std::logic_error("decode_request() has passed over it");
}

void Exchange::take(http::Refusal refusal) {
    if (refusal.request) complete(*refusal.request);
    const bool shown = refusal.request && !loop_.server.options.middleware.empty();
    request_ = http::ActiveRequest::begin(loop_, std::move(refusal.request), peer, Clock::now());
    if (shown) {
        malformed_reason_ = refusal.why.reason;
        request_->refuse(*this, http::answer_to_malformed(refusal.why));
        watch();
        return;
    }
    request_->refuse();
    send(http::answer_to_malformed(refusal.why), refusal.to_head, false, refusal.why.reason);
}

/// With what its head alone does not say.
void Exchange::complete(http::Request& request) {
    request.peer_address = peer;
    request.client_address = request.peer_address;
}

void Exchange::respond(http::Response&& response) {
    const http::Request& request = *request_->request();
    send(response, request.method_name == "HEAD", request.keep_alive && malformed_reason_.empty(),
         malformed_reason_);
}

void Exchange::send(const http::Response& response, bool head_only, bool keep_alive,
                    std::string_view malformed_reason) {
    take_head(response, keep_alive);
    if (!head_only && http::may_have_body(response.status)) response_.body = response.body.view();
    response_.cause =
        malformed_reason.empty() ? request_->error_cause() : std::string_view(malformed_reason);
    request_->finish(response.status, response_.body.size(), malformed_reason);
    end();
}

void Exchange::take_head(const http::Response& response, bool keep_alive) {
    std::string head;
    http::append_head(head, response, request_->request_id, request_->trace, keep_alive, 1);
    response_.status = response.status;
    response_.headers = headers_of(head);
}

/// Its client takes everything, until it leaves.
void Exchange::send_piece(const http::Response& response, http::Body piece) {
    if (!streaming_) {
        take_head(response, request_->request()->keep_alive);
        streaming_ = true;
        request_->stream_begins();
    }
    response_.body += piece.view();
    request_->piece_sent();
    if (--pieces_left_ > 0) return;
    request_->abandon(http::ActiveRequest::client_gone, response.status);
    end();
}

void Exchange::end_stream(const http::Response& response) {
    if (!streaming_) take_head(response, request_->request()->keep_alive);
    request_->finish(response.status, response_.body.size());
    end();
}

void Exchange::cut_stream() noexcept {
    response_.cut = true;
    try {
        response_.cause = request_->error_cause();
    } catch (...) {
        failure_ = std::current_exception();
    }
    request_->finish_lost(request_->error_type, response_.status);
    end();
}

void Exchange::on_failure(const std::exception_ptr& error) noexcept {
    failure_ = error;
    if (request_ && request_->running()) {
        request_->abandon("connection_failed");
    } else if (request_) {
        request_->finish_lost("connection_failed");
    }
    end();
}

/// Has the request told of its times, as long as it is not answered.
void Exchange::watch() {
    if (request_ && request_->next_due() != async::never) timer_.set(request_->next_due());
}

/// Not at once: who calls may still be at work for the request.
void Exchange::end() {
    request_ = nullptr;
    timer_.clear();
    asio::post(loop_.loop, [self = std::move(self_)]() mutable {
        auto answered = std::move(self->answered_);
        auto response = std::move(self->response_);
        const auto failure = self->failure_;
        self.reset();
        failure ? answered.set_exception(failure) : answered.set_value(std::move(response));
    });
}

}  // namespace signalbox::test
