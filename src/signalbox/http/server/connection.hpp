#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "signalbox/async/deadline_timer.hpp"
#include "signalbox/http/server/active_request.hpp"
#include "signalbox/http/server/eviction_order.hpp"
#include "signalbox/http/server/input.hpp"
#include "signalbox/http/server/lingering_close.hpp"
#include "signalbox/http/server/loop_context.hpp"
#include "signalbox/http/server/output.hpp"
#include "signalbox/http/server/unsent_responses.hpp"

namespace signalbox::http {

/// One client's connection: receives a request, has it handled, sends the response, and begins
/// anew, until one side has had enough.
///
///     receiving ──► handling ──► sending ──► receiving …
///                                   └──────► lingering ──► closed
///
/// One request at a time: what a client pipelines waits as bytes, most of it with the client.
///
/// For its loop's thread. It closes its socket as soon as it is closed itself; from then on nothing
/// is called but the destructor.
class Connection final : public SocketOwner,
                         public ActiveRequest::Owner,
                         public UnsentResponse,
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
    void respond(Response response) override;
    asio::io_context& loop() noexcept override { return loop_.loop; }
    void cut() override { close(ActiveRequest::limit_buffered); }

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
    bool busy() const noexcept { return state_ == State::handling || state_ == State::sending; }
    /// Bytes that the kernel has received and that are not read while a request is handled.
    std::size_t unread_in_kernel() const;

    /// Its place among the loop's connections, for them to find it.
    std::size_t place = 0;

  private:
    enum class State : unsigned char {
        receiving,  ///< the next request; between requests as well
        handling,   ///< `request_`
        sending,    ///< its response, or an interim one
        lingering,  ///< all is sent, the client has to close
        closed,
    };
    /// What is being sent.
    struct Answer {
        std::string_view malformed_reason{};
        std::size_t body_size = 0;
        int status = 0;
        bool keep_alive = true;
    };

    void proceed();
    void call_again();
    void take(std::unique_ptr<Request> request);
    void take(ExpectsContinue);
    void take(Refusal refusal);
    void complete(Request& request) const;
    void refuse_for(Malformed why);

    void send(Response response, bool head_only, bool keep_alive,
              std::string_view malformed_reason = {});
    void on_progress(Output::Progress progress);
    void on_sent();
    void linger();
    void wait_until_writable();
    void forget_unsent();

    void settle();
    void take_place_in_order();
    EvictionOrder::Waits what_it_waits_for() const noexcept;
    void set_receive_deadline();
    void count_held();
    std::chrono::milliseconds idle_timeout() const noexcept;
    Clock::time_point next_deadline() const noexcept;
    void on_timer();
    void on_receive_timeout();
    void reset_on_close() const;

    /// Constant after construction.
    LoopContext& loop_;
    const std::string peer_address_;
    const std::optional<ClientNetwork> network_;
    const bool trusted_peer_;  ///< its forwarded headers are believed

    int socket_;  ///< -1 when closed
    State state_ = State::receiving;
    bool proceeding_ = false;
    bool called_again_ = false;      ///< it will be, in the loop's next turn
    bool watching_writing_ = false;  ///< once it had to wait for it
    Input input_;
    context::Reference<ActiveRequest> request_;
    Answer answer_;
    Output output_;
    LingeringClose lingering_;
    async::DeadlineTimer timer_;

    std::size_t held_ = 0;  ///< bytes, as counted for the loop
    RequestDecoder::Phase deadline_of_ = RequestDecoder::Phase::between_requests;
    Clock::time_point receive_deadline_ = Clock::time_point::max();
    Clock::time_point write_deadline_ = Clock::time_point::max();
    Clock::time_point unsent_since_{};  ///< as the server's unsent responses know it; 0: nothing is
    Clock::time_point ordered_at_{};    ///< `free_since_`, then
    Clock::time_point free_since_{};    ///< when it opened, or the last request ended
};

}  // namespace signalbox::http
