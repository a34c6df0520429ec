#include "signalbox/http/server/response_sink.hpp"

#include <asio/error.hpp>
#include <asio/system_error.hpp>

#include <stdexcept>
#include <utility>

#include "signalbox/async/scoped_flag.hpp"

namespace signalbox::http {

namespace {

/// After so many bytes that did not have to wait the loop's others have their turn.
constexpr std::size_t longest_run = 64 * 1024;

}  // namespace

ResponseSink::ResponseSink(ActiveRequest& request, const Response& response,
                           const async::Executor& executor)
    : request_(request), response_(response), wakeup_(executor) {
    request_.sink_ = this;
}

ResponseSink::~ResponseSink() {
    request_.sink_ = nullptr;
    request_.held_by_stream_ = 0;
}

async::Task<> ResponseSink::write(Body piece) {
    const std::size_t size = piece.view().size();
    if (size == 0) co_return;  // it would be the last chunk
    if (writing_) throw std::logic_error("a stream writes one piece at a time");
    const async::ScopedFlag writing(writing_);
    if (unsent_ > 0) co_await flush();
    throw_if_broken();
    unsent_ = size;
    try {
        request_.send_piece(response_, std::move(piece));
    } catch (...) {
        broken_ = true;
        throw;
    }
    if (unsent_ > 0) {
        since_pause_ = 0;
        co_await flush();
    } else if (since_pause_ += size; since_pause_ >= longest_run) {
        since_pause_ = 0;
        co_await wakeup_.wait_until(async::Wakeup::Clock::time_point::min());
    }
}

async::Task<> ResponseSink::flush() {
    const context::WaitScope for_client(&request_, context::Waiting::client);
    const async::ScopedFlag waiting(waiting_);
    while (unsent_ > 0 && request_.may_write() && !broken_)
        co_await wakeup_.wait_until();
    throw_if_broken();
}

void ResponseSink::throw_if_broken() const {
    if (broken_ || !request_.may_write()) {
        throw asio::system_error(asio::error::operation_aborted);
    }
}

void ResponseSink::on_ending(std::function<void()> call) {
    on_ending_ = std::move(call);
    if (ending()) end();
}

void ResponseSink::piece_sent() noexcept {
    request_.count_streamed(std::exchange(unsent_, 0));
    wake();
}

void ResponseSink::wake() noexcept {
    if (waiting_) wakeup_.notify();
}

void ResponseSink::end() {
    if (const auto call = std::exchange(on_ending_, nullptr)) call();
}

}  // namespace signalbox::http
