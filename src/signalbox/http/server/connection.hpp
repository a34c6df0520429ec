#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "signalbox/async/deadline_timer.hpp"
#include "signalbox/http/body_file.hpp"
#include "signalbox/http/server/active_request.hpp"
#include "signalbox/http/server/eviction_order.hpp"
#include "signalbox/http/server/input.hpp"
#include "signalbox/http/server/lingering_close.hpp"
#include "signalbox/http/server/loop_context.hpp"
#include "signalbox/http/server/memory_budget.hpp"
#include "signalbox/http/server/output.hpp"
#include "signalbox/http/server/socket_calls.hpp"

namespace signalbox::http {

/// One client's connection: receives a request, has it handled, sends the response, and begins
/// anew, until one side has had enough.
///
///     receiving ──► handling ──► sending ──► receiving …
///                      │          ▲ └──────► lingering ──► closed
///                      └► streaming
///
/// One request at a time: what a client pipelines waits as bytes, most of it with the client.
///
/// For its loop's thread. It closes its socket as soon as it is closed itself; from then on nothing
/// is called but the destructor.
class Connection final : public SocketOwner,
                         public ActiveRequest::Owner,
                         public BufferHolder,
                         public BodyFile::Observer,
                         public EvictionOrder::Place {
  public:
    using Clock = std::chrono::steady_clock;

    /// Takes ownership of a connected, non-blocking socket. `network` is the client for which it
    /// counts; without one it counts for itself.
    Connection(LoopContext& loop, int socket, std::string peer_address,
               std::optional<ClientNetwork> network = {});
    ~Connection() override;
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// Begins to receive. Throws std::runtime_error when the kernel watches no more sockets; then
    /// the socket is the caller's again.
    void open();

    void on_ready(Readiness ready) override;
    void on_call_again() override;
    void on_failure(const std::exception_ptr& error) noexcept override;
    void respond(Response&& response) override;
    void send_piece(const Response& response, Body piece) override;
    void on_held(std::size_t bytes) override;
    void end_stream(const Response& response) override;
    void cut_stream() noexcept override;
    void on_written() noexcept override;
    asio::io_context& loop() noexcept override { return loop_.loop; }
    bool evictable_at_once() const noexcept override {
        return state_ != State::handling && state_ != State::streaming && !proceeding_;
    }
    void give_way() noexcept override;

    /// The loop's phase has changed.
    void on_phase();
    /// A response that is not sent to its end counts as lost, with this reason.
    void close(std::string_view lost_because = ActiveRequest::client_gone);

    /// Closes to make room for another, in a turn of the loop, unless its client turns out to have
    /// sent a request that was not seen. Returns whether it closed.
    bool evict();
    /// When it opened, or its last request ended.
    Clock::time_point free_since() const noexcept { return free_since_; }
    /// Whether a request has ended since it got its place in the order of evictions, or this was
    /// asked. Requests that need no waiting do not change that order, which would cost each of
    /// them.
    bool was_used() noexcept { return std::exchange(ordered_at_, free_since_) != free_since_; }
    std::optional<ClientNetwork> network() const noexcept { return network_; }

    /// Whether a request is handled or answered.
    bool busy() const noexcept {
        return state_ == State::handling || state_ == State::streaming || state_ == State::sending;
    }
    /// Once a second: what the kernel has for it may have changed without a word.
    void measure(Clock::time_point now);

    /// Its place among the loop's connections, for them to find it.
    std::size_t place = 0;

  private:
    enum class State : unsigned char {
        receiving,  ///< the next request; between requests as well
        handling,   ///< `request_`
        streaming,  ///< its response, which has begun: a piece waits in `output_`, or is to come
        sending,    ///< its response or the end of that, or an interim one
        lingering,  ///< all is sent, the client has to close
        closed,
    };
    /// What is being sent.
    struct Answer {
        std::string_view malformed_reason{};
        std::size_t body_size = 0;
        std::uint64_t began_at = 0;  ///< Output::sent() then
        int status = 0;
        bool keep_alive = true;
    };

    void proceed();
    void on_unread();
    void call_again();
    void take(std::unique_ptr<Request> request);
    void take(ExpectsContinue);
    void take(Refusal refusal);
    /// Whether the middleware, which may take its time, is to be shown the answer.
    enum class Shown : bool { no, yes };
    void refuse(Refusal refusal, Shown to_middleware);
    void complete(Request& request) const;
    void refuse_for(Malformed why, Shown to_middleware);
    void refuse_for_memory();
    void refuse_for_a_new_one();
    void begin_refusal();
    void spool();
    void stop_spooling() noexcept;
    bool waits_for_disk() const noexcept { return body_file_ && body_file_->congested(); }
    void refuse_for_disk();
    void refuse_if_too_large(Response& response, std::size_t size);

    /// Whether this response is the last one.
    bool is_last() noexcept;
    bool chunked() const noexcept { return request_->request()->version_minor > 0; }
    void begin_stream(const Response& response);
    void send(Response&& response, bool head_only, bool keep_alive,
              std::string_view malformed_reason = {});
    void on_progress(Output::Progress progress);
    void on_sent();
    void begin_lingering(Clock::time_point now);
    void linger();
    void leave();
    void wait_until_writable();
    void cut(Cut why);
    void say_unavailable() noexcept;

    void settle();
    void take_place_in_order();
    EvictionOrder::Waits what_it_waits_for() const noexcept;
    void set_receive_deadline();
    void account();
    void release() noexcept;
    void hold_nothing() noexcept;
    void ask_kernel();
    void widen(bool full);
    void narrow();
    bool evictable() const noexcept;
    std::uint64_t moved() const noexcept { return input_.received() + output_.sent(); }
    std::chrono::milliseconds idle_timeout() const noexcept;
    Clock::time_point next_deadline() const noexcept;
    void on_timer();
    void on_receive_timeout();
    void on_write_timeout();

    /// Constant after construction.
    LoopContext& loop_;
    const std::string peer_address_;
    const std::optional<ClientNetwork> network_;
    const bool trusted_peer_;  ///< its forwarded headers are believed

    int socket_;  ///< -1 when closed
    State state_ = State::receiving;
    bool proceeding_ = false;
    bool called_again_ = false;      ///< it will be, in the loop's next turn
    bool leaving_ = false;           ///< nothing is read any more; the client has to take the rest
    bool watching_writing_ = false;  ///< once it had to wait for it
    bool within_message_ = false;    ///< its client still sends one that was refused
    std::string_view malformed_reason_;  ///< of a message whose refusal the middleware is shown
    Input input_;
    std::shared_ptr<BodyFile> body_file_;  ///< of the request that arrives
    context::Reference<ActiveRequest> request_;
    Answer answer_;
    Output output_;
    LingeringClose lingering_;
    async::DeadlineTimer timer_;

    RequestDecoder::Phase deadline_of_ = RequestDecoder::Phase::between_requests;
    Clock::time_point receive_deadline_ = Clock::time_point::max();
    Clock::time_point write_deadline_ = Clock::time_point::max();
    Clock::time_point leave_deadline_ = Clock::time_point::max();
    Clock::time_point ordered_at_{};  ///< `free_since_`, then
    Clock::time_point free_since_{};  ///< when it opened, or the last request ended

    /// As counted for the loop and the server's budget.
    std::size_t held_requests_ = 0;
    std::size_t held_responses_ = 0;
    KernelMemory held_in_kernel_;
    const char* held_body_ = nullptr;
    bool holding_ = false;  ///< the budget knows it
    bool evicted_ = false;  ///< its client has been told, or is when its handler has ended
    std::uint64_t moved_before_ = 0;  ///< what moved() was when it began to hold anything

    std::size_t granted_ = 0;  ///< the kernel may have so much of a body that arrives
    std::uint64_t received_when_measured_ = 0;
    KernelMemory in_kernel_;  ///< when the kernel was last asked
    std::uint64_t sent_when_asked_ = 0;
    std::uint64_t taken_ = 0;          ///< of what was sent, by the client
    Clock::time_point taken_since_{};  ///< when that was last seen to grow
};

}  // namespace signalbox::http
