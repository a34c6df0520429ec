#pragma once

#include <asio/io_context.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <string>

#include "signalbox/async/deadline_timer.hpp"
#include "signalbox/config/config.hpp"
#include "signalbox/http/server/request_observer.hpp"
#include "signalbox/http/watch/line_sampler.hpp"
#include "signalbox/http/watch/redact.hpp"
#include "signalbox/observe/log.hpp"

namespace signalbox::http {

/// Writes the log of one event loop's requests: one line for each that is over, with what was asked
/// and answered, how long it took and what it waited for, and warnings about slow ones. A 500's
/// cause is in its line, under the request id that the client has.
///
/// Lines are handed to the log many at a time, at most some milliseconds late: handing over one
/// costs as much as writing several.
///
/// Of what is shed or refused, and of connections that fail, a hundred lines a second are written
/// at most; the next line of any kind says how many were not (`log.left_out`), or one of its own
/// when for a second no other comes.
///
/// For the loop's thread. `log`, `which` and `redaction` must outlive it.
class AccessLogger {
  public:
    AccessLogger(asio::io_context& loop, observe::Log& log,
                 const std::atomic<config::AccessLog>& which, const Redaction& redaction);
    ~AccessLogger();

    void finished(const FinishedRequest& finished, std::chrono::steady_clock::duration duration,
                  std::string_view error_type);
    void slow(const Request& request, const context::RequestContext& in_flight);
    void blocked(const context::RequestContext& in_flight,
                 std::chrono::steady_clock::duration taken);
    /// A task has thrown that a handler, or nobody in particular, had spawned.
    void task_failed(const context::RequestContext* request, const std::exception_ptr& error);
    /// A connection was closed for want of what its own code needs.
    void failed(const std::exception_ptr& error) noexcept;
    /// So many connections were ended for this reason.
    void cut(std::string_view reason, std::size_t count);
    void flush();

  private:
    observe::Line begin(config::LogLevel level, std::string_view body);
    void end();
    bool may_write();
    void tell_left_out();
    std::string_view path(const Request& request);
    std::string text_body(const FinishedRequest& finished,
                          std::chrono::steady_clock::duration duration);
    void add_request(observe::Line& line, const FinishedRequest& finished);

    observe::Log& log_;
    const std::atomic<config::AccessLog>& which_;
    const Redaction& redaction_;
    std::string lines_;
    std::size_t complete_ = 0;  ///< bytes of `lines_`: what is behind them is no line
    std::size_t count_ = 0;
    bool flush_due_ = false;
    async::DeadlineTimer flush_timer_;
    LineSampler sampler_;
    async::DeadlineTimer left_out_timer_;
    std::string redacted_path_;
    std::string shortened_path_;
    std::string spaceless_path_;
};

}  // namespace signalbox::http
