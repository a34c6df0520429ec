#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "signalbox/context/log_fields.hpp"
#include "signalbox/context/trace_context.hpp"

namespace signalbox::context {

/// What a request in flight waits for; `handler` while its own code runs.
enum class Waiting : std::uint8_t { handler, timer, database_queue, database, http_client, client };

std::string_view to_string(Waiting waiting);

/// Why a request was cancelled before its handler came to an end. `client_deadline`: the client
/// itself has set it; `connection_failed`: its connection was cut.
enum class Cancelled : std::uint8_t {
    no,
    client_gone,
    deadline,
    client_deadline,
    shutdown,
    limit_buffered,
    connection_failed
};

/// Why a request was turned away instead of being worked on.
enum class Shed : std::uint8_t {
    no,
    concurrency,
    database_queue,
    draining,
    limit_buffered,
    background_tasks
};

class RequestList;

/// What runs, waits and is cancelled for one request, and whose request it is. Every coroutine that
/// works for the request holds it by its executor, so it lives as long as the last of them, even
/// one that was spawned and goes on when the client has long left.
///
/// Threads: the request's event loop, where it is counted without atomics as well; but for
/// `wait_for` and what reads it and the transaction, which any thread may call. While a RequestList
/// has it, others read the first group of members under the list's lock.
class RequestContext {
  public:
    using Clock = std::chrono::steady_clock;

    RequestContext() = default;
    virtual ~RequestContext();  ///< leaves its list; nothing may refer to it any more
    RequestContext(const RequestContext&) = delete;
    RequestContext& operator=(const RequestContext&) = delete;

    /// Unchanged once it is in a list, but by lift_deadline(). Method, route and scheme come from
    /// bounded sets, whatever clients send, and are not destroyed before the server; the other
    /// views look into the request, which lives as long as this.
    Clock::time_point started{};
    Clock::time_point deadline = Clock::time_point::max();
    TraceContext trace;
    std::string_view request_id;
    std::string_view method;  ///< `_OTHER` when it is not a known one
    std::string_view route;   ///< the template; empty when no route matched
    std::string_view scheme;  ///< `http` or `https`
    std::string_view path;    ///< decoded
    std::string_view client_address;

    std::size_t in_flight_at_start = 0;
    Cancelled cancelled = Cancelled::no;
    Shed shed = Shed::no;
    bool shared_read = false;
    std::string_view error_type;  ///< of a bounded set; empty for none, or when the status says it
    Clock::duration database_wait{};
    Clock::duration database_use{};

    /// The `tracestate` that came with a valid `traceparent`, to be sent along with it; mostly
    /// empty.
    virtual std::string tracestate() const { return {}; }

    /// What works for it holds so many bytes of memory more from now on, until it is over: they
    /// count in --limit-buffered. Where they do not fit it is cancelled. In a list or not.
    virtual void hold([[maybe_unused]] std::size_t bytes) {}

    /// It has no deadline any more: its response is a stream that has begun.
    void lift_deadline();

    /// For the log only, never for the client.
    std::string_view error_cause() const noexcept {
        return error_cause_ ? std::string_view(*error_cause_) : std::string_view();
    }
    void set_error_cause(std::string cause) {
        error_cause_ = std::make_unique<const std::string>(std::move(cause));
    }

    /// What the application adds to its lines in the log; null for nothing.
    const LogFields* log_fields() const noexcept { return log_fields_.get(); }
    LogFields& own_log_fields() {
        if (!log_fields_) log_fields_ = std::make_unique<LogFields>();
        return *log_fields_;
    }

    Waiting waiting() const noexcept { return waiting_.load(std::memory_order_relaxed); }
    Clock::time_point waiting_since() const noexcept {
        return Clock::time_point(Clock::duration(waiting_since_.load(std::memory_order_relaxed)));
    }
    /// Since when a transaction of it holds a connection; the first of several that overlap.
    std::optional<Clock::time_point> in_transaction_since() const noexcept {
        const auto since = in_transaction_since_.load(std::memory_order_relaxed);
        if (since == none) return std::nullopt;
        return Clock::time_point(Clock::duration(since));
    }
    void begin_transaction(Clock::time_point now) noexcept {
        if (open_transactions_++ == 0)
            in_transaction_since_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
    }
    void end_transaction() noexcept {
        if (--open_transactions_ == 0) in_transaction_since_.store(none, std::memory_order_relaxed);
    }
    void wait_for(Waiting waiting, Clock::time_point now) noexcept {
        waiting_.store(waiting, std::memory_order_relaxed);
        waiting_since_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
    }

  protected:
    /// The last reference is gone: one that was made for references destroys itself.
    virtual void unreferenced() noexcept {}

  private:
    template <class Context>
    friend class Reference;
    friend class RequestList;
    friend class WaitScope;

    std::uint32_t references_ = 0;
    static constexpr auto none = Clock::time_point::min().time_since_epoch().count();

    std::uint16_t open_waits_ = 0;
    std::uint16_t open_transactions_ = 0;
    std::atomic<Waiting> waiting_{Waiting::handler};
    std::atomic<Clock::rep> waiting_since_{0};
    std::atomic<Clock::rep> in_transaction_since_{none};
    std::unique_ptr<const std::string> error_cause_;  ///< few requests have one
    std::unique_ptr<LogFields> log_fields_;           ///< as few
    /// Its place in a list, kept here so that taking it costs no memory.
    RequestList* list_ = nullptr;
    RequestContext* previous_ = nullptr;
    RequestContext* next_ = nullptr;
};

/// Keeps a RequestContext, or what is derived from it, alive; may be null. For the loop's thread:
/// the count is a plain number.
template <class Context>
class Reference {
  public:
    Reference() noexcept = default;
    Reference(Context* context) noexcept : context_(context) {  // NOLINT: as a pointer is given
        if (context_ != nullptr) ++counted().references_;
    }
    Reference(const Reference& other) noexcept : Reference(other.context_) {}
    Reference(Reference&& other) noexcept : context_(std::exchange(other.context_, nullptr)) {}
    Reference& operator=(Reference other) noexcept {
        std::swap(context_, other.context_);
        return *this;
    }
    ~Reference() {
        if (context_ != nullptr && --counted().references_ == 0) counted().unreferenced();
    }

    Context* get() const noexcept { return context_; }
    Context& operator*() const noexcept { return *context_; }
    Context* operator->() const noexcept { return context_; }
    explicit operator bool() const noexcept { return context_ != nullptr; }
    friend bool operator==(const Reference& a, const Reference& b) noexcept = default;

  private:
    RequestContext& counted() const noexcept { return *context_; }

    Context* context_ = nullptr;
};

/// Marks a request as waiting for as long as this scope lives, or another that began meanwhile: a
/// request can wait for several things at once. The request may be null, for code that runs for no
/// request.
class WaitScope {
  public:
    WaitScope(RequestContext* request, Waiting waiting) noexcept : request_(request) {
        if (request_ == nullptr) return;
        ++request_->open_waits_;
        request_->wait_for(waiting, RequestContext::Clock::now());
    }
    ~WaitScope() {
        if (request_ == nullptr || --request_->open_waits_ > 0) return;
        request_->wait_for(Waiting::handler, RequestContext::Clock::now());
    }
    WaitScope(const WaitScope&) = delete;
    WaitScope& operator=(const WaitScope&) = delete;

  private:
    RequestContext* request_;
};

}  // namespace signalbox::context
