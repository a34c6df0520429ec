#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "signalbox/async/deadline_timer.hpp"
#include "signalbox/async/task.hpp"
#include "signalbox/context/request_context.hpp"
#include "signalbox/db/detail/lease.hpp"
#include "signalbox/db/detail/session.hpp"
#include "signalbox/db/statement.hpp"
#include "signalbox/db/transaction.hpp"
#include "signalbox/observe/database_observer.hpp"

namespace signalbox::db::detail {

/// What a Transaction is: a connection from its first statement on, a transaction on it, and the
/// time that it may be idle.
///
/// Threads: its event loop's.
class TransactionCore {
  public:
    TransactionCore(ConnectionPool& pool, const TransactionOptions& options);
    ~TransactionCore();
    TransactionCore(const TransactionCore&) = delete;
    TransactionCore& operator=(const TransactionCore&) = delete;

    /// The results of the commands, sent together. Begins the transaction first, if it has not.
    async::Task<std::vector<PgResult>> run(std::vector<Command> commands);
    /// To be sent with the commands that come next, in front of them.
    void queue(Statement statement) { queued_.push_back(std::move(statement)); }
    async::Task<std::size_t> copy(std::string table, std::vector<std::string> columns,
                                  std::function<std::string()> next);
    async::Task<> commit();
    async::Task<> roll_back();

    async::Task<> open_savepoint();
    async::Task<> close_savepoint();
    async::Task<> return_to_savepoint();

  private:
    using Clock = async::DeadlineTimer::Clock;
    class Active;

    async::Task<> take_connection(Clock::time_point newer_than);
    async::Task<std::vector<PgResult>> run_behind_queue(std::vector<Command> commands);
    async::Task<std::vector<PgResult>> begin_with(std::vector<Command> commands);
    async::Task<std::vector<PgResult>> round_trip(std::vector<Command> commands,
                                                  Session::Cancellable cancellable);
    void drop_connection();
    void release(observe::TransactionOutcome outcome);
    void on_idle();
    [[noreturn]] static void throw_ended();
    [[nodiscard]] std::string savepoint() const;

    ConnectionPool& pool_;
    const std::string begin_;
    std::shared_ptr<Lease> lease_;
    std::optional<async::DeadlineTimer> idle_;
    context::Reference<context::RequestContext> request_;
    Clock::time_point taken_{};
    std::vector<Statement> queued_;
    bool timed_out_ = false;  ///< ended for being idle
    int savepoints_ = 0;
};

}  // namespace signalbox::db::detail
