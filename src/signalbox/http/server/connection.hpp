#pragma once

#include <asio/cancellation_signal.hpp>
#include <asio/posix/stream_descriptor.hpp>

#include <atomic>
#include <cstddef>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "signalbox/async/deadline_timer.hpp"
#include "signalbox/http/response.hpp"
#include "signalbox/http/server/event.hpp"
#include "signalbox/observe/in_flight.hpp"

namespace signalbox::http {

class ConnectionSet;
class RequestObserver;
struct ServerContext;

/// One client's connection: its requests one at a time and in order, its responses, its timeouts.
///
/// Requests come from the HTTP thread; everything else happens on one event loop, where responses
/// are written straight to the socket and never block or spin: what the socket does not take now
/// is sent when the loop says that it is writable.
///
/// The socket is a duplicate of the one that Pistache reads from and closes as it sees fit. As
/// long as this one is open, its number cannot be given to another client.
class Connection : public std::enable_shared_from_this<Connection> {
  public:
    using Clock = std::chrono::steady_clock;
    static constexpr std::string_view client_gone = "client_gone";

    /// Takes ownership of `socket`.
    Connection(ServerContext& server, ConnectionSet& connections, RequestObserver& observer,
               asio::io_context& loop, int socket, std::string peer_address);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// For the HTTP thread.
    RequestDecoder& decoder() noexcept { return decoder_; }
    bool wants_input() const noexcept { return wants_input_.load(std::memory_order_relaxed); }
    bool partial_phase_changes_to(RequestDecoder::Phase phase) noexcept;
    void count_as_rejected();
    /// Fills in what is known of the connection.
    void complete_request(Request& request) const;
    /// Counts a complete request as queued.
    void count_request(const Request& request);
    /// Notes what the decoder holds of a message that is not complete.
    void note_partial_message();

    /// Closes it, later on its loop, if its client then still takes nothing of the response that
    /// has waited since then. Any thread.
    void post_cut(Clock::time_point waiting_since);

    /// For the event loop.
    void on_input(decltype(InputEvent::what) what);
    /// Answers what has arrived, with `Connection: close`, and closes. When idle, it closes after a
    /// moment in which a request that is on its way may still come.
    void drain();
    /// Ends the request in flight, if its handler still runs, with the answer for this reason.
    /// After a shutdown those that wait behind it get the same.
    void cancel(observe::Cancelled reason);
    /// A response that is not sent to its end counts as lost, with this reason.
    void close(std::string_view lost_because = client_gone);
    bool busy() const noexcept { return running_ || output_ || !queue_.empty(); }
    /// When its client has to have sent something.
    Clock::time_point read_deadline() const noexcept { return read_deadline_; }

    /// For the coroutine of the request in flight.
    void respond(Response response);
    observe::InFlightRequest& in_flight() noexcept { return in_flight_; }

  private:
    /// What is being sent, and how much of head and body the socket has taken.
    struct Output {
        int status = 0;
        bool keep_alive = true;
        std::string head{};
        Body body{};
        std::size_t sent = 0;

        std::size_t size() const noexcept { return head.size() + body.view().size(); }
    };

    void on_event(Opened);
    void on_event(std::unique_ptr<Request> request);
    void on_event(ExpectsContinue);
    void on_event(Refusal refusal);
    void on_event(PartialMessage partial);
    void on_event(EndOfInput);

    void answer_next();
    void start(std::unique_ptr<Request> request);
    void begin_in_flight(Clock::time_point started, Clock::time_point deadline);
    /// Of a message of which not all came in time.
    Refusal timed_out();
    void refuse();
    void send(Response response, bool keep_alive);
    /// Sends it, now or as the socket takes it.
    void transmit(Output output);
    /// Whether all of it has been sent; if not, the socket is full or `broken_`.
    bool write(Output& output);
    void write_more();
    void wait_until_writable();
    void forget_unsent();
    /// Tells the server what this connection holds of requests, in bytes, and ends its input when
    /// all hold too much.
    void count_input(std::size_t before, std::size_t now);
    /// Counts a request until it is answered; returns how much those of this connection hold.
    std::size_t hold(const Request& request);
    void cut_input();
    void stop_waiting_until_writable();
    void finish_output(const Output& output);
    void report(int status, std::size_t body_size);
    void report_lost(std::string_view because);
    void count_for_drain(int status);
    void close_when_client_does();
    bool idle() const noexcept;
    /// How long it may be idle.
    std::chrono::milliseconds idle_timeout() const noexcept;
    /// Reading ends behind what has arrived. A request on its way from the socket to here still
    /// comes, before the end of input does.
    void end_input();
    void set_timer();
    void on_timer();

    /// Constant after construction.
    ServerContext& server_;
    ConnectionSet& connections_;
    RequestObserver& observer_;
    asio::io_context& loop_;
    const int socket_;
    const std::string peer_address_;

    /// Any thread.
    std::atomic<bool> wants_input_{true};
    std::atomic<bool> partial_to_head_{false};
    std::atomic<std::size_t> requests_size_{0};  ///< bytes, until they are answered

    /// The HTTP thread's.
    RequestDecoder decoder_;
    RequestDecoder::Phase partial_phase_ = RequestDecoder::Phase::between_requests;
    std::size_t partial_size_ = 0;  ///< bytes of the message that is not complete

    /// The event loop's.
    std::list<std::unique_ptr<Request>> queue_;
    std::unique_ptr<Request> request_;  ///< the one in flight
    std::size_t request_size_ = 0;      ///< bytes, as counted
    Clock::time_point free_since_{};    ///< when the last one ended
    observe::InFlightRequest in_flight_;
    /// Of the coroutine in flight. Shared with its completion: asio still looks at it after the
    /// answer, when the next request may have begun or the connection may be gone.
    std::shared_ptr<asio::cancellation_signal> cancellation_;
    std::unique_ptr<Request> partial_head_;
    std::optional<Refusal> refusal_;  ///< to be answered after the queue, then closed
    /// Only while the socket is full.
    std::unique_ptr<Output> output_;
    std::optional<Clock::time_point> unsent_since_;  ///< as the server's unsent responses know it
    std::unique_ptr<asio::posix::stream_descriptor> writable_;
    async::DeadlineTimer timer_;
    Clock::time_point request_deadline_ = Clock::time_point::max();
    Clock::time_point read_deadline_ = Clock::time_point::max();
    Clock::time_point write_deadline_ = Clock::time_point::max();
    Clock::time_point slow_log_due_ = Clock::time_point::max();
    bool running_ = false;  ///< the handler's coroutine is not done
    bool answering_ = false;
    bool refusing_ = false;
    bool continue_wanted_ = false;
    bool partial_message_ = false;
    bool draining_ = false;
    bool end_of_input_ = false;
    bool ended_input_ = false;   ///< by us, so it does not mean that the client is gone
    bool half_closed_ = false;   ///< by us, after the last response
    bool turning_away_ = false;  ///< the process ends: what has not begun gets a 503
    bool broken_ = false;        ///< the socket takes nothing more, ever
    bool closed_ = false;
};

}  // namespace signalbox::http
