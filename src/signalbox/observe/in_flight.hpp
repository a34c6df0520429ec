#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "signalbox/observe/trace_context.hpp"

namespace signalbox::observe {

/// What a request in flight waits for; `handler` while its own code runs.
enum class Waiting : std::uint8_t { handler, timer, database_queue, database, client };

std::string_view to_string(Waiting waiting);

/// Why a request was cancelled before its handler came to an end.
enum class Cancelled : std::uint8_t { no, client_gone, deadline, shutdown };

/// Why a request was turned away instead of being worked on.
enum class Shed : std::uint8_t { no, concurrency, database_queue, draining };

class InFlightShard;

/// What is known of one request from outside while it is in flight, and for its access line.
///
/// Threads: the request's event loop, but for `wait_for` and what reads it, which any thread may
/// call. While an InFlightRegistry has it, its other threads read the first group of members.
/// Lifetime: owned by the connection; outlives the request's coroutines.
class InFlightRequest {
  public:
    using Clock = std::chrono::steady_clock;

    InFlightRequest() = default;
    ~InFlightRequest();  ///< leaves the registry
    InFlightRequest(const InFlightRequest&) = delete;
    InFlightRequest& operator=(const InFlightRequest&) = delete;

    /// Unchanged while the registry has it. The views outlive that; method, route and scheme are of
    /// bounded sets, whatever clients send, and are never destroyed before the server is.
    Clock::time_point started{};
    Clock::time_point deadline = Clock::time_point::max();
    TraceContext trace;
    std::string request_id;
    std::string_view method;  ///< `_OTHER` when it is not a known one
    std::string_view route;   ///< the template; empty when no route matched
    std::string_view scheme;  ///< `http` or `https`
    std::string_view path;    ///< decoded
    std::string_view client_address;

    std::size_t in_flight_at_start = 0;
    Cancelled cancelled = Cancelled::no;
    Shed shed = Shed::no;
    std::string_view error_type;  ///< of a bounded set; empty for none, or when the status says it
    std::string error_cause;      ///< for the log only, never for the client
    Clock::duration database_wait{};
    Clock::duration database_use{};
    bool shared_read = false;

    Waiting waiting() const noexcept { return waiting_.load(std::memory_order_relaxed); }
    Clock::time_point waiting_since() const noexcept {
        return Clock::time_point(Clock::duration(waiting_since_.load(std::memory_order_relaxed)));
    }

    /// Begins a new request on the same connection.
    void restart(Clock::time_point now);

    void wait_for(Waiting waiting, Clock::time_point now) noexcept {
        waiting_.store(waiting, std::memory_order_relaxed);
        waiting_since_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
    }

  private:
    friend class WaitScope;
    friend class InFlightShard;

    int open_waits_ = 0;
    InFlightShard* shard_ = nullptr;
    std::atomic<Waiting> waiting_{Waiting::handler};
    std::atomic<Clock::rep> waiting_since_{0};
    /// Its place in the shard's list, kept here so that taking it costs no memory.
    InFlightRequest* previous_ = nullptr;
    InFlightRequest* next_ = nullptr;
};

/// Marks a request as waiting for as long as the scope lives, or another that began meanwhile: a
/// request can wait for several things at once. The request may be null: code that
/// runs for no request waits for nobody's sake.
class WaitScope {
  public:
    WaitScope(InFlightRequest* request, Waiting waiting) noexcept : request_(request) {
        if (request_ == nullptr) return;
        ++request_->open_waits_;
        request_->wait_for(waiting, InFlightRequest::Clock::now());
    }
    ~WaitScope() {
        if (request_ == nullptr || --request_->open_waits_ > 0) return;
        request_->wait_for(Waiting::handler, InFlightRequest::Clock::now());
    }
    WaitScope(const WaitScope&) = delete;
    WaitScope& operator=(const WaitScope&) = delete;

  private:
    InFlightRequest* request_;
};

}  // namespace signalbox::observe
