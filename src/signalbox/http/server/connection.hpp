#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "signalbox/async/deadline_timer.hpp"
#include "signalbox/http/server/active_request.hpp"
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
class Connection final : public SocketOwner, public ActiveRequest::Owner, public UnsentResponse {
  public:
    using Clock = std::chrono::steady_clock;

    /// Takes ownership of a connected, non-blocking socket.
    Connection(LoopContext& loop, int socket, std::string peer_address);
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

    /// Whether a request is handled or answered.
    bool busy() const noexcept { return state_ == State::handling || state_ == State::sending; }
    /// When its client has to have sent something.
    Clock::time_point receive_deadline() const noexcept { return receive_deadline_; }
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
    Clock::time_point free_since_{};    ///< when the last request ended
};

}  // namespace signalbox::http
