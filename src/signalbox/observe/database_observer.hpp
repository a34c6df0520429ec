#pragma once

#include <chrono>
#include <cstddef>
#include <string_view>

namespace signalbox::observe {

enum class TransactionOutcome {
    committed,
    rolled_back,
    unknown,  ///< its connection broke when COMMIT had been sent
};

/// How a stream of rows ended for one of those who read it.
enum class StreamOutcome {
    completed,
    failed,       ///< PostgreSQL refused, or the connection broke
    left,         ///< its reader did, before the end
    slow_client,  ///< the reader took too little while others waited
};

/// Why a statement is executed once more.
enum class Retry {
    connection,  ///< it lost it
    conflict,    ///< others were in its way: a serialization failure, a deadlock
};

/// Told what the pool of connections to the database does, by any of its threads and any event
/// loop, at once: it must not block.
class DatabaseObserver {
  public:
    using Duration = std::chrono::steady_clock::duration;

    virtual ~DatabaseObserver() = default;

    /// A statement was executed. `error` is an SQLSTATE, or a constant of this program, or empty.
    virtual void executed(std::string_view sql, Duration duration, std::string_view error) = 0;

    /// What a request saw of the pool. One that gave up waited, too.
    virtual void waited(Duration duration) = 0;
    virtual void timed_out() = 0;
    virtual void shared_a_read() = 0;
    /// A read, or a write that may be repeated, is executed once more.
    virtual void retried(Retry reason) = 0;

    /// One that had a connection for so long. What is run again counts again.
    virtual void transaction_ended(TransactionOutcome outcome, Duration duration) = 0;

    /// So many rows of a stream came from the database, for whoever reads them.
    virtual void streamed(std::size_t rows, std::size_t bytes) = 0;
    /// One of more rows than a read has.
    virtual void stream_ended(StreamOutcome outcome) = 0;

    /// What a connection was worth.
    virtual void connected(Duration duration) = 0;
    virtual void used(Duration duration) = 0;
};

}  // namespace signalbox::observe
