#pragma once

#include <asio/cancellation_signal.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "signalbox/async/task.hpp"
#include "signalbox/context/error_types.hpp"
#include "signalbox/context/request_context.hpp"
#include "signalbox/http/request.hpp"
#include "signalbox/http/response.hpp"
#include "signalbox/http/server/request_loop.hpp"

namespace signalbox::http {

class MiddlewareChain;
class ResponseSink;

/// The life of one request, from its last byte to the last byte of its answer: it decides whether
/// the request is worked on, runs its handler, cancels it, watches its times, and tells the loop's
/// observer when it is over.
///
/// It owns the request, and everything that works for the request keeps it: a handler and what it
/// has spawned may go on after the client has left and the connection is gone.
///
/// For the loop's thread.
class ActiveRequest final : public context::RequestContext {
  public:
    static constexpr std::string_view client_gone = context::error_types::client_gone;
    static constexpr std::string_view limit_buffered = context::error_types::limit_buffered;

    /// Above it run() asks whether there is room; its owner has counted it by then. Those in flight
    /// are too few for smaller ones to matter (--limit-concurrency).
    static constexpr std::size_t largest_unquestioned = 4 * 1024;

    /// Whose request it is, and who sends the answer.
    class Owner {
      public:
        virtual ~Owner() = default;
        /// Once for each run() or refuse(), before it returns or later, unless it is answered by a
        /// stream.
        virtual void respond(Response&& response) = 0;
        virtual void on_failure(const std::exception_ptr& error) noexcept = 0;

        /// A piece of the stream that `response` is the head of, not empty. Calls stream_begins()
        /// where it is the first, before anything of it is sent, and piece_sent() when all of the
        /// piece is. The next comes after that.
        virtual void send_piece(const Response& response, Body piece) = 0;
        /// size() has grown by so much. Cancels the request where there is no room for it.
        virtual void on_held(std::size_t bytes) = 0;
        /// All pieces are sent, if there were any.
        virtual void end_stream(const Response& response) = 0;
        /// No more comes: the client is to see that something is missing. `error_type` says why.
        virtual void cut_stream() noexcept = 0;
    };

    /// A request in flight from now on. `request` is null when what came had no head in order; then
    /// only `peer_address` says whose it was.
    static context::Reference<ActiveRequest> begin(RequestLoop& loop,
                                                   std::unique_ptr<Request> request,
                                                   std::string_view peer_address,
                                                   Clock::time_point started);

    /// Has it answered: at once when it is turned away or nobody handles it, else by its handler;
    /// through the middleware in both cases.
    void run(Owner& owner);
    /// Instead of run(): it is not taken, and its owner answers so.
    void refuse() { observe_start(); }
    /// The same, but that the middleware is shown the answer. Where there is some, and a request.
    void refuse(Owner& owner, Response answer);
    /// Ends its handler or its stream, if it runs and was not cancelled before.
    void cancel(context::Cancelled reason);
    /// Its owner goes, while its handler runs. What that still answers is for the log only, as lost
    /// for this reason; `told` is the status that the client got all the same, if any.
    void abandon(std::string_view because, int told = 0);

    /// It is over; exactly once. Returns when that was.
    Clock::time_point finish(int status, std::size_t body_size,
                             std::string_view malformed_reason = {}) noexcept;
    /// The same, for an answer that its client did not get, or not all of: `begun` is its status, 0
    /// when nothing of it was sent. It counts with that status, or as what the client would have
    /// been told; only where the client has left by itself it is 499.
    Clock::time_point finish_lost(std::string_view because, int begun = 0) noexcept;

    std::string tracestate() const override;
    void hold(std::size_t bytes) override;

    const Request* request() const noexcept { return request_.get(); }
    /// About what it occupied when it began, and what it holds since, in bytes.
    std::size_t size() const noexcept { return size_ + held_by_stream_; }
    bool running() const noexcept { return running_; }

    /// From its owner, of a stream.
    void stream_begins();
    void piece_sent() noexcept;
    /// The loop does not serve on, so that a stream has to come to its end.
    void tell_ending();
    /// Bytes of the stream that were sent.
    std::size_t streamed() const noexcept { return streamed_; }

    /// When on_time() is to be called next, if ever.
    Clock::time_point next_due() const noexcept {
        if (streaming()) return Clock::time_point::max();
        const bool late = cancelled != context::Cancelled::no;
        return late ? slow_log_due_ : std::min(deadline, slow_log_due_);
    }
    void on_time(Clock::time_point now);

  private:
    friend class ResponseSink;

    ActiveRequest(RequestLoop& loop, std::unique_ptr<Request> request)
        : loop_(loop), request_(std::move(request)) {}

    void unreferenced() noexcept override;

    void identify(std::string_view peer_address);
    /// The answer, where it needs no handler.
    std::optional<Response> answer_at_once();
    bool is_one_too_many() const noexcept;
    std::unique_ptr<MiddlewareChain> through_middleware(std::optional<Response> at_once);
    static async::Task<> handle(context::Reference<ActiveRequest> self,
                                std::unique_ptr<MiddlewareChain> middleware);
    void spawn(async::Task<> task);
    bool take_background_place();
    void begin_background_tasks();
    std::optional<Response> answer_to(const std::exception_ptr& error) noexcept;
    static async::Task<> stream(ActiveRequest& self, Response response);
    /// Whether it has a body that is to be written piece by piece.
    bool is_streamed(const Response& response) const;
    bool streaming() const noexcept { return first_byte_ != Clock::time_point(); }
    bool ending() const noexcept { return loop_.phase != RequestLoop::Phase::serving; }
    bool may_write() const noexcept {
        return owner_ != nullptr && cancelled == context::Cancelled::no;
    }
    void send_piece(const Response& response, Body piece);
    void hold_for_stream(std::size_t bytes);
    void count_streamed(std::size_t size) noexcept;
    void break_off(const std::exception_ptr& error) noexcept;
    void observe_start();
    void answered(Response&& response);
    void failed() noexcept;
    Clock::time_point end(int status, std::size_t body_size, std::string_view malformed_reason,
                          bool lost) noexcept;
    void count_for_drain(bool lost) const;
    void count_itself() noexcept;

    RequestLoop& loop_;
    const std::unique_ptr<Request> request_;
    bool clients_deadline_ = false;  ///< `deadline` is one that the client has set
    std::size_t size_ = 0;
    bool counts_itself_ = false;  ///< among what all hold, as no connection does any more
    std::unique_ptr<std::array<char, 32>> own_id_;  ///< where neither client nor trace gave one
    Owner* owner_ = nullptr;                        ///< null: nobody sends an answer
    std::shared_ptr<void> background_place_;        ///< among --limit-background-tasks
    std::shared_ptr<BackgroundTasks> background_;
    std::string_view abandoned_because_;
    int abandoned_with_ = 0;  ///< status
    asio::cancellation_signal cancellation_;
    bool observed_ = false;  ///< the observer knows it
    bool running_ = false;   ///< its handler or its stream has not come to an end
    bool finished_ = false;
    Clock::time_point slow_log_due_ = Clock::time_point::max();
    ResponseSink* sink_ = nullptr;    ///< of the stream that runs
    Clock::time_point first_byte_{};  ///< when its stream began, if it did
    std::size_t streamed_ = 0;
    std::size_t held_by_stream_ = 0;
};

}  // namespace signalbox::http
