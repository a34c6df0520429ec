#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "signalbox/async/executor.hpp"
#include "signalbox/async/task.hpp"
#include "signalbox/db/detail/session.hpp"
#include "signalbox/db/pool_options.hpp"

namespace signalbox::db {

/// A connection of the pool that a coroutine has for itself until this is destroyed, on the event
/// loop that it was lent to. One that was left in a transaction, or is lost, is not used again.
///
/// Books for the request and the observer what is done with it.
class Lease {
  public:
    /// `returned` is told whether the connection can still be used, and throws nothing. `explain`
    /// knows more of why a statement failed than PostgreSQL. The options are the pool's.
    Lease(std::shared_ptr<Connection> connection, const PoolOptions& options,
          std::function<void(bool usable)> returned,
          std::function<std::exception_ptr(const std::exception_ptr&)> explain);
    ~Lease();
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    /// Whether the server has closed it. Before begin().
    [[nodiscard]] bool hung_up() const noexcept;

    /// On the loop that it was lent to, before all else.
    void begin(const async::Executor& executor);

    /// Session's. `told` is the statement that the observer is told of; empty: of none.
    async::Task<std::vector<PgResult>> run(std::vector<Command> commands, std::string_view told,
                                           Session::Cancellable cancellable);
    async::Task<std::size_t> copy_in(std::string sql, std::function<std::string()> next);
    async::Task<> roll_back() { return session_->roll_back(); }

    [[nodiscard]] Session& session() const noexcept { return *session_; }
    [[nodiscard]] bool lost() const noexcept { return connection_->lost(); }

  private:
    void book(std::string_view told, const std::exception_ptr& error) const;

    const std::shared_ptr<Connection> connection_;
    const PoolOptions& options_;
    const std::function<void(bool)> returned_;
    const std::function<std::exception_ptr(const std::exception_ptr&)> explain_;
    context::RequestContext* request_ = nullptr;
    std::shared_ptr<Session> session_;
};

}  // namespace signalbox::db
